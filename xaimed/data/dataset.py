"""What a dataset is: rows that are known without decoding a pixel, and cases that are decoded on demand."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol, overload

from xaimed.errors import InputError, NotFound
from xaimed.types import Case

People = Literal["known", "unknown", "one"]
SPLITS = ("train", "val", "test", "all")


@dataclass(frozen=True)
class DataRequest:
    """Which dataset is wanted. root: the folder that holds `mini-mias/` and the like, or the folder itself."""

    name: str
    root: Path | None = None
    annotations: Path | None = None
    seed: int = 0
    limit: int | None = None
    empty: bool = False
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CaseRow:
    """What is known of a case without decoding its image."""

    case: str
    patient: str
    split: str
    label: str | None
    groups: Mapping[str, str] = field(default_factory=dict)


class Dataset(Protocol):
    """Cases of one origin. Indexing decodes one image; `rows` decodes none."""

    name: str
    title: str
    task: str
    synthetic: bool
    classes: tuple[str, ...]
    warnings: tuple[str, ...]
    rows: tuple[CaseRow, ...]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Case: ...


class Selection(Sequence[Case]):
    """Some cases of a dataset, in order; a slice gives a list of decoded cases."""

    def __init__(self, dataset: Dataset, indices: Sequence[int], split: str) -> None:
        self.dataset, self.indices, self.split = dataset, tuple(indices), split
        self.name, self.title, self.task = dataset.name, dataset.title, dataset.task
        self.synthetic, self.classes, self.warnings = dataset.synthetic, dataset.classes, dataset.warnings
        # A dataset that says nothing of it names its patients.
        self.people: People = getattr(dataset, "people", "known")
        self.channels: tuple[str, ...] = getattr(dataset, "channels", ())
        self.rows = tuple(dataset.rows[i] for i in self.indices)

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Case: ...
    @overload
    def __getitem__(self, index: slice) -> list[Case]: ...
    def __getitem__(self, index: int | slice) -> Case | list[Case]:
        if isinstance(index, slice):
            return [self.dataset[i] for i in self.indices[index]]
        return self.dataset[self.indices[index]]

    def __iter__(self) -> Iterator[Case]:
        return (self.dataset[i] for i in self.indices)


def data_root(root: Path | None) -> Path | None:
    """The folder that holds the datasets: `root`, or the variable XAIMED_DATA, or None."""
    if root is not None:
        return root
    given = os.environ.get("XAIMED_DATA")
    return Path(given) if given else None


def open_dataset(name: str, split: str | None = None, root: str | Path | None = None,
                 annotations: str | Path | None = None, limit: int | None = None) -> Selection:
    """The cases of a dataset by name, or of a folder by path, optionally of one split.

    split: "train", "val", "test" or "all" (None). limit: at most so many cases.
    Raises NotFound for an unknown name or a missing folder, InputError for an empty split.
    """
    return opened(DataRequest(name, Path(root) if root else None, Path(annotations) if annotations else None,
                              limit=limit), split)


def opened(request: DataRequest, split: str | None = None) -> Selection:
    """As `open_dataset`, for a request that may carry options of the dataset's own reader."""
    from xaimed.registry import load, names

    known = names("data")
    folder = Path(request.name)
    if request.name in known and request.name != "folder":
        module, where = load("data", request.name), data_root(request.root)
    elif folder.exists():
        module, where = load("data", "folder"), folder
    else:
        from xaimed.errors import unknown

        raise unknown("dataset or folder", request.name, set(known) - {"folder"})
    return select(module.open(replace(request, root=where)), split, request.limit, request.empty)


def select(dataset: Dataset, split: str | None, limit: int | None = None, empty: bool = False) -> Selection:
    """The cases of one split. Raises NotFound for an unknown split, InputError where it is empty and may not be."""
    if split is not None and split not in SPLITS:
        from xaimed.errors import unknown

        raise unknown("split", split, SPLITS)
    chosen = [i for i, row in enumerate(dataset.rows) if split in (None, "all") or row.split == split]
    if not chosen and not empty:
        found = sorted({row.split for row in dataset.rows})
        raise InputError(f"split {split!r} of {dataset.name!r} holds no case; found splits: "
                         f"{', '.join(found) or 'none'}: choose one of them with --split")
    return Selection(dataset, chosen if limit is None else _fewer(dataset, chosen, limit), split or "all")


def _fewer(dataset: Dataset, chosen: Sequence[int], limit: int) -> Sequence[int]:
    """The first cases of a detection set, in which the views of a patient stand together; else spread evenly.

    Image sets for other tasks often hold class after class, so that their first cases are all of one.
    """
    if dataset.task == "detection" or len(chosen) <= limit:
        return chosen[:limit]
    return [chosen[place * len(chosen) // limit] for place in range(limit)]


__all__ = ["CaseRow", "DataRequest", "Dataset", "NotFound", "Selection", "data_root", "open_dataset", "opened",
           "select"]
