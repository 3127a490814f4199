"""Rotated: the image turned about its middle, as of a tilted patient or film."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xaimed.imaging.geometry import translation
from xaimed.probes.moved import Moved
from xaimed.probes.probe import Level, Setting
from xaimed.types import Case, Matrix


@dataclass(frozen=True)
class Rotated(Moved):
    """A turn by the level in degrees, to the left or to the right as drawn for each case."""

    name: ClassVar[str] = "rotated"
    says: ClassVar[str] = "a tilted image"
    unit: ClassVar[str] = "degrees"
    levels: ClassVar[tuple[Level, ...]] = (3.0, 10.0)
    bounds: ClassVar[tuple[float, float]] = (0.0, 45.0)

    def motion(self, case: Case, setting: Setting) -> Matrix:
        """The turn about the middle of the image."""
        angle = math.radians(setting.number) * setting.draws(case).choice([-1.0, 1.0])
        turn = np.array([[math.cos(angle), -math.sin(angle), 0.0], [math.sin(angle), math.cos(angle), 0.0], [0, 0, 1]])
        x, y = case.width / 2, case.height / 2
        return np.asarray(translation(x, y) @ turn @ translation(-x, -y), np.float64)


PROBE = Rotated()
