"""DeepLIFT: contributions to the score's difference from one baseline, by the rescale rule.

Shrikumar A, Greenside P, Kundaje A (2017) "Learning important features through propagating activation
differences", Proceedings of Machine Learning Research 70:3145-3153.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from xaimed.attribution.baseline import baseline
from xaimed.attribution.deep_pass import deep_maps
from xaimed.attribution.method import Map, Method
from xaimed.scene import Scene


@dataclass(frozen=True)
class DeepLIFT(Method):
    """DeepSHAP with one baseline: a forward pass of the image, then a forward and backward pass of the baseline.

    baseline: "black", "blur", "tissue_median" or "noise". seed: of the noise.
    """

    name: ClassVar[str] = "deep_lift"
    additive: ClassVar[bool] = True
    volumes: ClassVar[bool] = True
    baseline: str = "blur"
    seed: int = 0

    def compute(self, scene: Scene) -> Map:
        """The map of one scene; facts: baselines, completeness_error, f_input, f_baseline."""
        return self.compute_all([scene])[0]

    def compute_all(self, scenes: Sequence[Scene]) -> list[Map]:
        """The maps of scenes that share a joint, by the same forward passes; facts as for `compute`."""
        return deep_maps(scenes, baseline(scenes[0], self.baseline, self.seed))


METHOD = DeepLIFT
