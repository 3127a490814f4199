"""A map for a viewer: what is stored, to be read under the cursor, and what is shown, perhaps smoothed.

A map that consists of single pixels (integrated gradients, gradient SHAP) all but vanishes when it is drawn over an
image. It is smoothed for the eye by default, with a Gaussian that the caption names; the values read stay as stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from xaimed.types import Floats
from xaimed.viz.overlay import Facts, shrunk

ROWS = 1024
FULL = 32767
MISSING = -32768
SMOOTHINGS = {"auto": -1.0, "off": 0.0, "fine": 0.005, "strong": 0.015}  # sigma as a share of the longer side
AUTO = 0.01
PROBE = 1.5  # pixels
GRAINY = 0.5


@dataclass(frozen=True, eq=False)
class Plane:
    """A map ready for a viewer.

    read, shown: int16 (h, w), MISSING where there is no value; `read * unit` is the stored value, `shown / FULL` the
    share of full colour in [-1, 1]. full: the shown magnitude at full colour. sigma: of the smoothing in original
    pixels, 0 for none. problem, kind and missing: as in overlay.Facts. text: the caption.
    """

    read: NDArray[np.int16]
    shown: NDArray[np.int16]
    unit: float
    full: float
    sigma: float
    problem: str
    kind: str
    missing: int
    text: str


def plane(values: Floats, smoothing: str = "auto") -> Plane:
    """The plane of a signed map (H, W), reduced to a screen; smoothing: a key of SMOOTHINGS."""
    small = shrunk(values, ROWS)
    share = SMOOTHINGS[smoothing]
    if share < 0:
        share = AUTO if grain(small) < GRAINY else 0.0
    sigma = share * max(small.shape)
    drawn = smoothed(small, sigma)
    facts, stored = Facts.of(drawn), Facts.of(small)
    finite = np.abs(small[np.isfinite(small)])
    unit = (float(finite.max(initial=0.0)) or 1.0) / FULL
    original = sigma * values.shape[0] / small.shape[0]
    return Plane(_short(small / np.float32(unit * FULL)), _short(drawn / np.float32(facts.scale)), unit, facts.scale,
                 original, stored.problem, facts.kind, stored.missing, _caption(facts, stored, original, smoothing))


def _short(shares: Floats) -> NDArray[np.int16]:
    scaled = np.round(np.clip(np.nan_to_num(shares), -1, 1) * FULL).astype(np.int16)
    scaled[~np.isfinite(shares)] = MISSING
    return scaled


def _caption(facts: Facts, stored: Facts, sigma: float, smoothing: str) -> str:
    if stored.problem or sigma == 0:
        return stored.caption()
    why = " because this map is made of single pixels" if smoothing == "auto" else ""
    text = facts.caption().replace("this map's", "the smoothed map's")
    return f"{text} Smoothed for the eye{why}: Gaussian, sigma {sigma:.1f} pixels. Values read are as stored."


def grain(values: Floats) -> float:
    """The share of a map's energy, in [0, 1], that a Gaussian of 1.5 pixels leaves; low for single pixels.

    1.0 for a map without energy.
    """
    known = np.nan_to_num(values).astype(np.float32)
    peak = float(np.abs(known).max(initial=0.0))
    if peak == 0:
        return 1.0
    known = known / np.float32(peak)
    return float((smoothed(known, PROBE).astype(np.float64) ** 2).sum() / (known.astype(np.float64) ** 2).sum())


def smoothed(values: Floats, sigma: float) -> Floats:
    """float32 (H, W): the map under a Gaussian of `sigma` pixels that knows no value outside and at NaN."""
    if sigma <= 0:
        return values
    known = np.isfinite(values).astype(np.float32)
    summed = cv2.GaussianBlur(np.nan_to_num(values).astype(np.float32), (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    weight = cv2.GaussianBlur(known, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    blurred = (summed / np.maximum(weight, np.float32(1e-6))).astype(np.float32)
    blurred[known == 0] = np.nan
    return blurred
