"""Slabs of a T1 head volume and the same under a SYNTHETIC smooth 3-D deformation, for registration in 3-D.

From the volume of `t1head`, reduced to voxels of 2 mm by the mean of 2 x 2 x 2. A case holds a slab of coronal slices,
moving then fixed, as channels: (2 depth, H, W). What lies at voxel p of the fixed slab lies at p + u(p) in the moving
one; the reference is the part of u in the slice, x then y, for the slab's middle slice (number depth // 2), in pixels
of 2 mm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from xaimed.data import t1head
from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.fields import inverse_field, smooth_field, warped
from xaimed.data.listed import About, Listed, Picture, chosen
from xaimed.errors import InputError
from xaimed.imaging.decoded import digest_of
from xaimed.types import Floats

SPLIT = "given"  # blocks of slices
ORIGIN = t1head.ORIGIN
SPACING_MM = 2 * t1head.SPACING_MM
MARGIN = 4  # voxels beyond the slab that take part in the deformation, so that its ends show tissue and no edge
ABOUT = About("t1-volume", "slabs of a T1 head MR volume under a SYNTHETIC deformation", "registration", (), (
    *t1head.WARNINGS[:1], *t1head.WARNINGS[2:],
    ("one head: train, val and test are slabs of its blocks of slices, with gaps between them: nothing measured here "
     "says anything about other heads"),
    ("SYNTHETIC: the moving slab is the fixed one deformed by a random smooth field; grey values, noise and anatomy "
     "are the same in both, so that real pairs are harder"),
    ("a patient here is one deformation of one slab, and slabs overlap: intervals by patient say how much the "
     "deformations differ, not the anatomy"),
    "the reference is given for the slab's middle slice and in its plane alone"), synthetic=True, people="one")


@dataclass(frozen=True)
class Options:
    """What pairs are made.

    depth: slices of a slab. fields: deformations of each slab. largest: the longest displacement of tissue in voxels.
    smooth: the sigma of its smoothing in voxels.
    """

    depth: int = 8
    fields: int = 8
    largest: float = 3.0
    smooth: float = 14.0


@dataclass(frozen=True)
class Slab:
    """A slab of the reduced volume: first coronal slice, split, number of the field."""

    first: int
    split: str
    turn: int

    @property
    def row(self) -> CaseRow:
        """Its row; a slab's deformation counts as a patient."""
        case = f"t1v-{self.first:03d}-{self.turn}"
        return CaseRow(case, case, self.split, None)


def open(request: DataRequest) -> Listed:
    """The dataset below `request.root`: image (2 depth, 96, 80), displacement (2, 96, 80); options: see Options.

    Raises NotFound where the volume is absent, InputError where it is damaged or no slab fits a block.
    """
    options, seed = chosen(Options, request), request.seed
    if options.depth < 2 or options.fields < 1:
        raise InputError(f"options of {request.name}: depth {options.depth}, fields {options.fields}; expected depth "
                         "of 2 or more and fields of 1 or more")
    head = t1head.read_head(request)
    slabs = _slabs(head, options)
    half = _halved(head.volume)
    volume = np.stack([t1head.upright(half, t1head.AXES["coronal"], z) for z in range(half.shape[2])])

    @lru_cache(maxsize=32)
    def picture(index: int) -> Picture:
        return _picture(volume, slabs[index], options, seed)

    return Listed(ABOUT, [slab.row for slab in slabs], picture)


def _halved(volume: Floats) -> Floats:
    """float32: the mean of each 2 x 2 x 2 voxels."""
    a, b, c = (side // 2 for side in volume.shape)
    return np.asarray(volume[:2 * a, :2 * b, :2 * c].reshape(a, 2, b, 2, c, 2).mean(axis=(1, 3, 5)))


def _slabs(head: t1head.Head, options: Options) -> tuple[Slab, ...]:
    """The slabs that lie, with as little overlap as their number allows, within one block of slices."""
    blocks: dict[str, list[int]] = {}
    for place in t1head.slices(head, "coronal"):
        blocks.setdefault(place.patient.rpartition("-")[0], []).append(place.index // 2)
    found = []
    for name, indices in blocks.items():
        first, last, split = min(indices), max(indices), name.split("-")[1]
        starts = range(first, last + 2 - options.depth, max(1, options.depth // 2))
        found += [Slab(start, split, turn) for start in starts for turn in range(options.fields)]
    if {slab.split for slab in found} != {"train", "val", "test"}:
        raise InputError(f"option depth of t1-volume: {options.depth} slices are more than a block of the split holds; "
                         "expected fewer")
    return tuple(found)


def _picture(volume: Floats, slab: Slab, options: Options, seed: int) -> Picture:
    low, high = max(0, slab.first - MARGIN), min(len(volume), slab.first + options.depth + MARGIN)
    fixed, inner = volume[low:high], slice(slab.first - low, slab.first - low + options.depth)
    rng = np.random.default_rng([seed, slab.first, slab.turn])
    toward = smooth_field(fixed > 0, options.largest, options.smooth, rng)
    moving = np.clip(warped(fixed, toward), 0, 1)
    image = np.concatenate([moving[inner], fixed[inner]])
    middle = inverse_field(toward)[:, slab.first - low + options.depth // 2]
    return Picture(image, digest_of(image), displacement=np.ascontiguousarray(middle[[2, 1]]), spacing_mm=SPACING_MM)
