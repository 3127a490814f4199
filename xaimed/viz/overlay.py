"""Heatmaps over images and boxes on them, as uint8 pictures: NumPy and OpenCV only.

A map keeps its sign. Its colours reach full strength at one magnitude, the 99.5th percentile of its non-zero
pixels, the same on both sides of zero, and `caption` says which value that is. Where a map has no value
(NaN, or one value everywhere) the picture shows grey hatching with a word, never nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from xaimed.errors import InputError
from xaimed.types import Floats

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]
Edges = tuple[float, float, float, float]
Kind = Literal["detection", "false", "below", "truth", "missed"]

COLORMAPS = ("auto", "signed", "positive", "cividis", "inferno")
PERCENTILE = 99.5
TINY = float(np.finfo(np.float32).tiny)
# Blue and orange differ for all common kinds of colour blindness; lightness grows with the magnitude.
SIGNED = ((-1.0, (150, 215, 255)), (-0.55, (30, 125, 220)), (0.0, (24, 26, 34)), (0.55, (215, 95, 10)),
          (1.0, (255, 205, 105)))
GREEN: Colour = (0, 230, 64)
PALE_GREEN: Colour = (120, 190, 140)
MAGENTA: Colour = (255, 92, 214)
COLOURS: Mapping[Kind, Colour] = {"detection": GREEN, "false": GREEN, "below": PALE_GREEN, "truth": MAGENTA,
                                  "missed": MAGENTA}
HATCH_LIGHT, HATCH_DARK = 168, 96


@dataclass(frozen=True)
class Mark:
    """A box to draw: edges x0, y0, x1, y1 in original pixels, text, kind, and whether it is the chosen one.

    kind: "detection" and "below" (under the operating point) are solid green, "false" (a false positive) is a double
    green line, "truth" is dashed magenta, "missed" (a reference that no detection hit) dotted magenta.
    """

    edges: Edges
    text: str
    kind: Kind = "detection"
    chosen: bool = False


def overlay(image: Floats, values: Floats, opacity: float = 0.5, threshold: float = 0.0,
            colormap: str = "auto") -> Picture:
    """uint8 (H, W, 3): the map over its image.

    image: (C, H, W) or (H, W) in [0, 1]. values: (H, W), signed. opacity: 0 gives the image back, 1 hides it
    where the map is strongest. threshold: hide magnitudes below this share of the colour scale, in [0, 1].
    Raises InputError for sizes that differ, an unknown colour map, an opacity or threshold outside [0, 1].
    """
    return blend(image, heat(values, threshold, colormap), opacity)


def blend(image: Floats, colours: Picture, opacity: float) -> Picture:
    """uint8 (H, W, 3): RGBA `colours` (H, W, 4) over `image` with their alpha times `opacity` in [0, 1]."""
    _share("opacity", opacity)
    base = grey(image)
    if base.shape[:2] != colours.shape[:2]:
        raise InputError(f"map of {colours.shape[:2]} on an image of {base.shape[:2]} (height, width); "
                         "expected one size: map it to original pixels first")
    alpha = colours[..., 3:].astype(np.float32) * np.float32(opacity / 255.0)
    mixed = base + alpha * (colours[..., :3].astype(np.float32) - base)
    return np.round(mixed).astype(np.uint8)


def grey(image: Floats) -> Picture:
    """uint8 (H, W, 3) of an image (C, H, W) or (H, W) in [0, 1]; one channel becomes grey, three stay RGB.

    Of an odd number above three, the slices of a stack, the middle one is shown; of other numbers the first plane.
    """
    if image.ndim == 3 and image.shape[0] == 3:
        planes = np.moveaxis(image, 0, -1)
    elif image.ndim == 3:
        middle = len(image) // 2 if len(image) > 3 and len(image) % 2 else 0
        planes = np.repeat(image[middle][..., None], 3, axis=2)
    elif image.ndim == 2:
        planes = np.repeat(image[..., None], 3, axis=2)
    else:
        raise InputError(f"image of shape {image.shape}; expected (H, W) or (C, H, W)")
    return np.ascontiguousarray(np.round(np.clip(np.nan_to_num(planes), 0, 1) * 255).astype(np.uint8))


def heat(values: Floats, threshold: float = 0.0, colormap: str = "auto",
         scale: float | None = None) -> Picture:
    """uint8 RGBA (H, W, 4) of a signed map (H, W); alpha follows the magnitude, 0 below the threshold.

    colormap: "signed" is blue below zero and orange above; "positive" (the same as "inferno") and "cividis"
    hide what is below zero; "auto" is "signed" if the map has values below zero, else "positive". scale: the
    magnitude at full colour, robust_scale(values) if None. NaN is hatched; a map with `problem` is hatched
    all over, with the word.
    """
    _share("threshold", threshold)
    if colormap not in COLORMAPS:
        raise InputError(f"colour map {colormap!r}; expected one of {', '.join(COLORMAPS)}")
    word = problem(values)
    if word:
        return _hatched(values.shape, word)
    kind = colormap_of(values) if colormap == "auto" else colormap
    wide = values.astype(np.float64) / (scale or robust_scale(values))
    shares = np.nan_to_num(np.clip(wide, -1, 1)).astype(np.float32)
    if kind != "signed":
        shares = np.maximum(shares, 0)
    colours = _painted(shares, kind, threshold)
    missing = ~np.isfinite(values)
    if missing.any():
        colours[missing] = _hatched(values.shape, "")[missing]
    return colours


def _painted(shares: Floats, kind: str, threshold: float) -> Picture:
    index = np.round((shares + 1) * 127.5 if kind == "signed" else shares * 255).astype(np.uint8)
    strength = np.abs(shares)
    # The square root keeps faint structure visible without letting zero cover the anatomy.
    alpha = np.where((strength >= threshold) & (strength > 0), np.sqrt(strength) * 255, 0)
    return np.dstack([table(kind)[index], np.round(alpha).astype(np.uint8)])


@cache
def table(kind: str) -> Picture:
    """uint8 (256, 3): the colours of "signed" (from -1 to 1), "positive", "inferno", "cividis" (0 to 1)."""
    if kind == "signed":
        at = np.linspace(-1, 1, 256)
        stops = [stop for stop, _ in SIGNED]
        channels = [np.interp(at, stops, [colour[i] for _, colour in SIGNED]) for i in range(3)]
        return np.round(np.stack(channels, axis=1)).astype(np.uint8)
    code = cv2.COLORMAP_CIVIDIS if kind == "cividis" else cv2.COLORMAP_INFERNO
    steps = np.arange(256, dtype=np.uint8)[:, None]
    return np.ascontiguousarray(cv2.applyColorMap(steps, code)[:, 0, ::-1]).astype(np.uint8)


def colormap_of(values: Floats) -> str:
    """"signed" if the map has values below zero, else "positive"."""
    return "signed" if bool(np.any(values < 0)) else "positive"


def robust_scale(values: Floats) -> float:
    """The 99.5th percentile of the magnitudes of the finite, non-zero pixels; 1.0 if there are none."""
    magnitudes = np.abs(values[np.isfinite(values)], dtype=np.float64)
    magnitudes = magnitudes[magnitudes > 0]
    return max(float(np.percentile(magnitudes, PERCENTILE)), TINY) if magnitudes.size else 1.0


def problem(values: Floats) -> str:
    """"NO FINITE VALUE" or "CONSTANT MAP" for a map that shows nothing, else ""."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return "NO FINITE VALUE"
    return "CONSTANT MAP" if float(finite.min()) == float(finite.max()) else ""


@dataclass(frozen=True)
class Facts:
    """What a caption says of a map: its problem, the magnitude at full colour, its own colour map, pixels missing."""

    problem: str
    scale: float
    kind: str
    missing: int

    @classmethod
    def of(cls, values: Floats) -> Facts:
        """The facts of a map (H, W)."""
        missing = int(values.size - np.isfinite(values).sum())
        return cls(problem(values), robust_scale(values), colormap_of(values), missing)

    def caption(self, threshold: float = 0.0, colormap: str = "auto") -> str:
        """What the colours of `heat` mean for this map, in one or two sentences with the numbers."""
        if self.problem:
            return f"{self.problem.capitalize()}: hatched, because this map says nothing."
        text = (f"Full colour = {self.scale:.3g}, the {PERCENTILE}th percentile of this map's non-zero "
                f"magnitudes; {self._sides(colormap)}.")
        if threshold > 0:
            text += f" Hidden: below {threshold:.0%} of that."
        return text + (f" Hatched: {self.missing} pixels without a value." if self.missing else "")

    def _sides(self, colormap: str) -> str:
        if (self.kind if colormap == "auto" else colormap) == "signed":
            return "blue lowers the score, orange raises it"
        hidden = "; what lowers it is not shown" if self.kind == "signed" else ""
        return f"brighter raises the score more{hidden}"


def caption(values: Floats, threshold: float = 0.0, colormap: str = "auto") -> str:
    """What the colours of `heat` mean for this map (H, W), in one or two sentences with the numbers."""
    return Facts.of(values).caption(threshold, colormap)


def shrunk(image: Floats, height: int) -> Floats:
    """The image (C, H, W) or map (H, W) reduced to at most `height` rows by area averages, else unchanged.

    A reduced pixel is NaN where one of its pixels is.
    """
    rows, columns = image.shape[-2:]
    if rows <= height:
        return image
    size = (max(1, round(columns * height / rows)), height)
    planes = image.reshape(-1, rows, columns)
    made = np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in planes])
    return made.reshape(*image.shape[:-2], size[1], size[0]).astype(np.float32)


def fitted(rgb: Picture, height: int) -> tuple[Picture, float]:
    """The picture (H, W, 3) brought to `height` rows, and its size relative to the one given."""
    factor = height / rgb.shape[0]
    size = (max(1, round(rgb.shape[1] * factor)), height)
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, size, interpolation=how), np.uint8), factor


def draw_boxes(rgb: Picture, boxes: Sequence[Mark], factor: float = 1.0) -> Picture:
    """uint8 (H, W, 3): a copy with the boxes and their texts, in the lines of Mark.

    factor: size of the picture relative to the original pixels in which the boxes are given.
    """
    drawn = rgb.copy()
    unit = max(1, round(max(drawn.shape[:2]) / 500))
    # The dashes of the reference lie on top: below a solid line they could not be seen where two boxes coincide.
    for mark in sorted(boxes, key=lambda mark: mark.kind in ("truth", "missed")):
        _line(drawn, [round(v * factor) for v in mark.edges], mark, unit * 2 if mark.chosen else unit)
    for mark in boxes:
        _label(drawn, [round(v * factor) for v in mark.edges], mark, unit)
    return drawn


def _line(drawn: Picture, edges: Sequence[int], mark: Mark, thick: int) -> None:
    """The line of a box, told apart without colour."""
    colour = COLOURS[mark.kind]
    if mark.kind in ("truth", "missed"):
        (_dots if mark.kind == "missed" else _dashes)(drawn, edges, colour, thick)
        return
    cv2.rectangle(drawn, (edges[0], edges[1]), (edges[2], edges[3]), colour, thick)
    apart = 3 * thick
    if mark.kind == "false" and min(edges[2] - edges[0], edges[3] - edges[1]) > 3 * apart:
        cv2.rectangle(drawn, (edges[0] + apart, edges[1] + apart), (edges[2] - apart, edges[3] - apart), colour, thick)


def _dots(drawn: Picture, edges: Sequence[int], colour: Colour, thick: int) -> None:
    for (ax, ay), (bx, by) in _sides(edges):
        count = max(2, (abs(bx - ax) + abs(by - ay)) // (thick * 7))
        for share in np.linspace(0, 1, count + 1):
            cv2.circle(drawn, (round(ax + (bx - ax) * share), round(ay + (by - ay) * share)), 2 * thick, colour,
                       cv2.FILLED, cv2.LINE_AA)


def _sides(edges: Sequence[int]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    x0, y0, x1, y1 = edges
    yield from (((x0, y0), (x1, y0)), ((x1, y0), (x1, y1)), ((x0, y1), (x1, y1)), ((x0, y0), (x0, y1)))


def _dashes(drawn: Picture, edges: Sequence[int], colour: Colour, thick: int) -> None:
    for (ax, ay), (bx, by) in _sides(edges):
        count = max(3, (abs(bx - ax) + abs(by - ay)) // (thick * 6)) | 1
        stops = np.linspace(0, 1, count + 1)
        for a, b in zip(stops[:-1:2], stops[1::2], strict=True):
            start = (round(ax + (bx - ax) * a), round(ay + (by - ay) * a))
            cv2.line(drawn, start, (round(ax + (bx - ax) * b), round(ay + (by - ay) * b)), colour, thick)


def _label(drawn: Picture, edges: Sequence[int], mark: Mark, unit: int) -> None:
    """Write the text on a dark plate above the box (truth: below it), kept inside the picture."""
    if not mark.text:
        return
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.26 + 0.24 * unit
    (width, height), descent = cv2.getTextSize(mark.text, font, size, max(1, unit - 1))
    top = edges[3] + unit * 2 if mark.kind in ("truth", "missed") else edges[1] - height - descent - unit * 4
    top = int(np.clip(top, 0, max(0, drawn.shape[0] - height - descent - unit * 2)))
    left = int(np.clip(edges[0], 0, max(0, drawn.shape[1] - width - unit * 2)))
    corner = (left + width + unit * 2, top + height + descent + unit * 2)
    cv2.rectangle(drawn, (left, top), corner, (12, 14, 18), cv2.FILLED)
    cv2.putText(drawn, mark.text, (left + unit, top + height + unit), font, size, COLOURS[mark.kind],
                max(1, unit - 1), cv2.LINE_AA)


def _hatched(shape: tuple[int, ...], word: str) -> Picture:
    """RGBA grey stripes over all of the picture, with the word in the middle."""
    rows, columns = shape
    period = max(8, min(rows, columns) // 32)
    stripe = (np.add.outer(np.arange(rows), np.arange(columns)) % period) < period // 2
    level = np.where(stripe, HATCH_LIGHT, HATCH_DARK).astype(np.uint8)
    rgb = np.dstack([level, level, level])
    if word:
        _write_middle(rgb, word)
    return np.dstack([rgb, np.full((rows, columns), 255, np.uint8)])


def _write_middle(rgb: Picture, word: str) -> None:
    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, height), _ = cv2.getTextSize(word, font, 1.0, 1)
    size = min(2.0, 0.8 * rgb.shape[1] / width)
    left, base = int((rgb.shape[1] - width * size) / 2), int((rgb.shape[0] + height * size) / 2)
    pad = max(2, int(height * size / 2))
    far = (left + int(width * size) + pad, base + pad)
    cv2.rectangle(rgb, (left - pad, base - int(height * size) - pad), far, (12, 14, 18), cv2.FILLED)
    cv2.putText(rgb, word, (left, base), font, size, (240, 240, 240), max(1, round(size * 1.5)), cv2.LINE_AA)


def _share(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise InputError(f"{name} {value}; expected a value from 0 to 1")


def png(rgb: Picture) -> bytes:
    """The picture (H, W, 3) RGB as PNG bytes without any metadata."""
    # Of smooth pictures run lengths take half the time of the usual strategy and less room.
    how = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    done, data = cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]), how)
    if not done:
        raise InputError(f"picture of shape {rgb.shape}; expected uint8 (H, W, 3)")
    return bytes(data.tobytes())
