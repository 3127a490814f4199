"""The options of a phantom patient and the images that come out of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xaimed.errors import InputError

Box = tuple[float, float, float, float]
Mask = NDArray[np.bool_]

_RATES = (
    "marker_rate",
    "marker_correlation",
    "lesion_rate",
    "malignant_rate",
    "calcification_rate",
    "distractor_rate",
)


@dataclass(frozen=True)
class PhantomOptions:
    """The settings of a phantom data set; the defaults are the embedded data set.

    long_side: image height in pixels (128 to 4096); the width is 25/32 of it (512 x 400).
    marker_rate: share of images with a lead marker burned in outside the breast.
    marker_correlation: 0 = the marker's style says nothing; 1 = the special style appears on all views of
    every patient with a malignant mass and on nobody else's; between: that share of patients is so.
    lesion_rate: share of patients with at least one mass; nothing else changes with it.
    malignant_rate: share of masses that are malignant.
    calcification_rate: share of breasts with a cluster of calcifications that belongs to no mass.
    distractor_rate: how likely summation shadows and axillary lymph nodes are.
    lesion_contrast: factor on the contrast of every mass (0.5 hides most, 2 makes them plain).
    """

    long_side: int = 512
    marker_rate: float = 0.5
    marker_correlation: float = 0.0
    lesion_rate: float = 0.5
    malignant_rate: float = 0.5
    calcification_rate: float = 0.15
    distractor_rate: float = 0.5
    lesion_contrast: float = 1.0

    def __post_init__(self) -> None:
        if not 128 <= self.long_side <= 4096:
            raise InputError(f"long_side is {self.long_side}, expected 128 to 4096 pixels")
        for name in _RATES:
            value = float(getattr(self, name))
            if not 0.0 <= value <= 1.0:
                raise InputError(f"{name} is {value}, expected a share from 0 to 1")
        if not 0.0 < self.lesion_contrast <= 4.0:
            raise InputError(f"lesion_contrast is {self.lesion_contrast}, expected above 0, up to 4")

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of every image in pixels."""
        return self.long_side, round(self.long_side * 25 / 32)


@dataclass(frozen=True, eq=False)
class PhantomLesion:
    """One mass in one view.

    label: "benign" or "malignant". mask: bool (H, W), exactly the pixels the mass may change.
    box: x0, y0, x1, y1 in pixel edges, the bounds of the mask. number: the same in both views of the mass.
    """

    label: str
    mask: Mask
    box: Box
    number: int


@dataclass(frozen=True, eq=False)
class PhantomImage:
    """One synthetic mammogram with everything that is known about it.

    image: uint16 (H, W), 0 (air) to 4095, bright = dense, as in a For Presentation mammogram.
    view: "CC" or "MLO". side: "L" (chest wall on the left edge) or "R" (on the right edge).
    density: "a" (fatty) to "d" (extremely dense). site: "A", "B" or "C".
    calcifications, tissue, pectoral, marker: bool (H, W). nipple: x, y in pixels.
    marker_style: "none", "plain" or "special". spacing_mm: pixel side in millimetres.
    """

    image: NDArray[np.uint16]
    view: str
    side: str
    density: str
    site: str
    lesions: tuple[PhantomLesion, ...]
    calcifications: Mask
    tissue: Mask
    pectoral: Mask
    marker: Mask
    marker_style: str
    nipple: tuple[float, float]
    spacing_mm: float


def mask_box(mask: Mask) -> Box:
    """Returns x0, y0, x1, y1 in pixel edges around the true pixels of a (H, W) mask that has some."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
