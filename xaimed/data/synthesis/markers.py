"""Lead markers: letters that are burned into the image outside the breast."""

from __future__ import annotations

import cv2
import numpy as np

from xaimed.data.synthesis.phantom import Mask
from xaimed.data.synthesis.texture import Field


def marker(text: str, style: str, tissue: Mask, rng: np.random.Generator) -> Field:
    """Returns float32 (H, W), 0 to 1: how opaque a marker is, in the air near the image's outer upper corner.

    text: such as "R CC". style: "plain" (letters) or "special" (the same letters in a ring beside a filled
    square). tissue: bool (H, W) in the final orientation; the marker keeps clear of it.
    """
    stamp = _stamp(text, style, tissue.shape[0] / 512, float(rng.uniform(-16, 16)))
    row, column = _corner(tissue, stamp.shape, rng)
    opaque = np.zeros(tissue.shape, np.float32)
    opaque[row : row + stamp.shape[0], column : column + stamp.shape[1]] = stamp
    opaque[tissue] = 0
    return opaque


def _stamp(text: str, style: str, scale: float, turn: float) -> Field:
    size, thick = 0.62 * scale, max(1, round(2 * scale))
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
    side = int(1.25 * width + 2.2 * height)
    stamp = np.zeros((side, side), np.uint8)
    x, y = (side - width) // 2, (side + height) // 2
    cv2.putText(stamp, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, 255, thick, cv2.LINE_AA)
    if style == "special":
        axes = (round(0.58 * width + 0.35 * height), round(1.2 * height))
        cv2.ellipse(stamp, (side // 2, side // 2), axes, 0, 0, 360, 255, thick, cv2.LINE_AA)
        top = side // 2 + round(1.5 * height)
        cv2.rectangle(stamp, (side // 2 - height // 2, top), (side // 2 + height // 2, top + height), 255, -1)
    rotation = cv2.getRotationMatrix2D((side / 2, side / 2), turn, 1.0)
    turned = cv2.warpAffine(stamp, rotation, (side, side), flags=cv2.INTER_LINEAR)
    rows, columns = np.flatnonzero(turned.any(axis=1)), np.flatnonzero(turned.any(axis=0))
    inked = turned[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.asarray(inked, dtype=np.float32) / np.float32(255)


def _corner(tissue: Mask, size: tuple[int, ...], rng: np.random.Generator) -> tuple[int, int]:
    height, width = tissue.shape
    left_wall = tissue[:, : width // 2].sum() >= tissue[:, width // 2 :].sum()
    for _ in range(30):
        row = int(rng.uniform(0.02, 0.14) * height)
        gap = int(rng.uniform(0.02, 0.14) * width)
        column = width - size[1] - gap if left_wall else gap
        if not tissue[row : row + size[0], column : column + size[1]].any():
            return row, column
    return 2, (width - size[1] - 2 if left_wall else 2)
