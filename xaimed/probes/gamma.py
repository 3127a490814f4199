"""Gamma: grey values raised to a power, as of another curve of the scanner or the display."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xaimed.probes.planes import with_image
from xaimed.probes.probe import Level, Probe, Setting
from xaimed.types import Case


@dataclass(frozen=True)
class Gamma(Probe):
    """Every grey value in [0, 1] to the power of the level: below 1 the image becomes brighter."""

    name: ClassVar[str] = "gamma"
    says: ClassVar[str] = "another curve from dose to grey"
    unit: ClassVar[str] = "exponent"
    levels: ClassVar[tuple[Level, ...]] = (0.8, 1.25)
    bounds: ClassVar[tuple[float, float]] = (0.1, 10.0)

    def change(self, case: Case, setting: Setting) -> Case:
        """The case on another curve."""
        return with_image(case, case.image ** setting.number)


PROBE = Gamma()
