"""Images written as PNG of 8 or 16 bits, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from xaimed.errors import InputError
from xaimed.types import Floats, check_pixels

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def write_png(image: Floats, path: Path, bits: int = 8) -> None:
    """Write float32 (1, H, W) or (3, H, W) in [0, 1] as a PNG; value 1 becomes 255 or 65535.

    Written under a temporary name beside `path` and renamed, so that a full disk leaves nothing. Raises
    InputError for other shapes, values or bits, OSError where the folder cannot be written.
    """
    if bits not in (8, 16):
        raise InputError(f"{bits} bits; expected 8 or 16")
    if image.ndim != 3 or image.shape[0] not in (1, 3):
        raise InputError(f"an image {image.shape}; expected (1, H, W) grey or (3, H, W) RGB")
    check_pixels(image, path.name)
    kind = np.uint8 if bits == 8 else np.uint16
    values = np.rint(image.astype(np.float64) * np.iinfo(kind).max).astype(kind)
    plane = values[0] if len(values) == 1 else np.ascontiguousarray(np.moveaxis(values[::-1], 0, -1))
    done, data = cv2.imencode(".png", plane)
    if not done:
        raise InputError(f"{path.name}: the image could not be encoded as PNG; expected an image with pixels")
    with replacing(path) as file:
        file.write(data.tobytes())


def grey(image: Floats) -> Floats:
    """float32 (1, H, W): the luminance of a colour image (ITU-R BT.601), a grey image unchanged."""
    if image.shape[0] == 1:
        return image
    return np.clip(np.tensordot(LUMINANCE, image, axes=1), 0.0, 1.0)[None].astype(np.float32)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file open for writing that becomes `path` when the block ends well and vanishes when it does not."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
