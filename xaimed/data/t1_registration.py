"""T1 head slices and the same under a known SYNTHETIC deformation, for registration in 2-D.

From the volume of `t1head`. The fixed image is the slice; the moving one is the slice deformed, so that what lies at x
in the fixed image lies at x + displacement(x) in the moving one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from xaimed.data import t1head
from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.fields import inverse_field, smooth_field, warped
from xaimed.data.listed import About, Listed, Picture, chosen
from xaimed.errors import InputError
from xaimed.imaging.decoded import digest_of

SPLIT = "given"  # blocks of slices
ORIGIN = t1head.ORIGIN
ABOUT = About("t1-registration", "T1 head MR slices under a SYNTHETIC deformation", "registration", (), (
    *t1head.WARNINGS,
    ("SYNTHETIC: the moving image is the fixed one deformed by a random smooth field; grey values, noise and anatomy "
     "are the same in both, so that real pairs are harder")), synthetic=True, people="one")


@dataclass(frozen=True)
class Options:
    """What pairs are made.

    plane: coronal, axial or sagittal. step: slices from one to the next. fields: deformations of each slice. largest:
    the longest displacement of tissue in pixels. smooth: the sigma of its smoothing in pixels.
    """

    plane: str = "coronal"
    step: int = 1
    fields: int = 2
    largest: float = 6.0
    smooth: float = 16.0


def open(request: DataRequest) -> Listed:
    """The dataset below `request.root`: image (2, H, W), moving then fixed; displacement x then y in pixels.

    Options: see Options. Raises NotFound where the volume is absent, InputError where it is damaged.
    """
    options, seed = chosen(Options, request), request.seed
    if options.fields < 1:
        raise InputError(f"option fields of {request.name}: {options.fields}; expected 1 or more")
    head = t1head.read_head(request)
    places = t1head.slices(head, options.plane, options.step)
    rows = [_row(place, options, turn) for place in places for turn in range(options.fields)]

    @lru_cache(maxsize=64)
    def picture(index: int) -> Picture:
        place, turn = places[index // options.fields], index % options.fields
        fixed = head.slice(place.axis, place.index)
        rng = np.random.default_rng([seed, place.axis, place.index, turn])
        toward = smooth_field(fixed > 0, options.largest, options.smooth, rng)
        image = np.stack([np.clip(warped(fixed, toward), 0, 1), fixed])
        return Picture(image, digest_of(image), displacement=np.ascontiguousarray(inverse_field(toward)[::-1]),
                       spacing_mm=t1head.SPACING_MM)

    return Listed(ABOUT, rows, picture)


def _row(place: t1head.Slice, options: Options, turn: int) -> CaseRow:
    return place.row(f"t1r-{options.plane}-{place.index:03d}-{turn}")
