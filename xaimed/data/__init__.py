"""Datasets and formats, one file each."""

from __future__ import annotations

ENGINE = frozenset({"annotations", "dataset", "describe", "reference", "scores", "scoresheet", "split", "textsheet"})
