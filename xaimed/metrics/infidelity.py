"""Infidelity: how far what a map says of a square is from what removing the square does to the score."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xaimed.metrics.explained import Explained


@dataclass(frozen=True)
class Infidelity:
    """E[(b S - D)^2] / E[D^2], S the map's sum over a square of the tissue, D the fall of the score without it.

    S is the paper's I^T Phi for a map in units of the score, as all SHAP kinds and integrated gradients give it: there
    I = x - fill within the square and Phi is the map per unit of the input. A bare gradient lacks that factor.
    b >= 0 is the best scale (Yeh 2019), so that the unit of a map does not matter: 0 says each fall exactly up to one
    factor, 1 is no better than a map of zeros, which a negated map is not either. count: of squares; side: their
    side as a share of the scene's; they and the model passes are the same for all maps of a scene. NaN where no
    square moves the score, or as in Deletion.
    """

    count: int = 32
    side: float = 0.15
    fill: str = "tissue_median"
    seed: int = 0
    name: str = "infidelity"
    kind: str = "explanation"
    better: Literal["higher", "lower"] = "lower"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "Yeh C-K et al. (2019) On the (in)fidelity and sensitivity of explanations, arXiv:1901.09392"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The normalised infidelity, with the suffix ""."""
        from xaimed.metrics.removal import Patches

        if not view.removal.possible or not np.isfinite(view.values).all():
            return {"": math.nan}
        drops = view.removal.drops(Patches(self.count, self.side, self.fill, self.seed))
        masks = drops.masks.flatten(1).cpu().numpy()
        return {"": unexplained(masks @ view.values.reshape(-1).astype(np.float64), drops.fall)}


def unexplained(said: np.ndarray, fall: np.ndarray) -> float:
    """The share in [0, 1] of E[fall^2] that no factor >= 0 of `said` explains; NaN where nothing falls."""
    power, size = float((fall**2).mean()), float((said**2).mean())
    if not math.isfinite(power) or power <= 1e-12:
        return math.nan
    agreement = max(0.0, float((said * fall).mean()))
    return min(1.0, max(0.0, 1 - agreement**2 / (size * power))) if size > 0 else 1.0


METRIC = Infidelity()
