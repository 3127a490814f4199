"""The tree of errors that a user can meet.

XaimedError
├── InputError      what was given: a file, an image, a table, an annotation
│   └── UnsafeFile  a file that would run code when it is read
├── NotFound        a name or a path that does not exist (with the nearest names)
├── ModelError      a model file, an architecture or a layer
├── TargetError     a target that the model's output does not have
├── PlanError       a plan or a recipe
├── StoreError      a run folder: not complete, newer, damaged, disk full
└── MissingExtra    an optional package that is not installed

Every message says what was found, what was expected and what to do, in one line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class XaimedError(Exception):
    """A known problem; the command line prints it as one line and ends with exit code 2."""


class InputError(XaimedError):
    """What was given cannot be used."""


class UnsafeFile(InputError):
    """The file would run code when it is read."""


class NotFound(XaimedError):
    """The name or path does not exist."""


class ModelError(XaimedError):
    """The model file, architecture or layer cannot be used."""


class TargetError(XaimedError):
    """The target does not exist in the model's output."""


class PlanError(XaimedError):
    """The plan or recipe holds something that cannot be run."""


class StoreError(XaimedError):
    """The run folder cannot be read or written."""


class MissingExtra(XaimedError):
    """An optional package is not installed."""


def unknown(kind: str, name: str, known: Iterable[str]) -> NotFound:
    """A NotFound error that names the nearest known names.

    >>> str(unknown("method", "grad_cm", ["grad_cam", "rise"]))
    "unknown method 'grad_cm'; did you mean 'grad_cam'? known: grad_cam, rise"
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=2, cutoff=0.5)
    hint = f"; did you mean {' or '.join(repr(n) for n in near)}?" if near else ";"
    return NotFound(f"unknown {kind} {name!r}{hint} known: {', '.join(names) or 'none'}")
