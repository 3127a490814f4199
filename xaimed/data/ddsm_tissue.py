"""DDSM breast tissue: 66 real film mammograms with maps of fat, glandular tissue and pectoral muscle, for segmentation.

Heath M et al (2001) "The Digital Database for Screening Mammography"; Tiryaki VM, Kaplanoglu V (2022) "Deep
learning-based multi-label tissue segmentation and density assessment from mammograms", IRBM, doi
10.1016/j.irbm.2022.05.004. The folder holds `train_valid/` and `test/`, each with `images/X.png` and `labels/X_LI.png`
(64 background, 128 adipose, 192 fibroglandular, 255 pectoral muscle) of 480 x 960 pixels. The first letter of a name is
the series of DDSM that the film is from (its scanners differ), not the density of the breast.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.listed import About, Listed, Origin, Picture, located, slug
from xaimed.data.split import held_out
from xaimed.errors import InputError
from xaimed.imaging.files import read_image

SPLIT = "given"  # by the folders
VAL = 0.1  # of what the folder test does not hold
VALUES = {"adipose": 128, "fibroglandular": 192, "pectoral": 255}
BACKGROUND = 64
NAME = re.compile(r"^(([A-D])_\d+)_")
ORIGIN = Origin("ddsm-tissue-seg", "train_valid/images/*.png", "the tissue maps are to be had from their authors "
                                                               "(github.com/tiryakiv/Mammogram-segmentation, folder "
                                                               "segmentation_data)")
ABOUT = About("ddsm-tissue", "DDSM mammograms with tissue maps", "segmentation", tuple(VALUES), (
    ("licence: no separate one is stated for the data: for research; publications must cite Tiryaki and Kaplanoglu "
     "(2022)"),
    "66 right MLO views of one database: the test split has 6 images, so its intervals are wide",
    "films of several scanners with labels and edges, at 480 x 960 pixels: no spacing and no density is given here"))


@dataclass(frozen=True)
class Film:
    """One pair of files, its case and its split's folder."""

    image: Path
    label: Path
    case: str
    patient: str
    series: str
    held: bool


def open(request: DataRequest) -> Listed:
    """The dataset below `request.root`: image (1, 960, 480), segments adipose, fibroglandular and pectoral.

    Raises NotFound where it is absent, InputError where an image has no map or a map other values.
    """
    folder = located(request, ORIGIN).parents[2]
    films = [_film(path, part == "test") for part in ("train_valid", "test")
             for path in sorted((folder / part / "images").glob("*.png"))]
    rest = [film for film in films if not film.held]
    val = held_out([film.patient for film in rest], VAL, request.seed, [film.series for film in rest])
    rows = [CaseRow(film.case, film.patient, "test" if film.held else "val" if film.patient in val else "train", None,
                    {"series": film.series, "view": "MLO", "side": "R"}) for film in films]
    return Listed(ABOUT, rows, lambda index: _picture(films[index]))


def _film(path: Path, held: bool) -> Film:
    found, label = NAME.match(path.name), path.parents[1] / "labels" / f"{path.stem}_LI.png"
    if found is None:
        raise InputError(f"{path}: expected a name such as A_0002_1.RIGHT_MLO.png, the series of DDSM first")
    if not label.is_file():
        raise InputError(f"{label}: no such file; expected a tissue map for each image")
    return Film(path, label, slug(path.stem), slug(found[1]), found[2], held)


def _picture(film: Film) -> Picture:
    decoded = read_image(film.image)
    with Image.open(film.label, formats=["PNG"]) as image:
        stored: NDArray[np.uint8] = np.asarray(image)
    if stored.shape != decoded.image.shape[1:] or not np.isin(stored, [BACKGROUND, *VALUES.values()]).all():
        raise InputError(f"{film.label}: {stored.shape} pixels with the values {np.unique(stored)[:6].tolist()}; "
                         f"expected {decoded.image.shape[1:]} with {BACKGROUND} and "
                         f"{', '.join(map(str, VALUES.values()))}")
    return Picture(decoded.image, decoded.digest,
                   segments={name: np.asarray(stored == value) for name, value in VALUES.items()})
