"""Contrast: grey values nearer to or further from the mean of the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xaimed.probes.planes import with_image
from xaimed.probes.probe import Level, Probe, Setting
from xaimed.types import Case


@dataclass(frozen=True)
class Contrast(Probe):
    """The distance of every pixel from the mean of the image, times the level; what leaves [0, 1] is clipped."""

    name: ClassVar[str] = "contrast"
    says: ClassVar[str] = "another contrast"
    unit: ClassVar[str] = "factor"
    levels: ClassVar[tuple[Level, ...]] = (0.8, 1.2)
    bounds: ClassVar[tuple[float, float]] = (0.1, 10.0)

    def change(self, case: Case, setting: Setting) -> Case:
        """The case with another contrast."""
        mean = case.image.mean()
        return with_image(case, mean + (case.image - mean) * setting.number)


PROBE = Contrast()
