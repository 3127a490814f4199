"""Plane share: how much of a score's sensitivity falls on each plane of the input; a description of the model.

Planes are the slices of a stack, the modalities of a pair, or the moving and the fixed image of a registration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from xaimed.metrics.explained import Explained


@dataclass(frozen=True)
class PlaneShare:
    """The sum of |gradient x input| over each plane, divided by that over all; one value a plane, summing to 1.

    It is a property of the scene and the same for every map. No value for an image of one plane, for a score without
    a gradient, and where gradient x input is 0 or not finite everywhere.
    """

    name: str = "plane_share"
    kind: str = "explanation"
    better: Literal["neither"] = "neither"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = ("modality share after Suk HI et al. (2014), doi:10.1016/j.neuroimage.2014.06.077, by gradient x "
                      "input (Shrikumar A et al. 2016, arXiv:1605.01713)")

    def __call__(self, view: Explained) -> dict[str, float]:
        """The share of each plane, with the suffix "[0]", "[1]" and so on."""
        image = view.scene.image.detach()
        # A volume of one channel has its slices for planes.
        axis = 2 if image.ndim == 5 and image.shape[1] == 1 else 1
        if image.shape[axis] == 1:
            return {}
        gradient = view.removal.gradient
        if gradient is None:
            return {}
        sizes = (gradient * image).abs().double().transpose(axis, 0).flatten(1).sum(dim=1)
        total = float(sizes.sum())
        if not 0 < total < float("inf"):
            return {}
        return {f"[{plane}]": float(size) / total for plane, size in enumerate(sizes)}


METRIC = PlaneShare()
