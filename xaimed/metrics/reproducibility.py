"""Reproducibility: do two trainings of a model explain the same cases alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xaimed.errors import InputError
from xaimed.likeness import likeness, plane
from xaimed.types import Floats, Mask

GRID = 64


def reproducibility(first: Sequence[Floats], second: Sequence[Floats], tissues: Sequence[Mask]
                    ) -> NDArray[np.float64]:
    """float64 (n, 3): for each case SSIM, |Spearman's rho| and HOG correlation of the maps of two trainings.

    first, second: maps (h, w) of the same cases in the same order; tissues: bool (h, w). NaN where a map has no
    contrast: it is not left out silently. Compare with `unrelated`, for two blobs are alike by chance.

    Arun N et al. (2021) "Assessing the trustworthiness of saliency maps", Radiol AI 3:e200267. Raises InputError where
    the lists differ in length.
    """
    _check(first, second, tissues)
    return _rows([(a, t, b, t) for a, b, t in zip(first, second, tissues, strict=True)])


def unrelated(first: Sequence[Floats], second: Sequence[Floats], tissues: Sequence[Mask]) -> NDArray[np.float64]:
    """float64 (n, 3): the same for maps of different cases, each with the next: what chance and blur alone give."""
    _check(first, second, tissues)
    count = len(first)
    return _rows([(first[i], tissues[i], second[(i + 1) % count], tissues[(i + 1) % count]) for i in range(count)])


def _check(first: Sequence[Floats], second: Sequence[Floats], tissues: Sequence[Mask]) -> None:
    if not len(first) == len(second) == len(tissues) > 0:
        raise InputError(f"{len(first)} and {len(second)} maps, {len(tissues)} tissues; expected one of each a case")


def _rows(pairs: Sequence[tuple[Floats, Mask, Floats, Mask]]) -> NDArray[np.float64]:
    found = [likeness(plane(a, s, GRID), plane(b, t, GRID)) for a, s, b, t in pairs]
    return np.array([(f.ssim, f.spearman, f.hog) if f.contrast else (np.nan,) * 3 for f in found])
