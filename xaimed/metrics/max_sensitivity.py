"""Max-sensitivity: how far a map can move when the image hardly does and the prediction stays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from xaimed.metrics.again import distance, remade
from xaimed.metrics.explained import Explained


@dataclass(frozen=True)
class MaxSensitivity:
    """The greatest |map(x + e) - map(x)| / |map(x)| over draws of e, uniform noise within `radius` on the tissue.

    radius: in grey levels of an image in [0, 1]. kept: a draw counts only while at least this share of the
    prediction is left, for a map of another prediction should differ. NaN where no draw keeps it, the map is 0
    or not finite, or the method is not at hand. A constant map is perfectly stable, so this alone says nothing.
    """

    draws: int = 4
    radius: float = 0.02
    kept: float = 0.9
    seed: int = 0
    name: str = "max_sensitivity"
    kind: str = "explanation"
    better: Literal["higher", "lower"] = "lower"
    range: tuple[float, float] = (0.0, math.inf)
    reference: str = "Yeh C-K et al. (2019) On the (in)fidelity and sensitivity of explanations, arXiv:1901.09392"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The greatest relative change, with the suffix ""."""
        import torch

        if view.method is None or not view.finite or not view.removal.possible:
            return {"": math.nan}
        image, found = view.scene.image.detach(), list[float]()
        generator = torch.Generator().manual_seed(self.seed)
        for _ in range(self.draws):
            noise = (2 * torch.rand(image.shape, generator=generator) - 1).to(image) * self.radius
            moved = torch.where(view.scene.tissue, image + noise, image)
            if float(view.removal.seen(iter([moved]))[0]) >= self.kept:
                found.append(distance(view.values, remade(view, moved)))
        return {"": max(found) if found and not any(map(math.isnan, found)) else math.nan}


METRIC = MaxSensitivity()
