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

from collections.abc import Iterable

SHOWN, PART, FAR = 100, 4, 1000  # letters: of an unknown name, of a part that stands for a whole, of no nearness


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


def unknown(kind: str, name: str, known: Iterable[str], others: Iterable[str] = ()) -> NotFound:
    """A NotFound error that names the known names, and first those that are near; others: near ones may be of these.

    >>> str(unknown("method", "grad_cm", ["grad_cam", "rise"]))
    "unknown method 'grad_cm'; did you mean 'grad_cam'? known: grad_cam, rise"
    """
    names = sorted(known)
    found = near(name, [*names, *others])
    hint = f"; did you mean {' or '.join(repr(n) for n in found)}?" if found else ";"
    return NotFound(f"unknown {kind} {name[:SHOWN]!r}{hint} known: {', '.join(names) or 'none'}")


def near(name: str, known: Iterable[str], most: int = 2) -> list[str]:
    """The known names that `name` may have been meant for, the nearest first.

    Those that differ by few letters (one in four, at least one), those that hold it and those that it begins with.
    Case, spaces, hyphens and underscores do not count, nor what stands before a slash.

    >>> near("resnext9000", ["lenet", "alexnet"]), near("Grad-CAM", ["grad_cam", "rise"]), near("nwe", ["new", "old"])
    ([], ['grad_cam'], ['new'])
    """
    asked = _plain(name)[:SHOWN]
    found = [(min(_distance(asked, _plain(part)) for part in (each, each.rpartition("/")[2])),
              abs(len(each) - len(name)), each) for each in dict.fromkeys(known)]
    return [each for distance, _, each in sorted(found) if distance <= max(1, len(asked) // 4)][:most]


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter not in " -_")


def _distance(asked: str, name: str) -> int:
    """Letters to be added, left out, changed or swapped with their neighbour; 1 for a part that stands for a name."""
    if abs(len(asked) - len(name)) > len(asked) // 4 + 1:
        part = min(len(asked), len(name)) >= PART and (asked in name or asked.startswith(name))
        return 1 if part else FAR
    rows = [list(range(len(name) + 1))]
    for i, letter in enumerate(asked, 1):
        row = [i]
        for j, other in enumerate(name, 1):
            least = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == name[j - 2] and asked[i - 2] == other:
                least = min(least, rows[-2][j - 2] + 1)
            row.append(least)
        rows.append(row)
    return rows[-1][-1]
