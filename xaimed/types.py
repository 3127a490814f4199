"""The types that every part of xaimed shares: frozen, checked, NumPy only.

Coordinates are continuous pixel coordinates of the original image: x to the right, y down,
pixel (row i, column j) covers [j, j+1) x [i, i+1). A box is x0, y0, x1, y1 in these coordinates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xaimed.errors import InputError
from xaimed.plural import plural

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Matrix = NDArray[np.float64]
Outcome = Literal["pass", "concern", "fail", "not applicable", "NOT ASSESSED"]
Severity = Literal["high", "medium", "low"]

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")


@dataclass(frozen=True)
class Box:
    """A reference box: label and edges x0, y0, x1, y1 in original pixels."""

    label: str
    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        if not (self.x0 < self.x1 and self.y0 < self.y1):
            raise InputError(f"box {self.edges} has no area; expected x0 < x1 and y0 < y1: mend the annotation")

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 in original pixels."""
        return (self.x0, self.y0, self.x1, self.y1)

    @property
    def centre(self) -> tuple[float, float]:
        """x, y of the centre in original pixels."""
        return ((self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2)


@dataclass(frozen=True, eq=False)
class Case:
    """One image with what is known about it; no identifier of a patient.

    id, patient: pseudonyms of letters, digits, - and _. image: float32 (C, H, W), or (C, D, H, W)
    for a volume, in [0, 1]. label: the reference class of the image, or None. boxes: reference
    boxes. masks: bool (N, H, W), one for each box, or None. groups: site, vendor, density, view,
    side ... spacing_mm: size of a pixel (square) or None. digest: sha256 of the source pixels.
    affine: (3, 3) from this image's coordinates to the original file's.
    The reference of tasks that answer in pixels: segments, bool (H, W) of each class; wanted, float32 (C', H, W) in
    [0, 1], the image that is to be made; displacement, float32 (2, H, W), x then y in pixels.
    markers: bool (H, W), letters and labels burned into the image, or None where nobody knows.
    A stack of slices round the one in question is a case with the slices as channels, an image pair likewise.
    """

    id: str
    image: Floats
    label: str | None = None
    boxes: tuple[Box, ...] = ()
    masks: Mask | None = None
    patient: str = ""
    split: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)
    spacing_mm: float | None = None
    digest: str = ""
    affine: Matrix = field(default_factory=lambda: np.eye(3))
    synthetic: bool = False
    segments: Mapping[str, Mask] = field(default_factory=dict)
    wanted: Floats | None = None
    displacement: Floats | None = None
    markers: Mask | None = None

    def __post_init__(self) -> None:
        if not NAME.match(self.id):
            raise InputError(f"case id {self.id!r} is not a pseudonym; expected letters, digits, - and _")
        if self.image.dtype != np.float32 or self.image.ndim not in (3, 4):
            raise InputError(f"case {self.id}: image is {self.image.dtype} {self.image.shape}; "
                             "expected float32 (C, H, W) or (C, D, H, W)")
        check_pixels(self.image, f"case {self.id}")
        check_boxes(self)
        check_dense(self)

    @property
    def height(self) -> int:
        """Rows of the image in pixels."""
        return int(self.image.shape[-2])

    @property
    def width(self) -> int:
        """Columns of the image in pixels."""
        return int(self.image.shape[-1])


def check_pixels(image: Floats, what: str) -> None:
    """Raise InputError if a pixel is not finite or lies outside [0, 1]."""
    low, high = float(image.min(initial=0.0)), float(image.max(initial=0.0))
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = int(image.size - np.isfinite(image).sum())
        raise InputError(f"{what}: {bad} pixels are NaN or infinite; expected finite values: repair the image")
    if low < 0.0 or high > 1.0:
        raise InputError(f"{what}: values from {low:g} to {high:g}; expected [0, 1]")


def check_boxes(case: Case) -> None:
    """Raise InputError if a box leaves the image or the masks are not one for each box."""
    for box in case.boxes:
        if box.x0 < 0 or box.y0 < 0 or box.x1 > case.width or box.y1 > case.height:
            raise InputError(f"case {case.id}: box {box.edges} lies outside the image of {case.width} x {case.height} "
                             "pixels; expected coordinates inside it: mend the annotation")
    if case.masks is not None and case.masks.shape != (len(case.boxes), case.height, case.width):
        raise InputError(f"case {case.id}: masks {case.masks.shape}; expected one {case.height} x {case.width} "
                         f"mask for each of {len(case.boxes)} boxes")


def check_dense(case: Case) -> None:
    """Raise InputError if a reference in pixels has another size than the image, or another type."""
    for name, mask in case.segments.items():
        _check_part(case, f"segments[{name!r}]", mask, (np.bool_, 2))
    if case.markers is not None:
        _check_part(case, "markers", case.markers, (np.bool_, 2))
    if case.wanted is not None:
        check_pixels(case.wanted, f"case {case.id}: the wanted image")
        _check_part(case, "wanted", case.wanted, (np.float32, 3))
    if case.displacement is not None:
        _check_part(case, "displacement", case.displacement, (np.float32, 3))


def _check_part(case: Case, name: str, part: Floats | Mask, wanted: tuple[type, int]) -> None:
    kind, axes = wanted
    if part.ndim != axes or part.dtype != kind or part.shape[-2:] != (case.height, case.width):
        raise InputError(f"case {case.id}: {name} is {part.dtype} {part.shape}; expected {np.dtype(kind)} with "
                         f"{axes} axes, the last two of {(case.height, case.width)} as the image")


@dataclass(frozen=True)
class Detection:
    """A box with class and score in [0, 1], in original pixels; name is d0, d1 ... by falling score."""

    name: str
    label: str
    score: float
    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 in original pixels."""
        return (self.x0, self.y0, self.x1, self.y1)


@dataclass(frozen=True)
class Prediction:
    """What the model says about one case: detections by falling score, and a score for each class.

    scores: class name to image-level score in [0, 1]; for a detector the best box of that class.
    dense: what a model answers in pixels, float32 (H, W) in original pixels by name: the probability of each class of
    a segmenter, "image" (or "image 0" ...) of a generator, "error" of an autoencoder, "dx" and "dy" in pixels.
    probed: what it says under each probe, by condition ("noise:0.05"), in the pixels of the case as it is.
    """

    case: str
    detections: tuple[Detection, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    dense: Mapping[str, Floats] = field(default_factory=dict)
    probed: Mapping[str, Prediction] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Attribution:
    """Maps of one method: a signed float32 (H, W) in original pixels for each target, (D, H, W) for a volume.

    cases, targets: the case and target of each map (`targets` are strings such as "d0" or "malignant").
    notes: for each map the problems found ("constant", "not finite"), never silently blank.
    facts: for each map numbers such as completeness, steps, seconds, evaluations.
    images: the original of each map, float32 (C, H, W) or (C, D, H, W). A picture of a volume shows one slice.
    """

    method: str
    caption: str
    maps: tuple[Floats, ...]
    cases: tuple[str, ...]
    targets: tuple[str, ...]
    notes: tuple[str, ...] = ()
    facts: tuple[Mapping[str, float], ...] = ()
    images: tuple[Floats, ...] = ()

    def __repr__(self) -> str:
        shown = [f"{case}/{target} {' x '.join(map(str, one.shape))}" for case, target, one
                 in zip(self.cases[:4], self.targets[:4], self.maps[:4], strict=True)]
        noted = sum(bool(note) for note in self.notes)
        return (f"<Attribution {self.caption or self.method}, {plural(len(self), 'map')}"
                f"{': ' if shown else ''}{', '.join(shown)}{', ...' if len(self) > 4 else ''}"
                f"{f'; {noted} with a note' if noted else ''}>")

    @property
    def values(self) -> Floats:
        """float32 (N, H, W), or (N, D, H, W), signed. Raises InputError if the images differ in size: use `maps`."""
        shapes = {m.shape for m in self.maps}
        if len(shapes) > 1:
            raise InputError(f"maps of {len(shapes)} sizes cannot be stacked; use .maps, or images of one size")
        return np.stack(self.maps) if self.maps else np.zeros((0, 0, 0), np.float32)

    def __len__(self) -> int:
        return len(self.maps)

    def to_image(self, index: int = 0, opacity: float = 0.5, depth: int | None = None) -> NDArray[np.uint8]:
        """uint8 (H, W, 3): map `index` over its image; of a volume slice `depth` (None: as in `slices`)."""
        from xaimed.viz.overlay import overlay

        flat = self.slices(depth)
        return overlay(flat.images[index], flat.maps[index], opacity=opacity)

    def slices(self, depth: int | None = None) -> Attribution:
        """The same with one slice of each volume, number `depth` or the one with the largest absolute value.

        Raises InputError for a slice that does not exist.
        """
        if all(one.ndim == 2 for one in self.maps):
            return self
        places = [None if one.ndim == 2 else _slice(one, depth) for one in self.maps]
        return replace(self, maps=tuple(one if z is None else one[z] for one, z in zip(self.maps, places, strict=True)),
                       images=tuple(image if z is None else image[:, z]
                                    for image, z in zip(self.images, places, strict=bool(self.images))))

    def stack(self) -> Floats:
        """float32 (N, H, W), signed: `values`. Raises InputError if the images differ in size."""
        return self.values

    def __array__(self, dtype: type[np.generic] | None = None, copy: bool | None = None) -> NDArray[np.generic]:
        return np.array(self.values, dtype=dtype, copy=True if copy is None else copy)

    def plot(self, columns: int = 4) -> object:
        """A matplotlib Figure with every map over its image."""
        from xaimed.viz.figures import attribution_figure

        return attribution_figure(self.slices(), columns=columns)

    def plotly(self, index: int = 0) -> object:
        """A plotly Figure of one map over its image, with the signed value under the pointer."""
        from xaimed.viz.album import chart

        return chart(self.slices(), index)

    def save(self, folder: str | Path) -> list[Path]:
        """The files written: a PNG at the original size for each map, and METHOD.npz with the signed maps."""
        from xaimed.viz.album import save

        return save(self, Path(folder))

    def _repr_html_(self) -> str:
        from xaimed.viz.album import page

        return page(self.slices())

    def _repr_png_(self) -> bytes | None:
        from xaimed.viz.album import sheet

        return sheet(self.slices()) if len(self) else None


def _slice(values: Floats, depth: int | None) -> int:
    if depth is None:
        return int(np.nan_to_num(np.abs(values)).reshape(len(values), -1).max(axis=1).argmax())
    if not -len(values) <= depth < len(values):
        raise InputError(f"slice {depth}; expected 0 to {len(values) - 1}")
    return depth


@dataclass(frozen=True)
class Score:
    """One measured value; NaN means not applicable. condition: the probe ("clean"), seed: the repetition."""

    case: str
    target: str
    method: str
    metric: str
    value: float
    condition: str = "clean"
    seed: int = 0


@dataclass(frozen=True)
class Finding:
    """What a check says: a stable code, an outcome, one statement with its numbers, and the evidence."""

    code: str
    title: str
    severity: Severity
    outcome: Outcome
    statement: str
    evidence: Mapping[str, str | float | int | None] = field(default_factory=dict)
