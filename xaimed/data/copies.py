"""Near copies among small images: groups of close difference hashes, and the likeness of local contrast.

The hash is one bit for each of 8 x 8 places: whether the grey rises to the right, in the image reduced to 9 x 8 by area
mean (the widely used "dHash"). It does not notice scale, contrast or small marks; a shift or a turned probe changes it,
and there the likeness tells copies from strangers.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from xaimed.data.split import joined

SIDE = 8
WIDE, SPREAD, FLOOR = 64, 5.0, 15.0  # pixels a side; reach of the local mean in them; grey levels that count as none


def difference_hash(pixels: NDArray[np.uint8]) -> int:
    """64 bits of a grey image, uint8 (H, W)."""
    small = cv2.resize(pixels, (SIDE + 1, SIDE), interpolation=cv2.INTER_AREA).astype(np.int16)
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def copy_groups(images: Sequence[NDArray[np.uint8]], distance: int) -> list[int]:
    """For each image the number of the first image of its group; hashes at most `distance` bits apart join a group."""
    hashes = np.array([difference_hash(image) for image in images], np.uint64)
    pairs = [(one, int(other)) for one in range(len(hashes))
             for other in one + 1 + np.flatnonzero(np.bitwise_count(hashes[one + 1:] ^ hashes[one]) <= distance)]
    return joined(len(hashes), pairs)


def likeness(images: Sequence[NDArray[np.uint8]], others: Sequence[NDArray[np.uint8]],
             share: float = 0.75) -> NDArray[np.float32]:
    """float32 (n, m) in -1 to 1: the largest correlation of two images' local contrast over shifts.

    Shifts are those that leave at least the share of both images on each other, at 64 pixels a side.
    """
    one, two = _contrasts(images), _contrasts(others)
    best = np.full((len(one), len(two)), -1, np.float32)
    for down, right in np.ndindex(2 * WIDE, 2 * WIDE):
        dy, dx = down - WIDE, right - WIDE
        if (WIDE - abs(dy)) * (WIDE - abs(dx)) >= share * WIDE**2:
            np.maximum(best, _window(one, dy, dx) @ _window(two, -dy, -dx).T, out=best)
    return best


def _contrasts(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """(n, 64, 64): each pixel less the mean around it, by the deviation there: bright and dark parts count alike."""
    out = np.empty((len(images), WIDE, WIDE), np.float32)
    for index, image in enumerate(images):
        small = cv2.resize(image, (WIDE, WIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        rest = small - cv2.GaussianBlur(small, (0, 0), SPREAD)
        out[index] = rest / np.sqrt(cv2.GaussianBlur(rest**2, (0, 0), SPREAD) + FLOOR**2)
    return out


def _window(maps: NDArray[np.float32], dy: int, dx: int) -> NDArray[np.float32]:
    """(n, pixels): what lies on the other image when that is moved by dy and dx, with mean 0 and length 1."""
    part = maps[:, max(0, dy):WIDE + min(0, dy), max(0, dx):WIDE + min(0, dx)].reshape(len(maps), -1)
    part = part - part.mean(axis=1, keepdims=True)
    length = np.maximum(np.linalg.norm(part, axis=1, keepdims=True), np.float32(1e-9))
    unit: NDArray[np.float32] = part / length
    return unit
