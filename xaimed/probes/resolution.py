"""Resolution: made smaller and enlarged again, as of a coarser scanner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from xaimed.probes.planes import by_plane, with_image
from xaimed.probes.probe import Level, Probe, Setting
from xaimed.types import Case, Floats


@dataclass(frozen=True)
class Resolution(Probe):
    """Sampled with a share of the pixels a side (by area) and brought back to its size (bilinear); nothing moves."""

    name: ClassVar[str] = "resolution"
    says: ClassVar[str] = "a coarser scanner"
    unit: ClassVar[str] = "share of the pixels a side that are kept"
    levels: ClassVar[tuple[Level, ...]] = (0.5, 0.25)
    bounds: ClassVar[tuple[float, float]] = (0.02, 1.0)

    def change(self, case: Case, setting: Setting) -> Case:
        """The case at a coarser resolution."""
        size = tuple(max(1, round(side * setting.number)) for side in (case.width, case.height))

        def coarse(plane: Floats) -> Floats:
            small = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
            return np.asarray(cv2.resize(small, (case.width, case.height), interpolation=cv2.INTER_LINEAR), np.float32)

        return with_image(case, by_plane(case.image, coarse))


PROBE = Resolution()
