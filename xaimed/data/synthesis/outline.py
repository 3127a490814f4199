"""The outline of a compressed breast in the craniocaudal and the mediolateral oblique view."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from xaimed.data.synthesis.phantom import Mask
from xaimed.data.synthesis.texture import Field

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Body:
    """The measures of one breast that both of its views share, in millimetres."""

    depth: float
    half_width: float
    droop: float
    flare: float
    density: str
    thickness: float


@dataclass(frozen=True)
class Frame:
    """The pixel grid of one image: (H, W) and the pixel side in millimetres."""

    shape: tuple[int, int]
    spacing: float

    def pixels(self, millimetres: float) -> float:
        """Returns a length in pixels."""
        return millimetres / self.spacing


@dataclass(frozen=True, eq=False)
class Outline:
    """One view's geometry, chest wall on the left edge.

    tissue, pectoral: bool (H, W). skin_distance, pectoral_distance: float32 (H, W) in millimetres.
    nipple: x, y in pixels. backwards: unit vector from the nipple into the breast. depth: in millimetres.
    """

    frame: Frame
    view: str
    tissue: Mask
    pectoral: Mask
    skin_distance: Field
    pectoral_distance: Field
    nipple: tuple[float, float]
    backwards: tuple[float, float]
    depth: float


def make_body(rng: np.random.Generator, density: str) -> Body:
    """Returns random measures of a breast of density "a" to "d"; denser breasts tend to be smaller."""
    size = rng.normal(0.0, 1.0) - 0.35 * ("abcd".index(density) - 1.5)
    depth = float(np.clip(92 + 15 * size, 66, 126))
    return Body(
        depth=depth,
        half_width=float(np.clip(0.62 * depth + 26 + rng.normal(0, 5), 62, 100)),
        droop=float(rng.uniform(0.56, 0.68)),
        flare=float(rng.uniform(0.8, 1.3)),
        density=density,
        thickness=float(np.clip(36 + 0.2 * (depth - 90) + rng.normal(0, 7), 25, 65)),
    )


def vary(body: Body, rng: np.random.Generator) -> Body:
    """Returns the measures of the other breast: nearly the same."""
    scale = 1 + 0.03 * float(rng.standard_normal())
    return Body(
        body.depth * scale,
        body.half_width * scale,
        body.droop + 0.01 * float(rng.standard_normal()),
        body.flare,
        body.density,
        body.thickness,
    )


def make_outline(body: Body, view: str, frame: Frame, rng: np.random.Generator) -> Outline:
    """Returns the geometry of a breast in view "CC" or "MLO", chest wall on the left edge of the image."""
    curve = _craniocaudal(body, frame, rng) if view == "CC" else _oblique(body, frame, rng)
    muscle = _muscle(curve, frame, rng) if view == "MLO" else np.zeros((0, 2))
    below = curve[:, 1] > 0.35 * frame.shape[0] * frame.spacing
    tip = curve[int(np.argmax(np.where(below, curve[:, 0], 0)))]
    tissue = _filled(_closed(curve), frame)
    nipple = _add_nipple(tissue, tip, frame, rng)
    pectoral = _filled(muscle, frame) & tissue
    return Outline(
        frame,
        view,
        tissue,
        pectoral,
        _distance(tissue, frame),
        _distance(~pectoral, frame),
        nipple,
        _backwards(view, muscle),
        float(tip[0]),
    )


def _craniocaudal(body: Body, frame: Frame, rng: np.random.Generator) -> Points:
    angle = np.linspace(-np.pi / 2, np.pi / 2, 90)
    centre = frame.shape[0] * frame.spacing * 0.5 + rng.uniform(-7, 7)
    fuller = 1 + 0.06 * rng.standard_normal() * np.sin(angle)
    ripple = 1 + 0.012 * np.sin(3 * angle + rng.uniform(0, 6)) + 0.006 * np.sin(5 * angle + rng.uniform(0, 6))
    across = body.depth * np.cos(angle).clip(0) ** body.flare * ripple
    along = centre + body.half_width * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** 1.02 * fuller
    return np.stack([across, along], axis=1)


def _oblique(body: Body, frame: Frame, rng: np.random.Generator) -> Points:
    height, depth = frame.shape[0] * frame.spacing, body.depth * 1.02
    level = height * body.droop
    top = float(np.clip(0.5 * depth + rng.uniform(10, 24), 46, min(82, depth - 12)))
    fold = min(level + body.half_width * rng.uniform(0.82, 1.0), height * 0.985)
    drop = fold - level
    knots = np.array(
        [
            (top + 6, -0.06 * height),
            (top + 0.01 * depth, 0.05 * height),
            (top + 0.26 * (depth - top), 0.2 * height),
            (top + 0.80 * (depth - top), level - 0.16 * height),
            (depth, level),
            (0.86 * depth, level + 0.45 * drop),
            (0.52 * depth, level + 0.80 * drop),
            (0.17 * depth, fold),
            (-4.0, fold + 0.07 * drop),
        ]
    )
    knots[1:4, 0] += rng.normal(0, 1.5, 3)
    length = np.r_[0, np.cumsum(np.hypot(*np.diff(knots, axis=0).T))]
    return np.asarray(CubicSpline(length, knots)(np.linspace(0, length[-1], 140)))


def _muscle(curve: Points, frame: Frame, rng: np.random.Generator) -> Points:
    height = frame.shape[0] * frame.spacing
    top = float(np.interp(0, curve[:8, 1], curve[:8, 0]))
    width = min(rng.uniform(32, 56), top - 15)
    length = height * rng.uniform(0.36, 0.66)
    t = np.linspace(0, 1, 40)[:, None]
    bend = np.array([width / 2 + rng.uniform(-1, 7), length / 2 + rng.uniform(-2, 6)])
    start, end = np.array([width + 4, -12.0]), np.array([-6.0, length])
    edge = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
    return np.vstack([edge, [(-6.0, -12.0)]])


def _closed(curve: Points) -> Points:
    return np.vstack([[(-20.0, curve[0, 1])], curve, [(-20.0, curve[-1, 1])]])


def _filled(points: Points, frame: Frame) -> Mask:
    canvas = np.zeros(frame.shape, np.uint8)
    if len(points):
        cv2.fillPoly(canvas, [np.round(points / frame.spacing * 16).astype(np.int32)], 1, shift=4)
    return canvas.astype(bool)


def _add_nipple(
    tissue: Mask, tip: NDArray[np.float64], frame: Frame, rng: np.random.Generator
) -> tuple[float, float]:
    """Adds a bump that blends into the outline (or hardly shows) to the mask; returns its centre."""
    radius = frame.pixels(rng.uniform(3.0, 4.6))
    x, y = frame.pixels(float(tip[0])) - radius * rng.uniform(-0.25, 0.8), frame.pixels(float(tip[1]))
    canvas = tissue.view(np.uint8)
    centre, axes = (round(x * 16), round(y * 16)), (round(radius * 17), round(radius * rng.uniform(16, 22)))
    cv2.ellipse(canvas, centre, axes, 0, 0, 360, 1, -1, cv2.LINE_8, 4)
    smooth = cv2.GaussianBlur(canvas * 255, (0, 0), frame.pixels(1.1), borderType=cv2.BORDER_REPLICATE)
    canvas[:] = smooth >= 128
    return x, y


def _distance(mask: Mask, frame: Frame) -> Field:
    if mask.all():
        return np.full(frame.shape, 1e3, np.float32)
    distance = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    exact = np.sqrt(np.rint(np.square(distance)))  # the transform's last bit depends on OpenCV's threads
    return np.asarray(exact * np.float32(frame.spacing), dtype=np.float32)


def _backwards(view: str, muscle: Points) -> tuple[float, float]:
    if view == "CC":
        return -1.0, 0.0
    along = muscle[30] - muscle[5]
    x, y = -along[1], along[0]
    size = float(np.hypot(x, y))
    tilt = 0.6
    x, y = x / size, y / size * tilt
    return float(x / np.hypot(x, y)), float(y / np.hypot(x, y))
