"""Centre blob: a control that knows neither the image nor the model, only that objects sit in the middle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xaimed.attribution.method import Map, Method
from xaimed.errors import PlanError
from xaimed.scene import Scene


@dataclass(frozen=True)
class CentreBlob(Method):
    """A Gaussian with its peak, 1, in the middle of the image; a method must beat it to have found anything.

    width: the standard deviation as a share of each side of the image.
    """

    name: ClassVar[str] = "centre_blob"
    control: ClassVar[bool] = True
    width: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.width < np.inf:
            raise PlanError(f"centre_blob: width {self.width}; expected a positive share of the side, such as 0.25")

    def compute(self, scene: Scene) -> Map:
        """The map of one scene."""
        values = np.ones((), np.float64)
        for side in scene.image.shape[2:]:
            places = (np.arange(side) - (side - 1) / 2) / (self.width * side)
            values = values[..., None] * np.exp(-0.5 * places**2)
        return Map(values.astype(np.float32))


METHOD = CentreBlob
