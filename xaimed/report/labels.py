"""The names of boxes on a picture, each beside its box and clear of the others where there is room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from xaimed.viz.overlay import COLOURS, Colour, Mark, Picture

Area = tuple[int, int, int, int]
PLATE: Colour = (12, 14, 18)
FONT, PAD = cv2.FONT_HERSHEY_SIMPLEX, 3


def write_labels(rgb: Picture, marks: Sequence[Mark], factor: float, size: float) -> Picture:
    """uint8 (H, W, 3): a copy with the text of every mark on a dark plate, placed by `places`.

    factor: size of the picture relative to the pixels in which the marks are given. size: of the letters; 1 is
    about 22 pixels high.
    """
    drawn = rgb.copy()
    for mark, area in zip(marks, places(rgb.shape[:2], marks, factor, size), strict=True):
        if mark.text:
            cv2.rectangle(drawn, area[:2], (area[2] - 1, area[3] - 1), PLATE, cv2.FILLED)
            descent = cv2.getTextSize(mark.text, FONT, size, _stroke(size))[1]
            cv2.putText(drawn, mark.text, (area[0] + PAD, area[3] - PAD - descent), FONT, size, COLOURS[mark.kind],
                        _stroke(size), cv2.LINE_AA)
    return drawn


def places(shape: Sequence[int], marks: Sequence[Mark], factor: float, size: float) -> list[Area]:
    """x0, y0, x1, y1 of every mark's plate in a picture of `shape` (H, W), in the order of the marks.

    Each takes the first place around its box, then further away, that is inside the picture and covers no plate
    placed before it and no box; if there is none, the one that covers least. A plate counts far more than a box.
    """
    boxes = [_scaled(mark, factor) for mark in marks]
    taken: list[Area] = []
    for mark, box in zip(marks, boxes, strict=True):
        plate = _plate(mark.text, size)
        able = [_inside(place, plate, shape) for place in _around(box, plate)] if mark.text else [(0, 0, 0, 0)]
        taken.append(min(able, key=lambda area: (20 * sum(_shared(area, other) for other in taken)
                                                 + sum(_shared(area, other) for other in boxes))))
    return taken


def _around(box: Area, size: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Corners to try: above, below, right and left of the box, then ever further from it."""
    wide, tall = size
    for step in range(8):
        gap = 2 + step * (tall + 1)
        for x in (box[0], box[2] - wide, box[0] - wide // 2):
            yield x, box[1] - tall - gap
            yield x, box[3] + gap
        for y in (box[1], box[3] - tall):
            yield box[2] + 2 + step * 8, y + step * (tall + 1)
            yield box[0] - wide - 2 - step * 8, y + step * (tall + 1)


def _inside(corner: tuple[int, int], size: tuple[int, int], shape: Sequence[int]) -> Area:
    x = int(np.clip(corner[0], 0, max(0, shape[1] - size[0])))
    y = int(np.clip(corner[1], 0, max(0, shape[0] - size[1])))
    return x, y, x + size[0], y + size[1]


def _shared(a: Area, b: Area) -> int:
    """Pixels that two areas share."""
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def _scaled(mark: Mark, factor: float) -> Area:
    x0, y0, x1, y1 = (round(edge * factor) for edge in mark.edges)
    return x0, y0, x1, y1


def _stroke(size: float) -> int:
    return max(1, round(2 * size))


def _plate(text: str, size: float) -> tuple[int, int]:
    (wide, tall), descent = cv2.getTextSize(text, FONT, size, _stroke(size))
    return wide + 2 * PAD, tall + descent + 2 * PAD
