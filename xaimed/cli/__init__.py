"""The command line: one file per command, each with add(subparsers) and run(options)."""

from __future__ import annotations

ENGINE = frozenset({"app", "asking", "ending", "ladder", "paper", "progress", "reproduce"})
