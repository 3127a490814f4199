"""BCCD tiles: one real blood cell in the middle of each tile, red, white or platelet, for a classifier of tiles.

Made of `bccd`. The label of a tile is the class of the annotated cell at its centre, whatever else is seen; the image
that the tiles are cut from counts as the patient, and stands where a slide does in histology.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from xaimed.data.annotations import Record
from xaimed.data.bccd import CLASSES, ORIGIN, Smear, Smears, apart, read_smears
from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.listed import About, Listed, Picture, chosen, moved
from xaimed.errors import InputError
from xaimed.imaging.decoded import digest_of
from xaimed.imaging.files import read_image
from xaimed.types import Box, Floats

__all__ = ["ORIGIN", "Options", "open"]
SPLIT = "given"  # by the lists of the set
ABOUT = About("bccd-tiles", "BCCD, tiles of blood smears", "classification", CLASSES, (
    "the label is that of the annotated cell at the centre of the tile; other cells are seen beside it",
    "of the many red cells of an image only some are taken, by seed; cells too near to the edge are left out",
    "tiles of one image overlap and are no independent samples: intervals are by image"), people="unknown")


@dataclass(frozen=True)
class Options:
    """window: side in pixels of the smear. size: side of the tile made of it. red: red cells taken from an image."""

    window: int = 160
    size: int = 80
    red: int = 2


@dataclass(frozen=True)
class Tile:
    """A tile: the image's number, its corner, and the box of the cell at its centre."""

    smear: int
    x: int
    y: int
    box: Box


def open(request: DataRequest) -> Listed:
    """The dataset below `request.root`: image (3, size, size), the box of the centre cell; options: window, size, red.

    Raises NotFound where BCCD is absent, InputError where it or an option cannot be used.
    """
    options = chosen(Options, request)
    if not 16 <= options.size <= options.window <= 480 or options.red < 1:
        raise InputError(f"options of {request.name}: window {options.window}, size {options.size}, red {options.red}; "
                         "expected 16 <= size <= window <= 480 and red of 1 or more")
    smears = read_smears(request)
    # Left out by their numbers, which seed the choice of red cells: the other images keep theirs.
    kept = {smear.path for smear in apart(smears)[0].items}
    tiles = [tile for number, smear in enumerate(smears.items) if smear.path in kept
             for tile in _tiles(smears, number, options, request.seed)]

    def picture(index: int) -> Picture:
        return _picture(smears.items[tiles[index].smear], tiles[index], options)

    return Listed(replace(ABOUT, warnings=(*smears.warnings, *ABOUT.warnings)), _rows(smears, tiles), picture)


def _tiles(smears: Smears, number: int, options: Options, seed: int) -> Iterator[Tile]:
    record = smears.items[number].record
    fitting = [tile for box in record.boxes for tile in [_round(box, number, options, record)] if tile]
    red = [tile for tile in fitting if tile.box.label == CLASSES[0]]
    order = np.random.default_rng([seed, number]).permutation(len(red))[:options.red]
    yield from (red[i] for i in sorted(order))
    yield from (tile for tile in fitting if tile.box.label != CLASSES[0])


def _round(box: Box, number: int, options: Options, record: Record) -> Tile | None:
    """The tile round a box, or None where it would leave the image by more than an eighth of its side."""
    width, height = record.size or (640, 480)
    corner = []
    for centre, limit in zip(box.centre, (width, height), strict=True):
        wanted = round(centre - options.window / 2)
        held = min(max(wanted, 0), limit - options.window)
        if abs(held - wanted) > options.window / 8:
            return None
        corner.append(held)
    return Tile(number, corner[0], corner[1], box)


def _rows(smears: Smears, tiles: list[Tile]) -> list[CaseRow]:
    count: dict[int, int] = {}
    found = []
    for tile in tiles:
        number = count[tile.smear] = count.get(tile.smear, -1) + 1
        smear = smears.items[tile.smear]
        found.append(CaseRow(f"{smear.case}-{number:02d}", smear.case, smear.split, tile.box.label))
    return found


@lru_cache(maxsize=4)
def _decoded(path: Path) -> Floats:
    return read_image(path).image


def _picture(smear: Smear, tile: Tile, options: Options) -> Picture:
    part = _decoded(smear.path)[:, tile.y:tile.y + options.window, tile.x:tile.x + options.window]
    side, factor = (options.size, options.size), options.window / options.size
    image = np.clip(np.stack([cv2.resize(plane, side, interpolation=cv2.INTER_AREA) for plane in part]), 0, 1)
    edges = [min(max((edge - corner) / factor, 0.0), float(options.size))
             for edge, corner in zip(tile.box.edges, (tile.x, tile.y) * 2, strict=True)]
    return Picture(np.asarray(image, np.float32), digest_of(image), boxes=(Box(tile.box.label, *edges),),
                   affine=moved(tile.x, tile.y, factor))
