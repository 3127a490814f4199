"""Masses: where they lie in both views of a breast, and what each adds to the image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from xaimed.data.synthesis.calcifications import specks
from xaimed.data.synthesis.outline import Outline
from xaimed.data.synthesis.phantom import Mask, mask_box
from xaimed.data.synthesis.texture import Field
from xaimed.errors import XaimedError

T = TypeVar("T", bound=np.generic)

_FLOOR = 0.012
"""Attenuation below which a mass changes nothing: its mask ends there."""


@dataclass(frozen=True)
class Mass:
    """One physical mass: its radius and its distance from the nipple in mm hold in both views.

    angles: direction from the nipple in CC and MLO, in radians from straight backwards.
    contrast: added attenuation. seed: of its shape.
    """

    number: int
    label: str
    radius: float
    distance: float
    angles: tuple[float, float]
    contrast: float
    calcified: bool
    seed: int

    @property
    def reach(self) -> float:
        """Distance in mm from the centre that the mass may touch."""
        return self.radius * (2.1 if self.label == "malignant" else 1.3)

    def centre(self, outline: Outline) -> tuple[float, float]:
        """Returns x, y in pixels of a view with the chest wall on the left."""
        angle = self.angles[outline.view == "MLO"]
        (bx, by), away = outline.backwards, outline.frame.pixels(self.distance)
        cos, sin = np.cos(angle), np.sin(angle)
        x, y = outline.nipple
        return float(x + away * (bx * cos - by * sin)), float(y + away * (by * cos + bx * sin))


@dataclass(frozen=True, eq=False)
class Imprint:
    """A mass in one view.

    added: float32 (H, W) attenuation, zero outside mask. mask: bool (H, W), without holes.
    calcified: float32 (H, W), what its calcifications add, inside the mask.
    """

    added: Field
    mask: Mask
    calcified: Field


def draw_mass(number: int, label: str, rng: np.random.Generator) -> Mass:
    """Returns a random mass without a place yet."""
    middle, low, high = (5.6, 3.4, 9.5) if label == "malignant" else (8.4, 4.6, 16.0)
    radius = float(np.clip(middle * np.exp(0.28 * rng.standard_normal()), low, high))
    contrast = float(rng.uniform(0.15, 0.30)) * (1.15 if label == "malignant" else 1.0)
    calcified = label == "malignant" and bool(rng.random() < 0.4)
    return Mass(number, label, radius, 0.0, (0.0, 0.0), contrast, calcified, int(rng.integers(2**32)))


def place_mass(
    mass: Mass, views: tuple[Outline, Outline], taken: tuple[Mass, ...], rng: np.random.Generator
) -> Mass:
    """Returns the mass at a random place that lies inside both views, clear of skin, muscle and other masses.

    It shrinks when there is no room. Raises XaimedError when 400 places were tried in vain.
    """
    for attempt in range(400):
        place = rng.uniform(0.2, 0.95) * views[0].depth
        spread = rng.uniform(-1.0, 1.0, 2)
        mass = replace(mass, distance=float(place), angles=(float(spread[0]), float(spread[1])))
        if all(_fits(mass, outline, taken) for outline in views):
            return mass
        if attempt % 40 == 39:
            mass = replace(mass, radius=mass.radius * 0.88)
    raise XaimedError(
        f"mass {mass.number} found no room in a breast {views[0].depth:.0f} mm deep after 400 places; "
        "expected room for every mass: use another seed and report this one"
    )


def _fits(mass: Mass, outline: Outline, taken: tuple[Mass, ...]) -> bool:
    x, y = mass.centre(outline)
    height, width = outline.frame.shape
    margin = outline.frame.pixels(mass.reach) + 6
    if not (margin <= x <= width - margin and margin <= y <= height - margin):
        return False
    row, column = int(y), int(x)
    clear = min(outline.skin_distance[row, column] - 2.0, outline.pectoral_distance[row, column])
    if clear < mass.reach + 1.5:
        return False
    return all(
        np.hypot(x - ox, y - oy) > outline.frame.pixels(mass.reach + other.reach + 4)
        for other in taken
        for ox, oy in [other.centre(outline)]
    )


def imprint(mass: Mass, outline: Outline, blur_mm: float) -> Imprint:
    """Returns what a mass adds to a view after the detector's blur, its mask and its calcifications."""
    rng = np.random.default_rng([mass.seed, int(outline.view == "MLO")])
    x, y = mass.centre(outline)
    half = int(np.ceil(outline.frame.pixels(mass.reach))) + 3
    left, top = int(x) - half, int(y) - half
    size, centre = 2 * half + 1, (x - left, y - top)
    sharp = _window(mass, outline, (size, centre), rng)
    soft = cv2.GaussianBlur(sharp, (0, 0), max(outline.frame.pixels(blur_mm), 0.5))
    window: Field = np.asarray(np.sign(soft) * np.maximum(np.abs(soft) - _FLOOR, 0), dtype=np.float32)
    mask, shape = _without_holes(window != 0), outline.frame.shape
    calcified = _specks(mass, outline, (size, centre), rng) * mask
    area = np.s_[top : top + size, left : left + size]
    return Imprint(_pasted(window, area, shape), _pasted(mask, area, shape), _pasted(calcified, area, shape))


def pull(mass: Mass, outline: Outline, found: Imprint, plain: Field) -> Field:
    """Returns float32 (H, W): how the tissue `plain` changes where a malignant mass draws it inwards.

    It is zero outside the mass and for benign masses.
    """
    moved = np.zeros_like(plain)
    if mass.label == "benign":
        return moved
    x0, y0, x1, y1 = (int(edge) for edge in mask_box(found.mask))
    (cx, cy), radius = mass.centre(outline), outline.frame.pixels(mass.radius)
    rows, columns = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    x, y = columns - np.float32(cx), rows - np.float32(cy)
    stretch = 1 + np.float32(0.4) * np.exp(-(x * x + y * y) / np.float32(2.5 * radius**2))
    from_x, from_y = (cx + x * stretch).astype(np.float32), (cy + y * stretch).astype(np.float32)
    drawn = cv2.remap(plain, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    weight = np.minimum(np.abs(found.added[y0:y1, x0:x1]) / np.float32(0.03), 1)
    moved[y0:y1, x0:x1] = weight * (drawn - plain[y0:y1, x0:x1])
    return moved


def _without_holes(mask: Mask) -> Mask:
    filled = np.zeros(mask.shape, np.uint8)
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(filled, contours, -1, 1, cv2.FILLED)
    return filled.astype(bool) | mask


def _pasted(window: NDArray[T], area: tuple[slice, slice], shape: tuple[int, int]) -> NDArray[T]:
    whole = np.zeros(shape, window.dtype)
    whole[area] = window
    return whole


def _window(
    mass: Mass, outline: Outline, place: tuple[int, tuple[float, float]], rng: np.random.Generator
) -> Field:
    size, (cx, cy) = place
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    x, y = columns - np.float32(cx), rows - np.float32(cy)
    radius = outline.frame.pixels(mass.radius)
    if mass.label == "benign":
        return _circumscribed(x, y, radius, mass.contrast, rng)
    core = _irregular(x, y, radius, mass.contrast, rng)
    return np.asarray(np.maximum(core, _spicules(place, radius, mass.contrast, rng)), dtype=np.float32)


def _circumscribed(x: Field, y: Field, radius: float, contrast: float, rng: np.random.Generator) -> Field:
    """A smooth oval of nearly even density with a sharp border and sometimes a thin dark halo."""
    turn, ratio = rng.uniform(0, np.pi), rng.uniform(0.68, 1.0)
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    angle = np.arctan2(v, u)
    lobes = 1 + 0.035 * np.sin(2 * angle + rng.uniform(0, 6)) + 0.03 * np.sin(3 * angle + rng.uniform(0, 6))
    reach = np.hypot(u, v / ratio) / (radius * lobes)
    body = contrast * np.maximum(1 - reach**2, 0) ** np.float32(0.38)
    halo = rng.uniform(0.02, 0.045) if rng.random() < 0.4 else 0.0
    rim = halo * np.exp(-np.square((reach - 1) * radius / 2.2 - 0.9)) * (reach > 1)
    return np.asarray(body - rim, dtype=np.float32)


def _irregular(x: Field, y: Field, radius: float, contrast: float, rng: np.random.Generator) -> Field:
    """A core that is densest in the middle, with an indented, ill-defined border."""
    angle, edge = np.arctan2(y, x), np.ones_like(x)
    for wave in range(2, 10):
        edge += np.float32(rng.normal(0, 0.20 / wave**0.6)) * np.sin(wave * angle + rng.uniform(0, 6.3))
    reach = np.hypot(x, y) / (radius * np.clip(edge, 0.45, 1.6))
    return np.asarray(contrast / (1 + np.exp((reach - 0.92) / 0.12)) * (1.15 - 0.3 * reach), dtype=np.float32)


def _spicules(
    place: tuple[int, tuple[float, float]], radius: float, contrast: float, rng: np.random.Generator
) -> Field:
    """Thin straight to slightly curved lines that leave the core and fade."""
    size, (cx, cy) = place
    canvas = np.zeros((size * 2, size * 2), np.float32)
    number = int(rng.integers(14, 26))
    angles = np.linspace(0, 2 * np.pi, number, endpoint=False) + rng.normal(0, 0.13, number)
    for angle in angles:
        t = np.linspace(0.5, rng.uniform(1.35, 2.1), 9)
        heading = angle + rng.normal(0, 0.10) * (t - 0.5)
        points = np.stack([cx + radius * t * np.cos(heading), cy + radius * t * np.sin(heading)], axis=1)
        strength, thick = contrast * rng.uniform(0.55, 0.9), max(2, round(0.24 * radius))
        for k in range(8):
            level, width = strength * (1 - 0.085 * k), max(1, round(thick * (1 - k / 8)))
            line = np.round((points[k : k + 2] * 2 + 0.5) * 16).astype(np.int32)[:, None, :]
            cv2.polylines(
                canvas,
                [line],
                isClosed=False,
                color=float(level),
                thickness=width,
                lineType=cv2.LINE_8,
                shift=4,
            )
    return np.asarray(cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _specks(
    mass: Mass, outline: Outline, place: tuple[int, tuple[float, float]], rng: np.random.Generator
) -> Field:
    size, (cx, cy) = place
    number = int(rng.integers(6, 16)) if mass.calcified else 0
    points = rng.normal((cy, cx), outline.frame.pixels(mass.radius * 0.45), (number, 2))
    return specks(points, (size, size), rng)
