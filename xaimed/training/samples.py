"""Training samples: prepared once, kept as bytes, changed at random each time they are drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from xaimed.imaging.geometry import inverse, map_boxes
from xaimed.imaging.preprocessing import Preprocessing, prepare
from xaimed.training.recipe import Augmentation
from xaimed.types import Case, Floats, Matrix


@dataclass(frozen=True, eq=False)
class Sample:
    """A prepared image, uint8 (C, h, w), with its boxes (N, 4) in its own pixels and class indices from 1."""

    case: str
    patient: str
    image: NDArray[np.uint8]
    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]


def samples_of(cases: Iterable[Case], steps: Preprocessing, classes: tuple[str, ...]) -> list[Sample]:
    """The prepared samples of the cases, in order."""
    return [_sample(case, steps, classes) for case in cases]


def _sample(case: Case, steps: Preprocessing, classes: tuple[str, ...]) -> Sample:
    prepared = prepare(case, steps)
    edges = np.array([box.edges for box in case.boxes], float).reshape(-1, 4)
    boxes = map_boxes(edges, inverse(prepared.affine))
    height, width = prepared.size
    boxes = np.clip(boxes, 0, [width, height, width, height])
    labels = np.array([classes.index(box.label) + 1 for box in case.boxes], np.int64)
    kept = (boxes[:, 2] - boxes[:, 0] > 4) & (boxes[:, 3] - boxes[:, 1] > 4)
    pixels = (prepared.image * 255).round().astype(np.uint8)
    return Sample(case.id, case.patient, pixels, boxes[kept], labels[kept])


def augmented(sample: Sample, change: Augmentation, draw: np.random.Generator) -> tuple[Floats, NDArray[np.float64]]:
    """float32 (C, h, w) in [0, 1] and the boxes (N, 4) after one random crop, flip, rotation, zoom and grey change.

    A box that the crop cuts down to less than 0.6 of its area comes back empty.
    """
    height, width = sample.image.shape[-2:]
    matrix = turned((height, width), change, draw)
    if change.crop:
        corner = _corner(sample, matrix, change.crop, draw)
        matrix[:, 2] -= corner
        height, width = min(height, change.crop), min(width, change.crop)
    planes = [cv2.warpAffine(p, centred(matrix), (width, height), flags=cv2.INTER_LINEAR) for p in sample.image]
    image = np.stack(planes).astype(np.float32) / 255.0
    return regreyed(image, change, draw), _moved(sample.boxes, matrix, (height, width))


def turned(shape: tuple[int, int], change: Augmentation, draw: np.random.Generator) -> Matrix:
    """(2, 3): one random rotation, zoom and flip of an image (h, w), from old to new pixel edges."""
    height, width = shape
    angle = draw.uniform(-change.rotation, change.rotation)
    zoom = float(np.exp(draw.uniform(-change.scale, change.scale)))
    matrix: Matrix = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), angle, zoom), np.float64)
    if change.flip and draw.random() < 0.5:
        matrix = matrix @ np.array([[-1.0, 0, width], [0, 1, 0], [0, 0, 1]])
    return matrix


def _corner(sample: Sample, matrix: NDArray[np.float64], side: int, draw: np.random.Generator) -> NDArray[np.float64]:
    height, width = sample.image.shape[-2:]
    if len(sample.boxes):
        return corner_near(sample.boxes, matrix, ((height, width), side), draw)
    rows, columns = np.nonzero(sample.image[0, ::8, ::8] > 8)
    index = int(draw.integers(max(1, len(rows))))
    point = matrix @ [*(8.0 * np.array([columns[index], rows[index]]) if len(rows) else (0.0, 0.0)), 1.0]
    return _held(point - side / 2 + draw.uniform(-0.5 * side, 0.5 * side, 2), ((height, width), side))


def corner_near(boxes: NDArray[np.float64], matrix: NDArray[np.float64], cut: tuple[tuple[int, int], int],
                draw: np.random.Generator) -> NDArray[np.float64]:
    """(2,) x and y: the corner of a random square that holds the centre of one of the boxes (N, 4).

    cut: height and width of the image, and the side of the square. matrix: (2, 3), what is done to the image first.
    """
    side = cut[1]
    box = boxes[int(draw.integers(len(boxes)))]
    point = matrix @ [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, 1.0]
    return _held(point - side / 2 + draw.uniform(-0.35 * side, 0.35 * side, 2), cut)


def _held(corner: NDArray[np.float64], cut: tuple[tuple[int, int], int]) -> NDArray[np.float64]:
    (height, width), side = cut
    return np.asarray(np.clip(np.round(corner), 0, np.maximum(0, np.array([width, height]) - side)), np.float64)


def centred(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, 3): a transform of pixel edges as warpAffine takes it, which counts from pixel centres."""
    out = matrix.copy()
    out[:, 2] = matrix @ [0.5, 0.5, 1.0] - 0.5
    return out


def _moved(boxes: NDArray[np.float64], matrix: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    if not len(boxes):
        return boxes
    # Masses are round: the bounds of the turned ellipse, not of the turned rectangle.
    half = np.stack([boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]], axis=1) / 2
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    reach = np.sqrt((half**2) @ (matrix[:, :2] ** 2).T)
    height, width = shape
    whole = np.concatenate([centre - reach, centre + reach], axis=1)
    cut = np.clip(whole, 0, [width, height, width, height])
    share = _areas(cut) / np.maximum(_areas(whole), 1e-9)
    return np.where(share[:, None] < 0.6, 0.0, cut)


def _areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def regreyed(image: Floats, change: Augmentation, draw: np.random.Generator) -> Floats:
    """The image with one random gamma, contrast, brightness and noise; black stays black."""
    inside = image > 0
    gamma = np.exp(draw.uniform(-change.gamma, change.gamma))
    gain = 1 + draw.uniform(-change.contrast, change.contrast)
    shift = draw.uniform(-change.brightness, change.brightness)
    grey = (image**gamma - 0.5) * gain + 0.5 + shift
    if change.noise:
        grey = grey + draw.normal(0, change.noise * draw.random(), image.shape)
    return np.asarray(np.clip(grey, 0, 1) * inside, np.float32)
