"""What decoding an image file gives, whatever its format."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xaimed.errors import InputError
from xaimed.types import Floats

# A mammogram has up to 30 million pixels; more than this is a slide, a volume or an attack on the memory.
MAX_VALUES = 128_000_000


@dataclass(frozen=True, eq=False)
class Decoded:
    """An image from a file, without any identifier of a patient.

    image: float32 (C, H, W) in [0, 1], C = 1 (grey) or 3 (RGB). spacing_mm: size of a square pixel, or
    None. groups: modality, view, side, vendor, intent, each from a closed list. digest: sha256 of the stored
    pixel values, little-endian, in raster order. bits: grey depth of the source. rendering: how stored
    values became [0, 1].
    """

    image: Floats
    digest: str
    bits: int
    spacing_mm: float | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    rendering: str = "bit depth"


def digest_of(stored: NDArray[Any]) -> str:
    """The sha256 (hex) of an array's values, little-endian, in raster order."""
    little = np.ascontiguousarray(stored, dtype=stored.dtype.newbyteorder("<"))
    return hashlib.sha256(little.tobytes()).hexdigest()


def check_size(values: int, path: Path) -> None:
    """Raise InputError if a file announces more values than MAX_VALUES, before they are decoded."""
    if values > MAX_VALUES:
        raise InputError(f"{path}: {values} pixel values; expected at most {MAX_VALUES}: crop or reduce the "
                         "image")


def check_finite(stored: NDArray[Any], path: Path) -> None:
    """Raise InputError if a floating-point image holds NaN or infinite pixels."""
    if stored.dtype.kind == "f":
        bad = int(stored.size - np.count_nonzero(np.isfinite(stored)))
        if bad:
            raise InputError(f"{path}: {bad} pixels are NaN or infinite; expected finite values: repair the "
                             "image")
