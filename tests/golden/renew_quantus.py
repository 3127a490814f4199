"""Writes quantus.json: what Quantus says of drawn maps, for the metrics that it computes rightly.

Quantus needs an environment of its own (it replaces cv2):
    python -m venv QUANTUS && QUANTUS/bin/pip install quantus==0.6.0 && QUANTUS/bin/python tests/golden/renew_quantus.py
Left out, because they are wrong in 0.6.0: PointingGame (a map of zeros is a hit), ROAD (first batch only), MPRT (the
trained model's own similarity enters the mean), AttributionLocalisation (depends on the batch), Completeness (exact
floats). AUC is the ROC area, which says little where lesions are small.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

SIDE, MAPS = 12, 6
HERE = Path(__file__).resolve().parent


def drawn(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Image, map, lesion and weights of a linear model, each (SIDE, SIDE), to four decimals so that JSON is exact."""
    rng = np.random.default_rng(number)
    image, weights = rng.random((SIDE, SIDE)).round(4), rng.random((SIDE, SIDE)).round(4)
    found = (rng.random((SIDE, SIDE)) * (1 + 3 * weights)).round(4)
    lesion = np.zeros((SIDE, SIDE), bool)
    row, column = rng.integers(0, SIDE - 4, 2)
    lesion[row:row + 4, column:column + 3] = True
    return image, found, lesion, weights


class Linear:
    """The share of a weighted image that is left, as Quantus wants a model."""

    def __init__(self, image: np.ndarray, weights: np.ndarray) -> None:
        self.weights, self.whole = weights, float((image * weights).sum())

    def shape_input(self, x: np.ndarray, *_: object, **__: object) -> np.ndarray:
        return x

    def predict(self, x: np.ndarray, **_: object) -> np.ndarray:
        return (x * self.weights).sum((1, 2, 3))[:, None] / self.whole


def values(number: int) -> dict[str, object]:
    """The numbers of one drawn map."""
    import quantus

    image, found, lesion, weights = drawn(number)
    maps, masks = found[None, None], lesion[None, None]
    quiet = {"normalise": False, "abs": False, "disable_warnings": True}
    plain = {"normalise": False, "disable_warnings": True}
    flipping = quantus.PixelFlipping(features_in_step=1, perturb_baseline=float(np.sort(image.ravel())[71]), **quiet)
    x = image[None, None]
    call = {"x_batch": x, "y_batch": np.zeros(1, int), "s_batch": masks, "a_batch": maps, "model": None}
    return {
        "gini": float(quantus.Sparseness(**plain).evaluate_batch(**call)[0]),
        "entropy": float(quantus.Complexity(**plain).evaluate_batch(**call)[0]),
        "energy_in_lesion": float(quantus.RelevanceMassAccuracy(**quiet).evaluate_batch(**call)[0]),
        "pixel_flipping": [float(v) for v in flipping.evaluate_batch(
            model=Linear(image, weights), x_batch=x, y_batch=np.zeros(1, int), a_batch=maps)[0]],
    }


if __name__ == "__main__":
    table = {"quantus": version("quantus"), "maps": [values(number) for number in range(MAPS)]}
    (HERE / "quantus.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf8")
    sys.stdout.write(f"wrote {MAPS} maps\n")
