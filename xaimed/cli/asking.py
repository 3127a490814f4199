"""What several commands read from their arguments alike."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from xaimed.errors import InputError


def dataset_options(given: Iterable[str]) -> dict[str, str]:
    """The options of a dataset's reader from KEY=VALUE arguments. Raises InputError for one without a "="."""
    pairs = [text.split("=", 1) for text in given]
    for pair in pairs:
        if len(pair) < 2 or not pair[0]:
            raise InputError(f"--dataset-option {'='.join(pair)!r}; expected KEY=VALUE, such as radius=2")
    return dict(pairs)


def expect_place(path: Path) -> None:
    """Raises InputError where a file of that path could not be written for want of a folder, or is a folder."""
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; expected a file in a folder that exists: make it "
                         "first")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; expected a file's name")
