"""From a case to the image that a network sees: filters, breast, crop, resize, pad, with one affine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from xaimed.errors import InputError, PlanError
from xaimed.imaging.breast import bounds, breast_mask
from xaimed.imaging.filters import Filters, smooth
from xaimed.imaging.geometry import scaling, translation
from xaimed.settings import settings
from xaimed.types import Case, Floats, Mask, Matrix

LONGEST = 20_000
MOST = 512


@dataclass(frozen=True)
class Preprocessing:
    """What is done to an image before the network sees it.

    filters: smoothing. segment: outside the breast becomes 0. crop: cut to the breast, with `margin`
    (share of its size). long_side: the pixels that the longer side of the whole image, before the crop, is
    resized to, so that anatomy keeps its scale from view to view; 0 keeps the size.
    stretch: the share of breast pixels left below 0 and above 1 by a linear grey stretch, None for none ("none" in
    TOML); 0 spans the whole range of each image, so that one bright pixel sets the scale of all others.
    multiple: height and width are padded at the bottom and right to a multiple of this. mirror: a class score of
    the whole image is the mean over the image and its mirror image; boxes are those of the image itself.
    channels: the planes of an image: 1 grey, 3 colour, or those of a stack of slices or of several modalities.
    """

    filters: Filters = field(default_factory=Filters)
    segment: bool = True
    crop: bool = True
    margin: float = 0.02
    long_side: int = 512
    stretch: float | None = 0.005
    multiple: int = 32
    mirror: bool = False
    channels: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.long_side <= LONGEST or not 1 <= self.multiple <= LONGEST or not 1 <= self.channels <= MOST:
            raise PlanError(f"preprocessing: long_side {self.long_side}, multiple {self.multiple}, channels "
                            f"{self.channels}; expected 0 to {LONGEST}, 1 to {LONGEST}, and 1 to {MOST}")
        if not 0 <= self.margin <= 1 or (self.stretch is not None and not 0 <= self.stretch < 0.5):
            raise PlanError(f"preprocessing: margin {self.margin}, stretch {self.stretch}; expected shares: margin up "
                            "to 1, stretch below 0.5")


@dataclass(frozen=True, eq=False)
class Prepared:
    """An image as the network sees it.

    image: float32 (C, h, w) in [0, 1], padded. tissue: bool (h, w), the breast. affine: (3, 3) to
    the pixels of the case's image, in which its boxes and masks are given, whatever file that was cut from. size:
    height and width before padding. shape: height and width of the case's image.
    """

    image: Floats
    tissue: Mask
    affine: Matrix
    size: tuple[int, int]
    shape: tuple[int, int]


def prepare(case: Case, steps: Preprocessing) -> Prepared:
    """The prepared image of a case. Raises InputError for a volume or for other channels than expected."""
    if case.image.ndim != 3:
        raise InputError(f"case {case.id}: a volume {case.image.shape}; the model expects one image of "
                         f"{steps.channels} planes: choose a slice, or slices as planes")
    if case.image.shape[0] != steps.channels:
        raise InputError(f"case {case.id}: {case.image.shape[0]} channels ({_colour(case.image.shape[0])}); "
                         f"the model expects {steps.channels} ({_colour(steps.channels)}): convert the image "
                         "first" + (", for example with 'xaimed data convert --grey'" if steps.channels == 1 else ""))
    image = smooth(case.image, steps.filters)
    mask = breast_mask(case.image) if steps.segment or steps.crop else np.ones(image.shape[1:], bool)
    if steps.stretch is not None:
        image = _stretched(image, mask, steps.stretch)
    if steps.segment:
        image = image * mask
    image, mask, affine = _cropped(image, mask, steps)
    image, mask, affine = _resized(image, mask, affine, steps.long_side / max(case.height, case.width))
    return _padded(image, mask, affine, steps.multiple, case.image.shape[1:])


def prepare_planes(case: Case, steps: Preprocessing) -> Prepared:
    """As `prepare`, but a grey case for a colour network is prepared once and comes on three equal planes."""
    if steps.channels != 3 or case.image.shape[0] != 1:
        return prepare(case, steps)
    grey = prepare(case, replace(steps, channels=1))
    return replace(grey, image=np.repeat(grey.image, steps.channels, axis=0))


def _colour(channels: int) -> str:
    return {1: "grey", 3: "colour"}.get(channels, "a stack or several modalities")


def _stretched(image: Floats, mask: Mask, share: float) -> Floats:
    inside = image[:, mask]
    low, high = np.quantile(inside, [share, 1 - share])
    if high - low < 1e-6:
        return image
    return np.asarray(np.clip((image - low) / (high - low), 0.0, 1.0), np.float32)


def _cropped(image: Floats, mask: Mask, steps: Preprocessing) -> tuple[Floats, Mask, Matrix]:
    if not steps.crop:
        return image, mask, np.eye(3)
    x0, y0, x1, y1 = bounds(mask)
    pad = math.ceil(steps.margin * max(x1 - x0, y1 - y0))
    x0, y0 = max(0, x0 - pad), max(0, y0 - pad)
    x1, y1 = min(mask.shape[1], x1 + pad), min(mask.shape[0], y1 + pad)
    return image[:, y0:y1, x0:x1], mask[y0:y1, x0:x1], translation(x0, y0)


def _resized(image: Floats, mask: Mask, affine: Matrix, factor: float) -> tuple[Floats, Mask, Matrix]:
    height, width = mask.shape
    if factor in (0.0, 1.0):
        return image, mask, affine
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    resized = [cv2.resize(np.ascontiguousarray(p), size, interpolation=how) for p in image]
    planes = np.stack(resized).astype(np.float32, copy=False)
    small = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(bool)
    return planes, small, affine @ scaling(width / size[0], height / size[1])


def _padded(image: Floats, mask: Mask, affine: Matrix, multiple: int, shape: tuple[int, ...]) -> Prepared:
    height, width = mask.shape
    down, right = -height % multiple, -width % multiple
    return Prepared(
        image=np.ascontiguousarray(np.pad(image, ((0, 0), (0, down), (0, right))), np.float32),
        tissue=np.pad(mask, ((0, down), (0, right))), affine=affine, size=(height, width),
        shape=(int(shape[0]), int(shape[1])))


def without_filters(steps: Preprocessing) -> Preprocessing:
    """The same steps with every filter switched off."""
    return replace(steps, filters=Filters(median=0, gaussian=0.0, bilateral=0))


def preprocessing_of(table: object) -> Preprocessing:
    """The preprocessing of a parsed table with an optional `filters` table. Raises PlanError for an unknown key."""
    values = dict(table) if isinstance(table, Mapping) else {}
    values["filters"] = settings(Filters, values.get("filters", {}), "preprocessing.filters")
    return settings(Preprocessing, values, "preprocessing")
