"""Own evidence: the map that the network itself gives, without any method from outside.

The logits of a BagNet's patches (Brendel W, Bethge M (2019) arXiv:1904.00760), the activation of prototypes (Chen C et
al. (2019) arXiv:1806.10574), the probability of tiles, the residual of an autoencoder: see xaimed.patches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from xaimed.attribution.method import Map, Method
from xaimed.errors import ModelError
from xaimed.scene import Scene


@dataclass(frozen=True)
class OwnEvidence(Method):
    """What the network says that each place adds to the target; signed, for networks that say so."""

    name: ClassVar[str] = "own_evidence"

    def compute(self, scene: Scene) -> Map:
        """The map of one scene. Raises ModelError for a network without evidence of its own."""
        if scene.evidence is None:
            raise ModelError(f"{type(scene.network).__name__} gives no evidence of its own; expected a network with a "
                             "method evidence(images), such as bagnet or prototype_net: choose another method")
        with torch.no_grad():
            values = scene.evidence(scene.image)[0]
        return Map(values.float().cpu().numpy())


METHOD = OwnEvidence
