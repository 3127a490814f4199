"""A scale bar in mm on a picture whose pixel spacing is known."""

from __future__ import annotations

import math

import cv2

from xaimed.viz.overlay import Picture

LENGTHS = tuple(step * 10.0**power for power in range(-6, 3) for step in (1, 2, 5) if step * 10**power <= 200)
WIDEST = 0.3  # of the picture's width
LIGHT, DARK = (255, 255, 255), (12, 14, 18)


def length_text(mm: float) -> str:
    """A length with three figures in the unit that suits it: "4 nm", "25 µm", "1.72 mm"."""
    scale, unit = next(((s, u) for least, s, u in ((1e-2, 1.0, "mm"), (1e-3, 1e3, "µm")) if mm >= least), (1e6, "nm"))
    return f"{mm * scale:.3g} {unit}"


def bar_length(width_mm: float) -> float:
    """The longest round length in mm that fits in WIDEST of a width; 0 for an unknown width or one too small."""
    if not math.isfinite(width_mm):
        return 0.0
    return max((length for length in LENGTHS if length <= WIDEST * width_mm), default=0.0)


def scale_bar(rgb: Picture, pixel_mm: float) -> Picture:
    """uint8 (H, W, 3): a copy with a bar and its length at the bottom left; as it is where the spacing is not known.

    pixel_mm: width of a pixel of this picture in mm.
    """
    drawn, length = rgb.copy(), bar_length(rgb.shape[1] * pixel_mm)
    if not length or pixel_mm <= 0:
        return drawn
    unit = max(1, round(max(rgb.shape[:2]) / 240))
    x, y = 6 * unit, rgb.shape[0] - 6 * unit
    end = x + round(length / pixel_mm)
    cv2.rectangle(drawn, (x - unit, y - unit), (end + unit, y + 2 * unit), DARK, cv2.FILLED)
    cv2.rectangle(drawn, (x, y), (end, y + unit), LIGHT, cv2.FILLED)
    place, words = (x, y - 3 * unit), length_text(length).replace("µ", "u")  # the font has no mu
    for colour, thick in ((DARK, 2 * unit + 1), (LIGHT, unit)):
        cv2.putText(drawn, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4 * unit, colour, thick, cv2.LINE_AA)
    return drawn
