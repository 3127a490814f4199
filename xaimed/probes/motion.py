"""Motion: a case whose pixels move, with its boxes, masks, classes, markers and displacements, and the way back."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from xaimed.imaging.geometry import inverse, map_boxes, map_values
from xaimed.probes.planes import background
from xaimed.probes.probe import NotServed
from xaimed.types import Box, Case, Detection, Floats, Mask, Matrix, Prediction

LEAST = 0.5  # the share of a lesion's box that has to stay in the image
GONE = "a lesion leaves the image"


def moved(case: Case, motion: Matrix) -> Case:
    """The case under a motion, (3, 3) from its pixel coordinates to the new ones; the size of the image stays.

    Pixels are bilinear, and what comes in from beyond the rim is the dark of the image. A box becomes the upright
    bounds of its moved mask, or of its moved corners where it has no mask. Displacements turn with the image.
    Raises NotServed where less than half of a lesion's box stays in the image.
    """
    masks = None if case.masks is None else _masks(case.masks, motion)
    return replace(
        case, image=_planes(case.image, motion), boxes=_boxes(case, masks, motion), masks=masks,
        affine=case.affine @ inverse(motion),
        segments={name: _mask(mask, motion) for name, mask in case.segments.items()},
        wanted=None if case.wanted is None else _planes(case.wanted, motion),
        displacement=None if case.displacement is None else _turned(case.displacement, motion),
        markers=None if case.markers is None else _mask(case.markers, motion))


def returned(said: Prediction, case: Case, motion: Matrix) -> Prediction:
    """The prediction on a moved case in the pixels of the case itself; boxes that lie outside it are left out.

    A box keeps its size: its centre moves back, since the upright bounds of a turned box would only grow. `dense`
    stays in the pixels of the moved case, whose reference moved with it.
    """
    back, turn = inverse(motion), _quarter(motion)
    scale = math.sqrt(abs(float(np.linalg.det(back[:2, :2]))))
    found = [_returned(one, back, scale, turn) for one in said.detections]
    kept = tuple(shown for shown in (_clipped(one, case) for one in found) if shown is not None)
    return Prediction(said.case, kept, said.scores, said.dense)


def returned_map(values: Floats, motion: Matrix) -> tuple[Floats, Mask]:
    """A map (H, W) of the moved case laid on the case itself, and bool (H, W): where it saw the moved image."""
    back = inverse(motion)
    shape = (int(values.shape[0]), int(values.shape[1]))
    seen = map_values(np.ones(shape, np.float32), back, shape) > 0.99
    return map_values(values, back, shape), np.asarray(seen, np.bool_)


def _planes(image: Floats, motion: Matrix) -> Floats:
    dark = background(image)
    flat = (image - dark).reshape(-1, *image.shape[-2:])
    shape = (int(image.shape[-2]), int(image.shape[-1]))
    laid = np.stack([map_values(plane, motion, shape) for plane in flat]).reshape(image.shape)
    return np.asarray(np.clip(laid + dark, 0.0, 1.0), np.float32)


def _mask(mask: Mask, motion: Matrix) -> Mask:
    shape = (int(mask.shape[0]), int(mask.shape[1]))
    return np.asarray(map_values(mask.astype(np.float32), motion, shape) >= 0.5, np.bool_)


def _masks(masks: Mask, motion: Matrix) -> Mask:
    return np.stack([_mask(mask, motion) for mask in masks]) if len(masks) else masks


def _turned(field: Floats, motion: Matrix) -> Floats:
    """The displacements (2, H, W) at their new places, turned with the image."""
    shape = (int(field.shape[-2]), int(field.shape[-1]))
    laid = np.stack([map_values(part, motion, shape) for part in field])
    return np.asarray(np.einsum("ij,jhw->ihw", motion[:2, :2], laid), np.float32)


def _boxes(case: Case, masks: Mask | None, motion: Matrix) -> tuple[Box, ...]:
    out = []
    for number, box in enumerate(case.boxes):
        edges = map_boxes(np.array([box.edges]), motion)[0]
        inside = np.clip(edges, 0, [case.width, case.height] * 2)
        whole = (edges[2] - edges[0]) * (edges[3] - edges[1])
        if (inside[2] - inside[0]) * (inside[3] - inside[1]) < LEAST * whole:
            raise NotServed(GONE)
        if masks is not None and case.masks is not None and case.masks[number].any():
            inside = _bounds(masks[number])
        out.append(Box(box.label, *(float(edge) for edge in inside)))
    return tuple(out)


def _bounds(mask: Mask) -> Floats:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        raise NotServed(GONE)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def _quarter(motion: Matrix) -> bool:
    """Whether the motion turns the image by more than 45 degrees, so that width becomes height."""
    return bool(abs(motion[0, 1]) > abs(motion[0, 0]))


def _returned(one: Detection, back: Matrix, scale: float, turn: bool) -> Detection:
    x, y = (back @ [(one.x0 + one.x1) / 2, (one.y0 + one.y1) / 2, 1.0])[:2]
    wide, high = scale * (one.x1 - one.x0) / 2, scale * (one.y1 - one.y0) / 2
    wide, high = (high, wide) if turn else (wide, high)
    return replace(one, x0=float(x - wide), y0=float(y - high), x1=float(x + wide), y1=float(y + high))


def _clipped(one: Detection, case: Case) -> Detection | None:
    x0, y0, x1, y1 = (float(v) for v in np.clip(one.edges, 0, [case.width, case.height] * 2))
    return replace(one, x0=x0, y0=y0, x1=x1, y1=y1) if x0 < x1 and y0 < y1 else None
