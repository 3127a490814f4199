"""Blur: a Gaussian blur, as of motion or a worse focus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from xaimed.probes.planes import by_plane, with_image
from xaimed.probes.probe import Level, Probe, Setting
from xaimed.types import Case, Floats


@dataclass(frozen=True)
class Blur(Probe):
    """A Gaussian blur whose sigma is a share of the longer side, so that images of any size lose the same detail."""

    name: ClassVar[str] = "blur"
    says: ClassVar[str] = "a less sharp image"
    unit: ClassVar[str] = "sigma as a share of the longer side"
    levels: ClassVar[tuple[Level, ...]] = (0.002, 0.005)
    bounds: ClassVar[tuple[float, float]] = (0.0, 0.1)

    def change(self, case: Case, setting: Setting) -> Case:
        """The blurred case."""
        sigma = setting.number * max(case.height, case.width)
        if sigma <= 0:
            return case

        def blurred(plane: Floats) -> Floats:
            return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)

        return with_image(case, by_plane(case.image, blurred))


PROBE = Blur()
