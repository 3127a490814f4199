"""Input x gradient: the gradient of the score times the image's difference from a baseline.

Shrikumar A, Greenside P, Shcherbina A, Kundaje A (2016) "Not just a black box", arXiv:1605.01713.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xaimed.attribution.baseline import baseline
from xaimed.attribution.gradient import image_gradient
from xaimed.attribution.method import Map, Method
from xaimed.scene import Scene


@dataclass(frozen=True)
class InputXGradient(Method):
    """The gradient at the image times the image, summed over the channels: one step of integrated gradients.

    baseline: what the image's grey values are counted from: "black" (as published), "blur", "tissue_median" or
    "noise". The map is signed. It sums to the score's difference only where the score is linear.
    """

    name: ClassVar[str] = "input_x_gradient"
    volumes: ClassVar[bool] = True
    baseline: str = "black"
    seed: int = 0

    def compute(self, scene: Scene) -> Map:
        """The map of one scene, from one forward and one backward pass; facts: f_input."""
        score, gradient = image_gradient(scene, scene.image)
        way = scene.image - baseline(scene, self.baseline, self.seed)
        return Map((gradient * way)[0].sum(0).float().cpu().numpy(), {"f_input": float(score)})


METHOD = InputXGradient
