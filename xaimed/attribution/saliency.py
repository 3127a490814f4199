"""Saliency: the gradient of the score with respect to the image.

Simonyan K, Vedaldi A, Zisserman A (2013) "Deep inside convolutional networks", arXiv:1312.6034.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xaimed.attribution.gradient import image_gradient
from xaimed.attribution.method import Map, Method
from xaimed.scene import Scene


@dataclass(frozen=True)
class Saliency(Method):
    """The gradient at each pixel.

    absolute: the largest absolute value over the channels, as published; False: the signed sum over channels.
    """

    name: ClassVar[str] = "saliency"
    volumes: ClassVar[bool] = True
    absolute: bool = True

    def compute(self, scene: Scene) -> Map:
        """The map of one scene, from one forward and one backward pass."""
        score, gradient = image_gradient(scene, scene.image)
        plane = gradient[0].abs().amax(0) if self.absolute else gradient[0].sum(0)
        return Map(plane.float().cpu().numpy(), {"f_input": float(score)})


METHOD = Saliency
