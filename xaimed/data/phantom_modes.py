"""Phantom modes: SYNTHETIC windows of mammograms in two modalities, with a mass or without, for classification.

The channels are those of `phantom_pairs`: faint masses, as in a low-energy image, and enhanced ones. What decides the
class is known to be plainer in the second, so a model's use of its modalities has an expected answer.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from hashlib import sha256

import cv2
import numpy as np

from xaimed.data import phantom_pairs
from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.listed import About, Listed, Picture, chosen, moved
from xaimed.errors import InputError
from xaimed.imaging.breast import breast_mask
from xaimed.imaging.decoded import digest_of
from xaimed.types import Box, Case, Floats, Mask

LABELS = ("normal", "mass")
SHIFT = 8  # a mass lies up to this share of a window away from its middle
ABOUT = About("phantom-modes", "Windows of phantoms in two modalities (SYNTHETIC)", "classification", LABELS, (
    *phantom_pairs.ABOUT.warnings,
    "a window shows the middle of a mass, or tissue of a view without one"), synthetic=True,
    channels=("faint", "enhanced"))


@dataclass(frozen=True)
class Options(phantom_pairs.Options):
    """Those of phantom_pairs. window: side in its pixels. size: side that it becomes."""

    patients: int = 300
    window: int = 56
    size: int = 28


def open(request: DataRequest) -> Listed:
    """The dataset, which needs no file: a window of every view, image (2, size, size); options: see Options.

    Raises InputError for an option that cannot be used.
    """
    options = chosen(Options, request)
    if not 8 <= options.size <= options.window <= options.long_side // 2:
        raise InputError(f"size {options.size}, window {options.window}, long_side {options.long_side}; expected 8 <= "
                         "size <= window <= half of long_side")
    pairs = phantom_pairs.open(DataRequest("phantom-pairs", seed=request.seed, options={
        field.name: str(getattr(options, field.name)) for field in fields(phantom_pairs.Options)}))
    rows = [CaseRow(row.case, row.patient, row.split, LABELS[row.label != "normal"], row.groups) for row in pairs.rows]
    return Listed(ABOUT, rows, lru_cache(maxsize=2048)(lambda index: _picture(pairs[index], options)))


def _picture(case: Case, options: Options) -> Picture:
    enhanced = case.image[:0] if case.wanted is None else case.wanted
    both, mass = np.concatenate([case.image, enhanced]), case.segments["mass"]
    x, y = _corner(case, mass, options.window)
    part = both[:, y:y + options.window, x:x + options.window]
    image = np.stack([_shrunk(plane, options.size) for plane in part])
    shown = _shrunk(mass[y:y + options.window, x:x + options.window].astype(np.float32), options.size) > 0.5
    factor = options.window / options.size
    boxes = (_box(shown),) if shown.any() else ()
    spacing = None if case.spacing_mm is None else case.spacing_mm * factor
    return Picture(image, digest_of(image), boxes=boxes, masks=shown[None] if boxes else None, groups=case.groups,
                   spacing_mm=spacing, affine=moved(x, y, factor))


def _shrunk(plane: Floats, side: int) -> Floats:
    return np.clip(cv2.resize(plane, (side, side), interpolation=cv2.INTER_AREA), 0, 1).astype(np.float32)


def _corner(case: Case, mass: Mask, window: int) -> tuple[int, int]:
    """x, y of the corner of a window round the largest mass, moved a little, or round a point of the breast."""
    rng = np.random.default_rng(list(sha256(case.id.encode()).digest()[:8]))
    if mass.any():
        _, marks, facts, centres = cv2.connectedComponentsWithStats(mass.astype(np.uint8))
        del marks
        middle = centres[1 + int(facts[1:, cv2.CC_STAT_AREA].argmax())]
    else:
        depth = cv2.distanceTransform(np.pad(breast_mask(case.image).astype(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
        down, across = np.nonzero(depth >= min(window / 4, float(depth.max())))
        drawn = int(rng.integers(len(down)))
        middle = np.array([across[drawn], down[drawn]], float)
    start = np.round(middle + rng.integers(-window // SHIFT, window // SHIFT + 1, 2) - window / 2)
    x, y = np.clip(start, 0, [case.width - window, case.height - window]).astype(int)
    return int(x), int(y)


def _box(mask: Mask) -> Box:
    down, across = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Box(LABELS[1], float(across[0]), float(down[0]), float(across[-1] + 1), float(down[-1] + 1))
