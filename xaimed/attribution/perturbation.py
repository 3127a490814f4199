"""What the perturbation methods share: one pass over changed images that serves every scene of an image."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from xaimed.attribution.memory import Batches
from xaimed.attribution.method import Map, Method
from xaimed.errors import ModelError
from xaimed.scene import Scene

Asked = Literal["score", "similarity"]
ASKED = ("score", "similarity")


class Outputs:
    """Images (B, C, h, w) to what the model says of them, (B, K): one column a scene, without gradient.

    scene: the image, tissue and chunk, with the network in the best layout. images: how many were asked for.
    Only the output is used, so a score without gradient serves as well.
    """

    def __init__(self, scene: Scene, scenes: Sequence[Scene], asked: Asked) -> None:
        self.scene, self.scenes, self.asked = scene, scenes, asked
        self.size, self.images, self._batches = len(scenes), 0, Batches(scene.chunk)

    def __call__(self, images: Tensor) -> Tensor:
        """float32 (B, K): the answers for images (B, C, h, w), in chunks of the scene or what fits into memory."""
        with torch.no_grad():
            answers = self._batches.run(len(images), lambda part: self._answered(images[part]))
        self.images += len(images)
        return torch.cat(answers)

    def _answered(self, images: Tensor) -> Tensor:
        joint = self.scene.joint
        if self.size > 1 and joint is not None:
            several = joint.scores if self.asked == "score" else joint.similarities
            answer = several(images)[:, [scene.column for scene in self.scenes]]
        else:
            single = self.scene.score if self.asked == "score" else self.scene.similarity
            answer = single(images)[:, None]
        if answer.shape != (len(images), self.size):
            raise ModelError(
                f"case {self.scene.case}, target {self.scene.target}: the {self.asked} of {len(images)} images is "
                f"{tuple(answer.shape)}; expected one number an image for each of {self.size} targets"
            )
        return answer.detach().float()


@dataclass(frozen=True)
class Perturbation(Method):
    """A method that asks only for the output of changed images; the scenes of one image share the passes."""

    @abstractmethod
    def maps(self, outputs: Outputs) -> list[Map]:
        """One map for each column of the outputs."""

    @property
    def asks(self) -> Asked:
        """What is explained: the scene's score or its similarity."""
        return "score"

    def compute(self, scene: Scene) -> Map:
        """The map of one scene."""
        return self.compute_all([scene])[0]

    def compute_all(self, scenes: Sequence[Scene]) -> list[Map]:
        """The map of each of the scenes that share a joint, from the same changed images."""
        return self.maps(Outputs(scenes[0], scenes, self.asks))
