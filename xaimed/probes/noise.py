"""Noise: independent normal noise on every pixel, as of a smaller dose or a noisier detector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xaimed.probes.planes import with_image
from xaimed.probes.probe import Level, Probe, Setting
from xaimed.types import Case


@dataclass(frozen=True)
class Noise(Probe):
    """Normal noise whose standard deviation is a share of the image's range of grey values."""

    name: ClassVar[str] = "noise"
    says: ClassVar[str] = "a noisier detector"
    unit: ClassVar[str] = "standard deviation as a share of the image's range"
    levels: ClassVar[tuple[Level, ...]] = (0.02, 0.05)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def change(self, case: Case, setting: Setting) -> Case:
        """The case with noise of its own seed."""
        noise = setting.draws(case).standard_normal(case.image.shape, np.float32)
        return with_image(case, case.image + np.float32(setting.number * float(np.ptp(case.image))) * noise)


PROBE = Noise()
