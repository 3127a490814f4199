"""One T1 head MR volume with anatomical labels: its slices in three planes, and the blocks they are split into.

Dalca AV, Balakrishnan G, Guttag J, Sabuncu MR (2018) MICCAI; Balakrishnan G et al (2019) "VoxelMorph", IEEE Trans Med
Imaging 38(8):1788-1800; Apache 2.0. The folder `t1-volume` holds test_scan.npz with `vol` (160, 192, 224) in [0, 1],
skull-stripped, and `seg`, labels of FreeSurfer. Axis 0 runs through the head from side to side, axis 1 from the crown
down, axis 2 from the back to the brow; a voxel is 1 mm wide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.listed import Origin, located
from xaimed.data.npz import read_arrays
from xaimed.errors import InputError, unknown
from xaimed.types import Floats

Number = TypeVar("Number", bound=np.generic)
Block = tuple[str, int, int]  # split, first slice, the slice after the last
Cut = Callable[[int, int], tuple[Block, ...]]
SPACING_MM = 1.0
UNIT = 4  # neighbouring slices that count as one patient
AXES = {"sagittal": 0, "axial": 1, "coronal": 2}
# Shares of the slices that show brain: train at both ends, val and test between them, gaps of 5 % that belong to none.
BLOCKS = (("train", 0.0, 0.35), ("test", 0.4, 0.5), ("val", 0.55, 0.65), ("train", 0.7, 1.0))
# Or in turns along the whole head, in slices: train, a gap, val or test by turns, a gap.
BAND, GAP, HELD = 10, 3, 4
LEAST = 0.05  # of a slice's pixels that must show brain
TISSUES = {
    "white-matter": (2, 7, 41, 46, 77, 251, 252, 253, 254, 255),
    "grey-matter": (3, 8, 10, 11, 12, 13, 17, 18, 26, 42, 47, 49, 50, 51, 52, 53, 54, 58),
    "csf": (4, 5, 14, 15, 24, 31, 43, 44, 63, 72),
    "brainstem": (16, 28, 60)}
ORIGIN = Origin("t1-volume", "test_scan.npz", "the volume (Apache 2.0) is data/test_scan.npz of "
                                              "github.com/voxelmorph/voxelmorph")
WARNINGS = (
    "licence: Apache 2.0 (the repository's); publications should cite Balakrishnan et al (2019)",
    ("one head: train, val and test are blocks of its slices with gaps between them, so nothing measured here says "
     f"anything about other heads; a patient here is {UNIT} neighbouring slices"),
    "skull-stripped and aligned: what lies outside the brain is exactly 0")


@dataclass(frozen=True, eq=False)
class Head:
    """The volume, float32 in [0, 1], and its labels, uint8, of one shape."""

    volume: Floats
    labels: NDArray[np.uint8]

    def slice(self, axis: int, index: int) -> Floats:
        """float32 (H, W): a slice with the brow or the crown up."""
        return upright(self.volume, axis, index)

    def tissue(self, axis: int, index: int) -> NDArray[np.uint8]:
        """uint8 (H, W): 0 for background and 1, 2 ... for TISSUES in order."""
        table = np.zeros(256, np.uint8)
        for number, members in enumerate(TISSUES.values(), start=1):
            table[list(members)] = number
        return table[upright(self.labels, axis, index)]


def upright(values: NDArray[Number], axis: int, index: int) -> NDArray[Number]:
    """(H, W): a slice of a volume turned as a reader sees it: crown up, in axial slices the brow."""
    plane = np.take(values, index, axis=axis)
    return np.ascontiguousarray(plane.T[::-1] if axis == AXES["axial"] else plane if axis == 0 else plane.T)


@lru_cache(maxsize=1)
def _read(path: Path, _changed: int) -> Head:
    held = read_arrays(path, ("vol", "seg"))
    volume, labels = held["vol"], held["seg"]
    if volume.ndim != 3 or volume.shape != labels.shape or not (volume.min() >= 0 and volume.max() <= 1):
        raise InputError(f"{path}: vol {volume.shape} and seg {labels.shape}; expected two volumes of one shape, vol "
                         "in [0, 1]: give the original file")
    return Head(volume.astype(np.float32), labels.astype(np.uint8))


def read_head(request: DataRequest) -> Head:
    """The volume below `request.root`. Raises NotFound where it is absent, InputError where it is damaged."""
    path = located(request, ORIGIN)
    return _read(path, path.stat().st_mtime_ns)


@dataclass(frozen=True)
class Slice:
    """A slice of the volume: axis, index, the split, and the unit that counts as a patient."""

    axis: int
    index: int
    split: str
    patient: str

    def row(self, case: str) -> CaseRow:
        """The row of a case made of this slice."""
        return CaseRow(case, self.patient, self.split, None)


def blocks(first: int, count: int) -> tuple[Block, ...]:
    """The shares of `BLOCKS` of `count` slices from `first`: test and val are far from training, and other tissue."""
    return tuple((split, first + round(low * count), first + round(high * count)) for split, low, high in BLOCKS)


def bands(first: int, count: int) -> tuple[Block, ...]:
    """Training bands of 10 slices, between them by turns 4 for test and 4 for val, 3 from the next of training.

    Every tissue is in training; what is measured is only how well the slices between are filled in.
    """
    held, found, last = ("test", "val"), [], first + count
    for turn, start in enumerate(range(first, last, BAND + HELD + 2 * GAP)):
        found.append(("train", start, min(start + BAND, last)))
        if (place := start + BAND + GAP) + HELD + GAP < last:
            found.append((held[turn % 2], place, place + HELD))
    return tuple(found)


def slices(head: Head, plane: str, step: int = 1, cut: Cut = blocks) -> tuple[Slice, ...]:
    """Every `step`-th slice of a plane ("coronal", "axial" or "sagittal") that shows brain and lies in a block.

    cut: the blocks among the slices that show brain. Raises NotFound for another plane, InputError for a step below 1.
    """
    if plane not in AXES:
        raise unknown("plane", plane, AXES)
    if step < 1:
        raise InputError(f"option step: {step}; expected 1 or more slices from one to the next")
    axis = AXES[plane]
    others = tuple(a for a in range(3) if a != axis)
    brain = np.flatnonzero((head.volume > 0).mean(axis=others) > LEAST)
    first, count = int(brain[0]), int(brain[-1] - brain[0] + 1)
    found = []
    for number, (split, start, end) in enumerate(cut(first, count)):
        found += [Slice(axis, z, split, f"t1-{split}-{number}-{(z - start) // UNIT:02d}")
                  for z in range(start, end, step)]
    return tuple(found)
