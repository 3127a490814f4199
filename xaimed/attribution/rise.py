"""RISE: how much more of the output is left where a pixel is seen, over random masks.

Petsiuk V, Das A, Saenko K (2018) "RISE: randomized input sampling for explanation of black-box models", BMVC,
arXiv:1806.07421.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xaimed.attribution.baseline import baseline
from xaimed.attribution.masks import Grids
from xaimed.attribution.method import Map
from xaimed.attribution.perturbation import ASKED, Asked, Outputs, Perturbation
from xaimed.attribution.sampling import Effort, Sampled, sampled
from xaimed.errors import PlanError


@dataclass(frozen=True)
class RISE(Perturbation):
    """E[output * mask] / E[mask] - E[output]: RISE's map less its constant, so that zero means no influence.

    masks: how many masked images at most; fewer where the map's relative standard error is within `error`
    earlier. cells: of the masks' grid across the image's shorter side. keep: the probability of a cell to be
    seen. baseline: what hides the image, "black", "blur", "tissue_median" or "noise". of: "similarity" (of a
    class its probability, as in the paper) or "score". seed: of the masks.
    """

    name: ClassVar[str] = "rise"
    masks: int = 2000
    error: float = 0.15
    cells: int = 8
    keep: float = 0.5
    baseline: str = "tissue_median"
    of: Asked = "similarity"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.masks < 4 or self.cells < 1 or not 0 < self.keep < 1 or self.error < 0 or self.of not in ASKED:
            raise PlanError(
                f"{self.name}: masks {self.masks}, cells {self.cells}, keep {self.keep}, error {self.error}, "
                f"of {self.of!r}; expected masks >= 4, cells >= 1, 0 < keep < 1, error >= 0, of 'score' or "
                "'similarity'"
            )

    @property
    def asks(self) -> Asked:
        """What is explained: the scene's score or its similarity."""
        return self.of

    def maps(self, outputs: Outputs) -> list[Map]:
        """The maps of all columns; facts: masks, standard_error (in the output's unit), map_error (relative)."""
        scene = outputs.scene
        grids = Grids((int(scene.image.shape[-2]), int(scene.image.shape[-1])), self.cells, self.keep, self.seed)
        content = baseline(scene, self.baseline, self.seed)
        found = sampled(outputs, content, grids, Effort(self.masks, self.error))
        return [self._map(found, column) for column in range(outputs.size)]

    def _map(self, found: Sampled, column: int) -> Map:
        error = float(found.error[column])
        facts = {
            "masks": float(found.masks),
            "standard_error": float(found.standard_error[column]),
            "map_error": error,
        }
        values = found.values[column].cpu().numpy().astype(np.float32)
        return Map(values, facts, self._note(found, column))

    def _note(self, found: Sampled, column: int) -> str:
        if self.of == "similarity" and float(found.largest[column]) <= 0:
            return f"nothing of the prediction is left under any of {found.masks} masks: raise keep"
        error = float(found.error[column])
        if np.isnan(error) or error <= self.error:
            return ""
        return f"standard error {error:.0%} of the map after {found.masks} masks"


METHOD = RISE
