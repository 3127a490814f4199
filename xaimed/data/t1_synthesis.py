"""T1 head slices with a SYNTHETIC second contrast to be made from them, for generation of one modality from another.

The input is real (the volume of `t1head`). The wanted image is computed, not measured: a T2-like grey for each tissue
of the label map, smoothed over its borders, less the deviation of the T1 grey from its tissue's mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from xaimed.data import t1head
from xaimed.data.dataset import DataRequest
from xaimed.data.listed import About, Listed, Picture, chosen
from xaimed.imaging.decoded import digest_of
from xaimed.types import Floats

SPLIT = "given"  # blocks of slices
ORIGIN = t1head.ORIGIN
GREYS = (0.0, 0.35, 0.55, 0.95, 0.40)  # of background, then TISSUES: fluid bright, white matter dark, as in T2
BORDER = 0.7  # sigma in pixels: voxels at a border hold both tissues
INVERTED = 0.8  # how much of T1's deviation from the mean of its tissue is kept, with its sign turned
ABOUT = About("t1-synthesis", "T1 head MR slices and a SYNTHETIC T2-like contrast", "generation", (), (
    *t1head.WARNINGS,
    ("SYNTHETIC: the wanted contrast is computed from the T1 slice and its labels; it is no second measurement, and "
     "results on it say nothing about real modality pairs")), synthetic=True, people="one")


@dataclass(frozen=True)
class Options:
    """plane: coronal, axial or sagittal. step: from one case to the next."""

    plane: str = "coronal"
    step: int = 1


def open(request: DataRequest) -> Listed:
    """The dataset below `request.root`: image (1, H, W), wanted (1, H, W); options: plane, step.

    Raises NotFound where the volume is absent, InputError where it is damaged.
    """
    options = chosen(Options, request)
    head = t1head.read_head(request)
    places = t1head.slices(head, options.plane, options.step)

    def picture(index: int) -> Picture:
        place = places[index]
        grey = head.slice(place.axis, place.index)
        wanted = second_contrast(grey, head.tissue(place.axis, place.index))
        return Picture(grey[None], digest_of(grey), wanted=wanted[None], spacing_mm=t1head.SPACING_MM)

    return Listed(ABOUT, [place.row(f"t1s-{options.plane}-{place.index:03d}") for place in places], picture)


def second_contrast(grey: Floats, tissue: NDArray[np.uint8]) -> Floats:
    """float32 (H, W) in [0, 1]: GREYS by tissue less the T1 grey's deviation from the mean of its tissue."""
    means = np.array([grey[tissue == i].mean() if (tissue == i).any() else 0.0 for i in range(len(GREYS))])
    base = gaussian_filter(np.array(GREYS)[tissue] + INVERTED * means[tissue], BORDER, mode="nearest")
    return np.asarray(np.where(tissue > 0, np.clip(base - INVERTED * grey, 0, 1), 0), np.float32)
