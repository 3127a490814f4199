"""How alike two maps are within the tissue: SSIM, Spearman's rank correlation and HOG, on one grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from xaimed.types import Floats, Mask

CLIP = 3.0
# Cells of an eighth of the grid, nine directions without sign, as in Dalal and Triggs (2005).
CELLS, DIRECTIONS = 8, 9


@dataclass(frozen=True)
class Likeness:
    """ssim and hog in [-1, 1] and spearman in [0, 1], each up to sign; all 0 if a map has no contrast.

    signed: Spearman's rho as it is, in [-1, 1]: a map and its negative are opposites.
    """

    ssim: float
    spearman: float
    hog: float = 0.0
    signed: float = 0.0
    contrast: bool = True

    @property
    def similarity(self) -> float:
        """The mean of the three."""
        return (self.ssim + self.spearman + self.hog) / 3


@dataclass(frozen=True, eq=False)
class Plane:
    """A map on the common grid: values float64 (g, g), mask bool (g, g) of the tissue."""

    values: NDArray[np.float64]
    mask: Mask

    @property
    def contrast(self) -> bool:
        """Whether the map is finite and differs within the tissue."""
        return _contrast(self.values, self.mask)


def plane(values: Floats, tissue: Mask, grid: int) -> Plane:
    """The Plane of a map (h, w) in its tissue, resized to grid x grid by area."""
    size = (grid, grid)
    shrunk = np.asarray(cv2.resize(values.astype(np.float64), size, interpolation=cv2.INTER_AREA), np.float64)
    mask = cv2.resize(tissue.astype(np.float32), size, interpolation=cv2.INTER_AREA) >= 0.5
    return Plane(shrunk, mask)


def likeness(first: Plane, second: Plane) -> Likeness:
    """The Likeness of two planes where both have tissue; the same whatever scale and sign either has.

    A negated map still shows the same places, so the better of SSIM with a map and with its negative counts.
    SSIM is taken on the maps standardised within that tissue and clipped to 3 standard deviations, so that
    one hot pixel does not set the range. Two constant maps would have an SSIM of 1 and mean nothing: 0.
    """
    from skimage.metrics import structural_similarity

    mask = first.mask & second.mask
    if not (_contrast(first.values, mask) and _contrast(second.values, mask)):
        return Likeness(0.0, 0.0, contrast=False)
    a, b = _standard(first.values, mask), _standard(second.values, mask)
    compare: Callable[..., tuple[float, NDArray[np.float64]]] = structural_similarity
    local = [compare(a, other, data_range=2 * CLIP, full=True)[1] for other in (b, -b)]
    ranks = spearman(first.values[mask], second.values[mask])
    same, opposite = (float(one[mask].mean()) for one in local)
    return Likeness(max(same, opposite), abs(ranks), _correlation(_hog(a), _hog(b)), ranks)


def _hog(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The histograms of oriented gradients of a standardised map; a negated map has the same."""
    from skimage.feature import hog

    side = max(1, min(values.shape) // CELLS)
    return np.asarray(hog(values, DIRECTIONS, (side, side), (2, 2), feature_vector=True), np.float64)


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    # Histograms are positive, so that without their means any two would be alike.
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum() / size) if size > 0 else 0.0


def _contrast(values: NDArray[np.float64], mask: Mask) -> bool:
    inside = values[mask]
    if inside.size < 2 or not np.isfinite(inside).all():
        return False
    return bool(np.ptp(inside) > 1e-9 * np.abs(inside).max())


def _standard(values: NDArray[np.float64], mask: Mask) -> NDArray[np.float64]:
    inside = values[mask]
    scaled = np.clip((values - inside.mean()) / inside.std(), -CLIP, CLIP)
    return np.asarray(np.where(mask, scaled, 0.0))


def spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Spearman's rank correlation of two vectors that are not constant; ties get their mean rank."""
    from scipy.stats import rankdata

    first, second = (rankdata(vector) - (len(vector) + 1) / 2 for vector in (a, b))
    return float((first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum()))
