"""Shifted: the whole image moved sideways, as of another position of the patient."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import ClassVar

from xaimed.imaging.geometry import translation
from xaimed.probes.moved import Moved
from xaimed.probes.probe import Level, NotServed, Setting
from xaimed.types import Case, Matrix

IN_MM = re.compile(r"(\d+(?:\.\d+)?) ?mm")


@dataclass(frozen=True)
class Shifted(Moved):
    """A shift by whole pixels in a direction drawn for each case.

    A level is a share of the longer side, or a text such as "5 mm", for images whose pixel spacing is known.
    """

    name: ClassVar[str] = "shifted"
    says: ClassVar[str] = "another position in the image"
    unit: ClassVar[str] = "share of the longer side, or mm"
    levels: ClassVar[tuple[Level, ...]] = (0.02, 0.05)
    bounds: ClassVar[tuple[float, float]] = (0.0, 0.5)
    words: ClassVar[tuple[str, ...]] = ("5 mm",)

    def motion(self, case: Case, setting: Setting) -> Matrix:
        """The shift. Raises NotServed for a level in mm where no spacing is known."""
        angle = setting.draws(case).uniform(0, 2 * math.pi)
        length = self._pixels(case, setting.level)
        return translation(float(round(length * math.cos(angle))), float(round(length * math.sin(angle))))

    def check(self, level: object) -> None:
        """Raise PlanError for a level that is neither a share nor a length in mm."""
        if not (isinstance(level, str) and IN_MM.fullmatch(level)):
            super().check(level)

    def _pixels(self, case: Case, level: Level) -> float:
        if not isinstance(level, str):
            return level * max(case.height, case.width)
        if case.spacing_mm is None:
            raise NotServed("the size of a pixel in mm is not known")
        found = IN_MM.fullmatch(level)
        return float(found[1]) / case.spacing_mm if found else 0.0


PROBE = Shifted()
