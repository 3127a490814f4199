"""Random map: a control that knows neither the image nor the model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xaimed.attribution.method import Map, Method
from xaimed.scene import Scene


@dataclass(frozen=True)
class RandomMap(Method):
    """Independent uniform values in [0, 1), by the seed and the names of case and target."""

    name: ClassVar[str] = "random_map"
    control: ClassVar[bool] = True
    volumes: ClassVar[bool] = True
    seed: int = 0

    def compute(self, scene: Scene) -> Map:
        """The map of one scene."""
        digest = hashlib.sha256(f"{self.seed}/{scene.case}/{scene.target}".encode()).digest()
        generator = np.random.default_rng(int.from_bytes(digest[:8], "little"))
        return Map(generator.random(tuple(scene.image.shape[2:]), dtype=np.float32))


METHOD = RandomMap
