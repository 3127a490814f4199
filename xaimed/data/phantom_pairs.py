"""Phantom pairs: SYNTHETIC mammograms with faint masses, and the same with enhanced ones, for generation.

Each pair is one phantom of `phantom` drawn twice: the masses at low contrast, as in a low-energy image, and at high
contrast, as if a contrast agent had been given. Nothing else differs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from xaimed.data.dataset import DataRequest
from xaimed.data.listed import About, Listed, Picture, chosen
from xaimed.data.phantom import SEED, Phantoms
from xaimed.data.synthesis import PhantomOptions
from xaimed.types import Case, Mask

ABOUT = About("phantom-pairs", "Digital mammogram phantoms, low and enhanced contrast (SYNTHETIC)", "generation", (), (
    "SYNTHETIC: made by seed from noise and geometry; results say nothing about patients",
    ("the enhanced image differs from the other by the contrast of its masses alone, which real contrast agents do not "
     "keep to")), synthetic=True)


@dataclass(frozen=True)
class Options:
    """patients, first: which phantoms. low, high: contrast of the masses. long_side: of the image in pixels."""

    patients: int = 100
    first: int = 0
    low: float = 0.5
    high: float = 2.5
    long_side: int = 256


def open(request: DataRequest) -> Listed:
    """The dataset, which needs no file: image and wanted (1, H, W), boxes of the masses; options: see Options."""
    options = chosen(Options, request)
    faint, bright = (Phantoms(options.patients, options.first, SEED + request.seed,
                              PhantomOptions(lesion_contrast=contrast, long_side=options.long_side, lesion_rate=1.0))
                     for contrast in (options.low, options.high))

    @lru_cache(maxsize=64)
    def both(index: int) -> tuple[Case, Case]:
        return faint[index], bright[index]

    def picture(index: int) -> Picture:
        one, other = both(index)
        digest = hashlib.sha256(one.image.tobytes() + other.image.tobytes()).hexdigest()
        return Picture(one.image, digest, segments={"mass": _joined(one)}, wanted=other.image, groups=one.groups,
                       spacing_mm=one.spacing_mm)

    return Listed(ABOUT, faint.rows, picture)


def _joined(case: Case) -> Mask:
    return np.asarray(np.zeros((case.height, case.width), bool) if case.masks is None else case.masks.any(axis=0))
