"""DeepSHAP: contributions to the score's difference from several baselines, by rules on tensor operations.

Lundberg SM, Lee SI (2017) "A unified approach to interpreting model predictions", NeurIPS, arXiv:1705.07874;
Chen H, Lundberg SM, Lee SI (2022) "Explaining a series of models by propagating Shapley values", Nature
Communications 13:4512.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from xaimed.attribution.baseline import Background, baselines
from xaimed.attribution.deep_pass import deep_maps
from xaimed.attribution.method import Map, Method
from xaimed.errors import PlanError
from xaimed.scene import Scene


@dataclass(frozen=True)
class DeepSHAP(Method):
    """DeepLIFT's contributions, averaged over baselines: one forward pass of the image, then one pass each.

    The rules act on tensor operations, so functional, in-place and reused activations, residual sums, products and
    overlapping max-pooling are all additive. The map sums to the score minus the mean score of the baselines.
    background: images to compare with. baselines: without them, fills of the image itself: "black", "blur",
    "tissue_median" or "noise". seed: of the noise. Scenes that share an image share every forward pass.
    """

    name: ClassVar[str] = "deep_shap"
    additive: ClassVar[bool] = True
    volumes: ClassVar[bool] = True
    baselines: tuple[str, ...] = ("blur", "tissue_median", "noise")
    background: Background | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.baselines and self.background is None:
            raise PlanError("deep_shap: no baseline; expected one or more: baselines=('blur',)")

    def compute(self, scene: Scene) -> Map:
        """The map of one scene; facts: baselines, completeness_error, f_input, f_baseline."""
        return self.compute_all([scene])[0]

    def compute_all(self, scenes: Sequence[Scene]) -> list[Map]:
        """The maps of scenes that share a joint, by the same forward passes; facts as for `compute`."""
        return deep_maps(scenes, self._starts(scenes[0]))

    def _starts(self, scene: Scene) -> Tensor:
        if self.background is None:
            return baselines(scene, self.baselines, self.seed)
        return self.background.fitting(scene)


METHOD = DeepSHAP
