"""What is drawn on the pictures of a case so that each can be read alone: the side, and signs by hatching."""

from __future__ import annotations

import cv2
import numpy as np

from xaimed.types import Floats, Mask
from xaimed.viz.overlay import Picture

FONT, SIZE, PAD = cv2.FONT_HERSHEY_SIMPLEX, 0.42, 3
CLEAR = 100  # grey value up to which a corner holds nothing that is drawn there
LIGHT, DARK = (255, 255, 255), (12, 14, 18)
WEAK = 0.15  # share of the colour scale below which a value is too faint for a sign
STEP = 7  # pixels between two lines of the hatching, on a picture of 420 rows


def side_mark(rgb: Picture, text: str, wall: str) -> Picture:
    """uint8 (H, W, 3): a copy with the side of the body ("R MLO") in a corner away from the breast.

    The upper one, but the lower one where something bright stands in the upper and not in the lower.

    wall: the border at which the breast meets the chest wall, "left", "right" or "" where that is not clear.
    """
    drawn = rgb.copy()
    if not text:
        return drawn
    unit = max(1, round(max(rgb.shape[:2]) / 240))
    (wide, tall), below = cv2.getTextSize(text, FONT, SIZE * unit, unit)
    wide, tall, pad = wide + 2 * PAD * unit, tall + below + PAD * unit, PAD * unit
    left = max(0, rgb.shape[1] - wide - pad) if wall == "left" else pad
    tops = (pad, max(0, rgb.shape[0] - tall - pad))
    # A marker of lead, which is a part of the image, must not be covered: the darker corner is taken.
    top = min(tops, key=lambda y: int(rgb[y:y + tall, left:left + wide].max(initial=0)) > CLEAR)
    cv2.rectangle(drawn, (left, top), (left + wide, top + tall), DARK, cv2.FILLED)
    cv2.putText(drawn, text, (left + pad, top + tall - below - pad // 2), FONT, SIZE * unit, LIGHT, unit, cv2.LINE_AA)
    return drawn


def lowering(values: Floats, scale: float) -> Mask:
    """bool (H, W): where a map says clearly that the image lowers the score. scale: the value at full colour."""
    found: Mask = np.nan_to_num(values) < -WEAK * scale
    return found


def hatched(rgb: Picture, where: Mask) -> Picture:
    """uint8 (H, W, 3): a copy with slanted lines in a part of it, so that print without colours tells it apart.

    where: bool (h, w), of any size; it is brought to that of the picture.
    """
    if not where.any():
        return rgb.copy()
    tall, wide = rgb.shape[:2]
    part = cv2.resize(where.astype(np.uint8), (wide, tall), interpolation=cv2.INTER_NEAREST).astype(bool)
    unit = max(1, round(tall / 420))
    rows, columns = np.indices((tall, wide))
    place = (rows + columns) % (STEP * unit)
    drawn = rgb.copy()
    drawn[part & (place < unit)] = LIGHT
    drawn[part & (place >= unit) & (place < 2 * unit)] = DARK
    return drawn
