"""Prediction-saliency correlation: does a map change as the prediction does, and stay as it stays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from xaimed.metrics.again import correlation_of, rank_correlation, remade
from xaimed.metrics.explained import Explained


@dataclass(frozen=True)
class PredictionSaliencyCorrelation:
    """Pearson's correlation of the change of the prediction with that of the map, over images on the way to `fill`.

    The image is mixed with the filled one in `steps` even steps, the change of the prediction is 1 - similarity left,
    that of the map 1 - Spearman's rho on the tissue. NaN where the prediction does not change, fewer than three maps
    can be compared, or the method is not at hand.
    """

    steps: int = 5
    fill: str = "blur"
    seed: int = 0
    name: str = "prediction_saliency_correlation"
    kind: str = "explanation"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (-1.0, 1.0)
    reference: str = "Zhang J et al. (2024) Revisiting the trustworthiness of saliency methods, Radiol AI 6:e220221"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The correlation, with the suffix ""."""
        import torch

        from xaimed.metrics.removal import Sweep

        if view.method is None or not view.finite or not view.removal.possible:
            return {"": math.nan}
        content, _ = view.removal.filled(Sweep(self.fill, seed=self.seed))
        shares = [(i + 1) / self.steps for i in range(self.steps)]
        images = [torch.lerp(view.scene.image.detach(), content, share) for share in shares]
        lost = [1 - float(value) for value in view.removal.seen(iter(images))]
        tissue = view.scene.tissue.cpu().numpy()
        moved = [1 - rank_correlation(view.values, remade(view, image), tissue) for image in images]
        return {"": correlation_of([0.0, *lost], [0.0, *moved])}


METRIC = PredictionSaliencyCorrelation()
