"""The engine of the CAM methods without gradient, whose boxes of one image share every pass."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from xaimed.attribution.cam import laid_map
from xaimed.attribution.held import Held, held
from xaimed.attribution.method import Map, Method
from xaimed.errors import PlanError
from xaimed.scene import Scene


@dataclass(frozen=True)
class GradientFreeCam(Method):
    """A method that turns a feature map into one number a cell without a gradient, so it serves any score.

    layer: a name of the scene's layers or of any module of the network; None: the scene's own choice, or the last
    layer before it with more than one cell. relu: as in CamMethod.
    """

    volumes: ClassVar[bool] = True
    layer: str | None = None
    relu: bool = True

    @abstractmethod
    def cells(self, layer: Held) -> tuple[Tensor, Mapping[str, float]]:
        """(n, *s): the signed map of each of the layer's n scenes on its cells; and facts."""

    def compute(self, scene: Scene) -> Map:
        """The map of one scene."""
        return self.compute_all([scene])[0]

    def compute_all(self, scenes: Sequence[Scene]) -> list[Map]:
        """The maps of one scene, or of several that share a joint."""
        found: dict[int, Map] = {}
        for layer in held(scenes, self.layer):
            with torch.no_grad():
                cells, facts = self.cells(layer)
            for scene, one, score in zip(layer.scenes, cells, layer.full, strict=True):
                map_ = laid_map(scene, one, layer.run, float(score), self.relu)
                found[id(scene)] = replace(map_, facts={**map_.facts, **facts})
        return [found[id(scene)] for scene in scenes]


def check_channels(method: str, channels: int) -> None:
    """Raise PlanError unless `channels` is 0 or more."""
    if channels < 0:
        raise PlanError(f"{method}: channels {channels}; expected how many channels to measure, or 0 for all of them")
