"""Breast segmentation: Otsu's threshold, the largest component, and a rim fitted to the film's background.

Otsu N (1979) "A threshold selection method from gray-level histograms", IEEE Trans SMC 9:62-66. The threshold
is taken on the square root of the grey values, since on raw values it cuts the thin skin line. What it
finds is opened, so that the bright rims of a scanned film fall off, and then grown or shrunk to where the grey
leaves that of the film beside it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from xaimed.types import Floats, Mask

SIDE = 512  # the longer side, in pixels, at which the outline is found
RIM = 0.14  # the share of the way from the film's grey to the tissue's at which the breast begins
NEAR = 0.04  # how far the rim may lie from Otsu's outline, as a share of the longer side
SMALLEST = 0.02

Bytes = NDArray[np.uint8]


def breast_mask(image: Floats) -> Mask:
    """bool (H, W): the breast in a mammogram, float32 (C, H, W) in [0, 1]; all True if nothing stands out.

    The outline is found at a longer side of 512 pixels and is exact to about one pixel of that size.
    """
    height, width = image.shape[-2:]
    grey = _reduced(image)
    bright = _bright(grey)
    rough = _body(bright)
    if rough.mean() < SMALLEST:
        return np.ones((height, width), bool)
    fine = _fitted(grey, rough, bright)
    mask = fine if fine.mean() >= SMALLEST else rough
    if mask.shape == (height, width):
        return mask
    enlarged = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(enlarged > 0.5)


def _reduced(image: Floats) -> Floats:
    """float32 (h, w): the square root of the smoothed grey, at a longer side of 512 pixels or less."""
    plane = np.ascontiguousarray(image.mean(axis=0), np.float32)
    factor = SIDE / max(plane.shape)
    if factor < 1:
        size = (max(1, round(plane.shape[1] * factor)), max(1, round(plane.shape[0] * factor)))
        plane = cv2.resize(plane, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    smooth = cv2.GaussianBlur(plane, (0, 0), 1.0)
    return np.sqrt(np.clip(smooth, 0, 1)).astype(np.float32)


def _bright(grey: Floats) -> Mask:
    """bool (h, w): brighter than 0.6 of Otsu's level, below which lies the fat at the rim."""
    levels = (grey * 255).astype(np.uint8)
    threshold, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return np.asarray(levels > 0.6 * threshold)


def _fitted(grey: Floats, rough: Mask, bright: Mask) -> Mask:
    """The outline where the grey has gone RIM of the way from the film beside it to the tissue.

    It stays within NEAR of the rough outline, on either side.
    """
    reach = max(3, round(NEAR * max(grey.shape)))
    near = _dilated(rough, reach)
    film = ~near & ~bright & (grey > 0)
    if film.mean() < 0.005:
        return rough
    background = _spread(grey, film)
    tissue = float(np.median(grey[rough]))
    level = background + RIM * np.maximum(tissue - background, 0)
    inner = ~_dilated(~rough, reach)
    return _body(((grey > level) & near) | inner)


def _spread(grey: Floats, film: Mask) -> Floats:
    """float32 (h, w): the grey of the film, carried under the breast by a wide normalised blur."""
    sigma = 0.06 * max(grey.shape)
    weight = cv2.GaussianBlur(film.astype(np.float32), (0, 0), sigma) + 1e-4
    middle = float(np.median(grey[film]))
    total = cv2.GaussianBlur((grey * film).astype(np.float32), (0, 0), sigma) + 1e-4 * middle
    return np.asarray(total / weight, np.float32)


def _body(binary: Mask) -> Mask:
    """The largest component without thin rims, its holes filled."""
    size = max(3, round(0.045 * max(binary.shape)) | 1)
    # Beyond the image lies nothing: a rim along its edge is thin there.
    padded = np.pad(binary.astype(np.uint8), size)
    opened = cv2.morphologyEx(padded, cv2.MORPH_OPEN, _disc(size))[size:-size, size:-size]
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2:
        return np.zeros(binary.shape, bool)
    best = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    # Opening rounds the corners where the breast meets the edge of the image; they are given back.
    return _filled(_dilated(best, size // 2) & binary)


def _dilated(mask: Mask, reach: int) -> Mask:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), _disc(2 * reach + 1)) > 0)


def _disc(size: int) -> Bytes:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def _filled(mask: Mask) -> Mask:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    out = np.zeros(mask.shape, np.uint8)
    if contours:
        largest = max(contours, key=cv2.contourArea)
        cv2.drawContours(out, [largest], -1, 1, thickness=cv2.FILLED)
    return out.astype(bool)


def bounds(mask: Mask) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 in pixels: the smallest box round a mask; the whole image if the mask is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return (0, 0, mask.shape[1], mask.shape[0])
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
