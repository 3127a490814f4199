"""ISBI 2012: a real electron microscopy stack of 30 slices with cell membranes, for segmentation of a stack.

Cardona A et al (2010), PLoS Biol 8(10):e1000502; Arganda-Carreras I et al (2015) "Crowdsourcing the creation of image
segmentation algorithms for connectomics", Front Neuroanat 9:142. The folder holds `images/` and `labels/` with one PNG
of 512 x 512 pixels a slice under the same names, 0 in a label for membrane; 4 x 4 x 50 nm a voxel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.listed import About, Listed, Origin, Picture, chosen, located, moved
from xaimed.errors import InputError
from xaimed.imaging.decoded import digest_of
from xaimed.imaging.files import read_image
from xaimed.types import Floats, Mask

SPLIT = "given"  # blocks of slices, as below
SPACING_MM = 4e-6
UNIT = 2  # slices that count as one patient
BLOCKS = (("train", 0.0), ("val", 20 / 30), ("test", 24 / 30))
ORIGIN = Origin("isbi2012-em", "images/*.png", "the ISBI 2012 stack (non-commercial) is to be had from the challenge's "
                                               "page (imagej.net/events/isbi-2012-segmentation-challenge); write it as "
                                               "images/NN.png and labels/NN.png")
ABOUT = About("isbi2012-em", "ISBI 2012 electron microscopy stack", "segmentation", ("membrane",), (
    ("terms: for non-commercial segmentation software; publications must cite Cardona et al (2010) and "
     "Arganda-Carreras et al (2015)"),
    ("one animal and one stack: train, val and test are blocks of neighbouring slices (20, 4 and 6 of 30) of the same "
     "tissue, so nothing measured here says anything about other tissue"),
    (f"a patient here is {UNIT} neighbouring slices: intervals by patient count them as independent, which neighbours "
     "are not"),
    ("the slices round the centre are taken from the case's own block, its edge slices repeated: no pixel of the test "
     "block enters training")), people="one")


@dataclass(frozen=True)
class Options:
    """radius: slices on either side as channels. quadrants: four cases of 256 x 256 pixels a slice."""

    radius: int = 3
    quadrants: bool = False


@dataclass(frozen=True)
class Place:
    """A case: the slice, the first and last slice of its block, and the window x, y, side."""

    slice: int
    block: tuple[int, int]
    window: tuple[int, int, int]


class Stack:
    """The slices of the folder, decoded once when first asked for."""

    def __init__(self, files: Sequence[Path], labels: Sequence[Path]) -> None:
        self.files, self.labels = tuple(files), tuple(labels)
        self.plane, self.membrane = cache(self._plane), cache(self._membrane)
        self.side = self.plane(0).shape[0]

    def _plane(self, z: int) -> Floats:
        image = read_image(self.files[z]).image
        if image.shape[0] != 1 or image.shape[1] != image.shape[2] or image.shape[1] % 2:
            raise InputError(f"{self.files[z]}: {image.shape} pixels; expected one channel, square and even")
        return np.asarray(image[0])

    def _membrane(self, z: int) -> Mask:
        label = read_image(self.labels[z]).image[0]
        if label.shape != self.plane(z).shape:
            raise InputError(f"{self.labels[z]}: {label.shape} pixels; expected {self.plane(z).shape} as its image")
        return np.asarray(label < 0.5)


def open(request: DataRequest) -> Listed:
    """The dataset below `request.root`; options: radius (3), quadrants (no).

    A case is a slice: image (2 radius + 1, H, W), the slice in the middle; segments {"membrane": bool (H, W)}. Raises
    NotFound where the set is absent, InputError where a slice has no label or another size.
    """
    options = chosen(Options, request)
    if options.radius < 0:
        raise InputError(f"option radius of {request.name}: {options.radius}; expected 0 or more slices on either side")
    stack = _stack(located(request, ORIGIN).parent)
    places, rows = _places(len(stack.files), stack.side, options.quadrants)

    def picture(index: int) -> Picture:
        return _picture(stack, places[index], options.radius)

    return Listed(ABOUT, rows, picture)


def _stack(images: Path) -> Stack:
    files = sorted(images.glob("*.png"))
    labels = [images.parent / "labels" / path.name for path in files]
    missing = [path for path in labels if not path.is_file()]
    if missing:
        raise InputError(f"{missing[0]}: no such file; expected a label for each of {len(files)} slices")
    return Stack(files, labels)


def _places(count: int, side: int, quadrants: bool) -> tuple[list[Place], list[CaseRow]]:
    half = side // 2
    windows = [(x, y, half) for y in (0, half) for x in (0, half)] if quadrants else [(0, 0, side)]
    starts = [round(share * count) for _, share in BLOCKS] + [count]
    places, rows = [], []
    for (split, _), first, end in zip(BLOCKS, starts, starts[1:], strict=False):
        for z in range(first, end):
            for number, window in enumerate(windows):
                places.append(Place(z, (first, end - 1), window))
                case = f"em-{z:02d}-{number}" if quadrants else f"em-{z:02d}"
                rows.append(CaseRow(case, f"em-{split}-{(z - first) // UNIT:02d}", split, None))
    return places, rows


def _picture(stack: Stack, place: Place, radius: int) -> Picture:
    x, y, side = place.window
    around = np.clip(np.arange(place.slice - radius, place.slice + radius + 1), *place.block)
    image = np.stack([stack.plane(int(z))[y:y + side, x:x + side] for z in around])
    membrane = np.ascontiguousarray(stack.membrane(place.slice)[y:y + side, x:x + side])
    return Picture(image, digest_of(image), segments={"membrane": membrane}, spacing_mm=SPACING_MM, affine=moved(x, y))
