"""What is wrong with a file, told to a reader: the run and the file by name, no folder of this machine, no Python."""

from __future__ import annotations

import re
from pathlib import PurePath

from xaimed.errors import XaimedError

PATH = re.compile(r"(?<![\w./])(?:[A-Za-z]:[\\/]|/)[^\s:;,'\"()]+")
FIRST = re.compile(r"^((?:[A-Za-z]:[\\/]|/).*?): ")  # a message begins with its path, which may hold spaces
WHY = re.compile(r"(damaged or missing|damaged|cannot be read as parquet) \((?:[^()]|\([^()]*\))*\)")
NO_FOLDER = re.compile(r"no maps of case '[^']*'; expected one of the run's cases")
ARRAYS = {"image": "the image of {case}", "maps": "the maps of {case}", "planes": "the model's answer to {case}"}
FILES = (".json", ".jsonl", ".parquet", ".toml", ".pdf", ".sqlite")
EXPECTED = "missing; expected what the audit wrote: restore it from a copy or run the audit again"


def told(error: XaimedError) -> str:
    """What was found, what was expected and what to do, in one line that a reader without the machine understands."""
    text = " ".join(str(error).split())
    text = WHY.sub("missing" if isinstance(error.__cause__, FileNotFoundError) else "damaged", text)
    text = NO_FOLDER.sub(EXPECTED, text).replace("expected the array that", "expected what")
    text = FIRST.sub(lambda found: f"{named(found[1])}: ", text, count=1)
    return PATH.sub(lambda found: named(found[0]), text)


def named(path: str) -> str:
    """A file or folder in words: "run first, scores.parquet" or "run first, the image of p01-L-CC"."""
    parts = PurePath(path).parts
    if "maps.zarr" in parts[:-1]:
        at = len(parts) - 1 - parts[::-1].index("maps.zarr")
        what = ARRAYS.get(parts[at + 2] if len(parts) > at + 2 else "", "the image and maps of {case}")
        return f"run {_run(parts[at - 1])}, {what.format(case=parts[at + 1])}"
    name = parts[-1]
    if not name.endswith(FILES) or len(parts) < 2:
        return _run(name)
    return name if name.endswith(".sqlite") else f"run {_run(parts[-2])}, {name}"


def _run(folder: str) -> str:
    """The name of a run, also while it is written under `.NAME.partial`."""
    return folder[1:-len(".partial")] if folder.startswith(".") and folder.endswith(".partial") else folder
