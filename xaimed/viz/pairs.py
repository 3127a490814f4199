"""Images of several planes that are not colours: a moving and a fixed one, or modalities; and a point in words."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from xaimed.types import Floats
from xaimed.viz.overlay import Picture

PAIR = ("moving", "fixed")
MOVED = {"shift": "displacement", "dx": "displacement along x", "dy": "displacement along y"}
LIGHT, DARK = (255, 255, 255), (12, 14, 18)
Point = tuple[float, float]


def named_planes(image: Floats, task: str, names: Sequence[str] = ()) -> list[tuple[str, Floats]]:
    """The name and the middle slice (H, W) of each part of an image (C, H, W) in equal parts.

    The parts of a registration are its moving and its fixed image; names: of the modalities, as the dataset gives
    them. Nothing for an image of one part.
    """
    parts = PAIR if task == "registration" else tuple(names)
    if len(parts) < 2 or len(image) % len(parts):
        return []
    slices = len(image) // len(parts)
    return [(name, image[slices * place + slices // 2]) for place, name in enumerate(parts)]


def beneath(image: Floats, task: str) -> Floats:
    """What a map lies on: the fixed image of a registration, in whose coordinates its point is given; else all."""
    planes = named_planes(image, task)
    return planes[1][1] if planes else image


def point_of(target: str) -> Point | None:
    """x, y of a target that is the displacement at a point, such as "shift:69,81"; None for another."""
    kind, _, rest = target.partition(":")
    numbers = rest.split(",")
    if kind not in MOVED or len(numbers) != 2:
        return None
    return float(numbers[0]), float(numbers[1])


def place_words(target: str) -> str:
    """A target at a point in words, "displacement at x 69, y 81"; "" for another."""
    point = point_of(target)
    return f"{MOVED[target.partition(':')[0]]} at x {point[0]:g}, y {point[1]:g}" if point else ""


def crossed(rgb: Picture, point: Point) -> Picture:
    """uint8 (H, W, 3): a copy with a cross at x, y in its pixels, light with a dark rim."""
    drawn = np.ascontiguousarray(rgb.copy())
    unit = max(1, round(max(rgb.shape[:2]) / 240))
    place = (round(point[0]), round(point[1]))
    for colour, width in ((DARK, 3 * unit), (LIGHT, unit)):
        cv2.drawMarker(drawn, place, colour, cv2.MARKER_CROSS, 12 * unit, width, cv2.LINE_AA)
    return drawn
