"""The tissue inside an outline: fat, gland, ligaments, vessels, muscle, nodes and summation shadows."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from xaimed.data.synthesis.outline import Body, Frame, Outline
from xaimed.data.synthesis.texture import (
    Field,
    coarse_power_law,
    enlarge,
    power_law,
    smoothstep,
    strands,
)

FAT, GLAND, MUSCLE = 0.30, 0.40, 0.31
"""Attenuation of fat in a full breast thickness, and what gland and muscle add to it."""

TISSUE_BETA = 3.0
"""Exponent of the tissue's power spectrum."""

# per density: threshold of the gland, its extent, the share of plain dense tissue, subcutaneous fat in mm
_GLAND = {
    "a": (1.15, 0.78, 0.03, 11.0),
    "b": (0.55, 0.88, 0.09, 9.0),
    "c": (-0.10, 0.98, 0.28, 7.0),
    "d": (-0.70, 1.10, 0.45, 5.0),
}


@dataclass(frozen=True)
class Chances:
    """Random streams of a view's tissue: `common` to both breasts (they resemble each other) and its `own`.

    distractors: 0 to 1, how likely summation shadows and lymph nodes are.
    """

    common: np.random.Generator
    own: np.random.Generator
    distractors: float


def attenuation(outline: Outline, body: Body, chances: Chances) -> Field:
    """Returns float32 (H, W) attenuation: 0 in air, about 0.3 in fat, 0.7 in dense gland and muscle."""
    rng = chances.own
    texture = _texture(outline.frame.shape, chances)
    gland = _gland(outline, body, texture, rng)
    lines = _ligaments(outline, gland, rng) + _vessels(outline, rng)
    shadows = _shadows(outline, rng, chances.distractors)
    inside = FAT * (1 + 0.07 * texture) + GLAND * gland + lines + shadows * (0.4 + gland)
    if outline.view == "MLO":
        inside = _with_muscle(inside, outline, texture, rng) + _nodes(outline, rng, chances.distractors)
    skin = 0.05 * np.exp(-np.square((outline.skin_distance - 0.9) / 0.8))
    total = (inside * _thickness(outline, body) + skin) * outline.tissue
    return np.asarray(total, dtype=np.float32)


def _texture(shape: tuple[int, int], chances: Chances) -> Field:
    """Power-law noise whose large structures are half those of the other breast."""
    large = coarse_power_law(shape, TISSUE_BETA, chances.common, lowest=1.5, step=8)
    small = power_law(shape, TISSUE_BETA, chances.own, lowest=3.0)
    return np.asarray(np.float32(0.75) * large + np.float32(0.66) * small, dtype=np.float32)


def _thickness(outline: Outline, body: Body) -> Field:
    roll = 0.5 * body.thickness
    depth = np.clip(outline.skin_distance / roll, 0, 1)
    profile = np.sqrt(1 - np.square(1 - depth)) ** np.float32(1.15)
    return np.asarray(cv2.GaussianBlur(profile.astype(np.float32), (0, 0), 1.0), dtype=np.float32)


def _polar(outline: Outline) -> tuple[Field, Field]:
    """Distance from the nipple (1 = depth) and angle from the backwards direction, at half resolution."""
    height, width = outline.frame.shape
    rows, columns = np.mgrid[0:height:2, 0:width:2].astype(np.float32)
    x, y = columns - np.float32(outline.nipple[0]), rows - np.float32(outline.nipple[1])
    bx, by = (np.float32(value) for value in outline.backwards)
    radius = np.hypot(x, y) * np.float32(outline.frame.spacing / outline.depth)
    return radius.astype(np.float32), np.arctan2(x * -by + y * bx, x * bx + y * by).astype(np.float32)


def _gland(outline: Outline, body: Body, texture: Field, rng: np.random.Generator) -> Field:
    threshold, extent, plain, rim = _GLAND[body.density]
    threshold += 0.12 * float(rng.standard_normal())
    shape = outline.frame.shape
    radius, angle = _polar(outline)
    wave = coarse_power_law(radius.shape, 3.5, rng, lowest=3.0, step=2)
    turned = np.clip(angle + 0.14 * wave, -3.1, 3.1)
    fibre = enlarge(strands(radius, turned, rng) * smoothstep(radius * 3), shape)
    disc = _disc(radius, angle, extent + 0.06 * rng.standard_normal(), wave)
    scallop = enlarge(wave, shape)
    under = smoothstep(((outline.skin_distance - rim - 2.5 * scallop) / 7.0).astype(np.float32))
    muscle = smoothstep((outline.pectoral_distance / 10.0).astype(np.float32))
    mixed = 0.70 * texture + 0.50 * fibre
    amount = 1 / (1 + np.exp(-1.6 * (mixed - threshold)))
    amount = (1 - plain) * amount + plain
    duct = enlarge(np.exp(-np.square(radius / 0.22) - np.square(angle / 0.9)), shape)
    amount = np.minimum(amount + 0.35 * duct * (0.5 + 0.2 * fibre), 1.15)
    fine = 1 + 0.10 * texture + 0.10 * fibre
    return np.asarray(enlarge(disc, shape) * under * muscle * amount * fine, dtype=np.float32).clip(0, 1.3)


def _disc(radius: Field, angle: Field, extent: float, wave: Field) -> Field:
    """A soft disc behind the nipple, in coordinates of the breast's depth."""
    along, across = radius * np.cos(angle), radius * np.sin(angle)
    reach = np.hypot((along - 0.46) / (0.58 * extent), across / (0.68 * extent)) + 0.10 * wave
    return smoothstep(((1.15 - reach) / 0.45).astype(np.float32))


def _ligaments(outline: Outline, gland: Field, rng: np.random.Generator) -> Field:
    """Thin bright lines, most of them towards the nipple: Cooper's ligaments, ducts and septa."""
    frame, shape, width = outline.frame, outline.frame.shape, max(1, round(outline.frame.pixels(0.45)))
    total = np.zeros(shape, np.float32)
    for _ in range(2):
        canvas = np.zeros(shape, np.uint8)
        paths, levels = _fibres(outline, 95, rng)
        for path, level in zip(paths, levels.tolist(), strict=True):
            cv2.polylines(
                canvas, [path], isClosed=False, color=level, thickness=width, lineType=cv2.LINE_AA, shift=4
            )
        total += cv2.GaussianBlur(canvas.astype(np.float32), (0, 0), max(frame.pixels(0.28), 0.4))
    presence = smoothstep(coarse_power_law(shape, 3.0, rng, 3.0, step=8) * 0.35 + np.float32(0.65))
    fade = smoothstep((outline.skin_distance / 6.0).astype(np.float32)) * (0.75 + 0.5 * np.minimum(gland, 1))
    return np.asarray(total * np.float32(0.15 / 255) * presence * fade, dtype=np.float32)


def _fibres(outline: Outline, number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Smooth arcs as int32 points (n, 14, 1, 2) in sixteenths of a pixel, and their brightness, 0 to 255."""
    frame, (nx, ny) = outline.frame, outline.nipple
    start = rng.uniform(0, 1, (number, 2)) * (nx * 0.98, 0.9 * frame.shape[0]) + (0, 0.05 * frame.shape[0])
    towards = np.arctan2(ny - start[:, 1], nx - start[:, 0])
    heading = towards + rng.normal(0, 0.55, number)
    bend = rng.normal(0, 0.6, number)[:, None] * np.linspace(-0.5, 0.5, 14)
    wiggle = np.cumsum(rng.normal(0, 0.06, (number, 14)), axis=1)
    direction = heading[:, None] + bend + wiggle
    step = frame.pixels(1.0) * rng.gamma(3.0, 0.9, number)[:, None]
    moves = np.stack([np.cos(direction), np.sin(direction)], axis=-1) * step[..., None]
    points = start[:, None, :] + np.cumsum(moves, axis=1) - moves.sum(axis=1, keepdims=True) / 2
    levels = np.clip(rng.gamma(2.2, 42.0, number), 20, 255).astype(int)
    return np.round(points * 16).astype(np.int32)[:, :, None, :], levels


def _vessels(outline: Outline, rng: np.random.Generator) -> Field:
    frame, canvas = outline.frame, np.zeros(outline.frame.shape, np.float32)
    for _ in range(int(rng.integers(2, 5))):
        start = np.array([rng.uniform(0, 0.35) * outline.nipple[0], frame.shape[0] * rng.uniform(0.1, 0.9)])
        path = _walk(start, np.array(outline.nipple), frame, rng)
        strength, width = float(rng.uniform(0.05, 0.10)), max(1, round(frame.pixels(rng.uniform(0.6, 1.3))))
        cv2.polylines(
            canvas, [path], isClosed=False, color=strength, thickness=width, lineType=cv2.LINE_8, shift=4
        )
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), frame.pixels(0.42)), dtype=np.float32)


def _walk(start: Field, end: Field, frame: Frame, rng: np.random.Generator) -> np.ndarray:
    """A winding path of int32 points (n, 1, 2) in sixteenths of a pixel, most of the way to the end."""
    steps = 28
    t = np.linspace(0, float(rng.uniform(0.5, 0.85)), steps)[:, None]
    drift = np.cumsum(np.cumsum(rng.normal(0, 1, (steps, 2)), axis=0), axis=0)
    drift -= t / t[-1] * drift[-1]
    points = start + t * (end - start) + drift * frame.pixels(0.28)
    return np.round(points * 16).astype(np.int32)[:, None, :]


def _shadows(outline: Outline, rng: np.random.Generator, distractors: float) -> Field:
    """Overlapping tissue that looks like a soft mass without a border; seen in one view alone."""
    frame, canvas = outline.frame, np.zeros(outline.frame.shape, np.float32)
    for _ in range(int(rng.binomial(4, 0.6 * distractors))):
        radius = frame.pixels(rng.uniform(5, 13))
        centre = (rng.uniform(0.15, 0.8) * outline.nipple[0], frame.shape[0] * rng.uniform(0.25, 0.8))
        axes = (radius, radius * rng.uniform(0.5, 0.9))
        blob = _soft_ellipse(frame.shape, centre, axes, rng.uniform(0, 180))
        canvas += np.float32(rng.uniform(0.06, 0.15)) * blob
    wave = coarse_power_law(frame.shape, 3.0, rng, 5.0, step=4)
    return np.asarray(canvas * np.clip(1 + 0.45 * wave, 0, 2), dtype=np.float32)


def _soft_ellipse(
    shape: tuple[int, int], centre: tuple[float, float], axes: tuple[float, float], turn: float
) -> Field:
    rows, columns = np.mgrid[0 : shape[0] : 4, 0 : shape[1] : 4].astype(np.float32)
    x, y = columns - np.float32(centre[0]), rows - np.float32(centre[1])
    cos, sin = np.float32(np.cos(np.radians(turn))), np.float32(np.sin(np.radians(turn)))
    square = np.square((x * cos + y * sin) / axes[0]) + np.square((y * cos - x * sin) / axes[1])
    return enlarge(np.exp(-square).astype(np.float32), shape)


def _with_muscle(inside: Field, outline: Outline, texture: Field, rng: np.random.Generator) -> Field:
    frame = outline.frame
    soft = cv2.GaussianBlur(outline.pectoral.astype(np.float32), (0, 0), frame.pixels(rng.uniform(0.6, 1.6)))
    thick = cv2.GaussianBlur(outline.pectoral.astype(np.float32), (0, 0), frame.pixels(9.0))
    rows = np.linspace(0, 1, frame.shape[0], dtype=np.float32)[:, None]
    level = MUSCLE * float(rng.uniform(0.75, 1.2)) * (0.55 + 0.5 * thick) * (1.1 - 0.45 * rows)
    level = FAT + level + 0.022 * texture + 0.018 * _bundles(outline, rng)
    return np.asarray(inside + soft * (np.maximum(level, inside) - inside), dtype=np.float32)


def _bundles(outline: Outline, rng: np.random.Generator) -> Field:
    """Unit-spread noise drawn out along the edge of the muscle."""
    height, width = outline.frame.shape
    rows, columns = np.mgrid[0:height:4, 0:width:4].astype(np.float32)
    bx, by = outline.backwards
    across, along = columns * bx + rows * by, columns * -by + rows * bx
    grid = cv2.GaussianBlur(rng.standard_normal((64, 256), dtype=np.float32), (0, 0), sigmaX=1.4, sigmaY=5)
    x = (across * outline.frame.spacing * 0.8).astype(np.float32)
    y = (along * outline.frame.spacing * 0.25).astype(np.float32)
    drawn = cv2.remap(grid / grid.std(), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return enlarge(np.asarray(drawn, dtype=np.float32), (height, width))


def _nodes(outline: Outline, rng: np.random.Generator, distractors: float) -> Field:
    """Axillary lymph nodes: ovals with a fatty notch, near the upper edge of the muscle."""
    frame, canvas = outline.frame, np.zeros(outline.frame.shape, np.float32)
    for _ in range(int(rng.binomial(2, 0.7 * distractors))):
        major = frame.pixels(rng.uniform(3.5, 7.0))
        axes, turn = (round(major * 16), round(major * rng.uniform(8, 11))), float(rng.uniform(40, 110))
        x, y = frame.pixels(rng.uniform(16, 58)), frame.pixels(rng.uniform(8, 55))
        hilum = (round((x + 0.35 * major) * 16), round((y - 0.1 * major) * 16))
        strength = float(rng.uniform(0.05, 0.12))
        fatty = strength * float(rng.uniform(0.25, 0.95))
        node = np.zeros_like(canvas)
        cv2.ellipse(node, (round(x * 16), round(y * 16)), axes, turn, 0, 360, strength, -1, cv2.LINE_8, 4)
        cv2.ellipse(node, hilum, (axes[0] // 2, axes[1] // 2), turn, 0, 360, fatty, -1, cv2.LINE_8, 4)
        canvas += cv2.GaussianBlur(node, (0, 0), frame.pixels(0.7))
    return canvas
