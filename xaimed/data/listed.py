"""A dataset as a list: what it is, its rows, and a function that makes the picture of one row on demand."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from xaimed.data.dataset import CaseRow, DataRequest, People
from xaimed.errors import InputError, NotFound, unknown
from xaimed.types import Box, Case, Floats, Mask, Matrix

T = TypeVar("T")
WORDS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


@dataclass(frozen=True)
class About:
    """What a dataset is: name, title, task as a model's, classes in order, warnings, and whether pixels are made.

    people: whether it is known which images are of one person ("known", "unknown"), or all are of one ("one").
    channels: what the channels of an image show, of those whose channels are modalities.
    """

    name: str
    title: str
    task: str
    classes: tuple[str, ...]
    warnings: tuple[str, ...]
    synthetic: bool = False
    people: People = "known"
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Picture:
    """What the pixels of a case are, once made; the fields are those of Case."""

    image: Floats
    digest: str
    boxes: tuple[Box, ...] = ()
    masks: Mask | None = None
    segments: Mapping[str, Mask] = field(default_factory=dict)
    wanted: Floats | None = None
    displacement: Floats | None = None
    spacing_mm: float | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    affine: Matrix = field(default_factory=lambda: np.eye(3))


class Listed:
    """The dataset of the given rows; `picture` makes the pixels of a row's index when it is asked for."""

    def __init__(self, about: About, rows: Sequence[CaseRow], picture: Callable[[int], Picture]) -> None:
        self.name, self.title, self.task = about.name, about.title, about.task
        self.synthetic, self.classes, self.warnings = about.synthetic, about.classes, about.warnings
        self.people, self.channels = about.people, about.channels
        self.rows, self.picture = tuple(rows), picture

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Case:
        """The case of a row, its pixels made now. Raises InputError where the file cannot be used."""
        row, made = self.rows[index], self.picture(index % len(self.rows))
        return Case(id=row.case, patient=row.patient, split=row.split, label=row.label, synthetic=self.synthetic,
                    image=made.image, digest=made.digest, boxes=made.boxes, masks=made.masks, segments=made.segments,
                    wanted=made.wanted, displacement=made.displacement, spacing_mm=made.spacing_mm,
                    groups={**row.groups, **made.groups}, affine=made.affine)


@dataclass(frozen=True)
class Origin:
    """Where a dataset lies and comes from: its folder below the root, a file that it must hold (a glob), in words."""

    folder: str
    mark: str
    source: str


def located(request: DataRequest, origin: Origin) -> Path:
    """The first file that fits the mark, in the folder below `request.root` or in the root itself.

    Raises NotFound, with where the set is to be had, if there is none.
    """
    if request.root is None:
        raise NotFound(f"{request.name} needs a folder; give the one that holds {origin.folder}/ with --data or "
                       f"XAIMED_DATA. {origin.source}")
    for place in (request.root / origin.folder, request.root):
        found = sorted(place.glob(origin.mark)) if place.is_dir() else []
        if found:
            return found[0]
    raise NotFound(f"no {origin.mark} in {request.root / origin.folder} or {request.root}; expected the folder of "
                   f"{request.name}. {origin.source}")


def chosen(kind: type[T], request: DataRequest) -> T:
    """The options of a request as a frozen dataclass whose fields are int, float, bool (yes, no) or str.

    Raises NotFound for an unknown option, with the nearest name, InputError for a value of another type.
    """
    known = {entry.name: entry.default for entry in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in request.options:
        if name not in known:
            raise unknown(f"option of {request.name}", name, known)
    return kind(**{name: _typed(known[name], str(value), f"option {name} of {request.name}")
                   for name, value in request.options.items()})


def _typed(default: object, text: str, where: str) -> object:
    if isinstance(default, bool):
        if text.lower() not in WORDS:
            raise InputError(f"{where}: {text!r}; expected yes or no")
        return WORDS[text.lower()]
    try:
        return type(default)(text)  # type: ignore[call-arg]
    except ValueError as error:
        raise InputError(f"{where}: {text!r}; expected {type(default).__name__}, such as {default!r}") from error


def moved(x: float, y: float, factor: float = 1.0) -> Matrix:
    """(3, 3): from the coordinates of a window whose corner lies at x, y, reduced by a factor, to the whole image's."""
    return np.array([[factor, 0.0, x], [0.0, factor, y], [0.0, 0.0, 1.0]])


def slug(text: str) -> str:
    """The text as a pseudonym: letters and digits kept, whatever lies between them one hyphen."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:64]
