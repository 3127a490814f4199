"""JPEG: the image as it comes back from lossy compression at 8 bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from xaimed.errors import InputError
from xaimed.probes.planes import by_plane, with_image
from xaimed.probes.probe import Level, Probe, Setting
from xaimed.types import Case, Floats


@dataclass(frozen=True)
class Jpeg(Probe):
    """Each plane encoded as a grey baseline JPEG of 8 bit and decoded again (OpenCV)."""

    name: ClassVar[str] = "jpeg"
    says: ClassVar[str] = "lossy compression"
    unit: ClassVar[str] = "JPEG quality"
    levels: ClassVar[tuple[Level, ...]] = (90.0, 50.0)
    bounds: ClassVar[tuple[float, float]] = (1.0, 100.0)

    def change(self, case: Case, setting: Setting) -> Case:
        """The decompressed case."""
        quality = round(setting.number)

        def packed(plane: Floats) -> Floats:
            done, data = cv2.imencode(".jpg", np.round(plane * 255).astype(np.uint8),
                                      [int(cv2.IMWRITE_JPEG_QUALITY), quality])
            if not done:
                raise InputError(f"case {case.id}: OpenCV could not encode it as JPEG; expected an image")
            return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32) / np.float32(255)

        return with_image(case, by_plane(case.image, packed))


PROBE = Jpeg()
