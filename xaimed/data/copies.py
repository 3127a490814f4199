"""Near copies among small images: a difference hash of 64 bits, and groups of images whose hashes are close.

The hash is one bit for each of 8 x 8 places: whether the grey falls to the right, in the image reduced to 9 x 8 by area
mean (the widely used "dHash"). It does not notice scale, contrast or small marks.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from xaimed.data.split import joined

SIDE = 8


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
