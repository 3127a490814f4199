"""BCCD: real blood smears under the microscope with boxes of red cells, white cells and platelets, for detection.

Images and annotations by cosmicad and akshaylamba, in VOC format by Shenggan; MIT. The folder holds `JPEGImages/`,
`Annotations/` and `ImageSets/Main/` with train.txt, val.txt and test.txt.

Some images of one slide overlap, and the lists do not keep them together. An image of val or test is left out of `bccd`
where its local contrast correlates above 0.7, at some shift that leaves a quarter of both, with that of an image of
train (of test: of val, too): it shows some of the same cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xaimed.data.annotations import Record, read_voc
from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.listed import About, Listed, Origin, Picture, located, slug
from xaimed.errors import InputError
from xaimed.imaging.files import read_image

SPLIT = "given"  # by the lists of the set
SPLITS = ("train", "val", "test")
CLASSES = ("RBC", "WBC", "Platelets")
ALIKE, SHARE = 0.7, 0.25  # correlation, and what a shift leaves: 19 images are at 0.76 and more, the next at 0.60
# What the rule finds, each with the image that it repeats; tests/data/test_bccd.py computes it again in half a minute.
COPIES = {
    "BloodImage_00019": "BloodImage_00020", "BloodImage_00037": "BloodImage_00038",
    "BloodImage_00041": "BloodImage_00040", "BloodImage_00193": "BloodImage_00166",
    "BloodImage_00205": "BloodImage_00276", "BloodImage_00223": "BloodImage_00263",
    "BloodImage_00225": "BloodImage_00262", "BloodImage_00226": "BloodImage_00261",
    "BloodImage_00227": "BloodImage_00260", "BloodImage_00228": "BloodImage_00259",
    "BloodImage_00229": "BloodImage_00258", "BloodImage_00230": "BloodImage_00257",
    "BloodImage_00233": "BloodImage_00254", "BloodImage_00244": "BloodImage_00247",
    "BloodImage_00249": "BloodImage_00242", "BloodImage_00253": "BloodImage_00236",
    "BloodImage_00255": "BloodImage_00232", "BloodImage_00277": "BloodImage_00204",
    "BloodImage_00391": "BloodImage_00386"}
ORIGIN = Origin("bccd", "Annotations/*.xml", "BCCD (MIT) is to be had from github.com/Shenggan/BCCD_Dataset")
WARNINGS = (
    "licence: MIT",
    "the patient of an image is unknown, so each image counts as one: other fields of one smear may lie in two splits",
    "not every red cell is annotated: a found one without a box counts as false though it may be there")
ABOUT = About("bccd", "BCCD, blood smears", "detection", CLASSES, WARNINGS, people="unknown")


@dataclass(frozen=True)
class Smear:
    """One image: its file, the split of the set's lists, and what is annotated."""

    path: Path
    split: str
    record: Record

    @property
    def case(self) -> str:
        """The file's stem as a pseudonym."""
        return slug(self.path.stem)

    @property
    def rarest(self) -> str | None:
        """The label of the image: the last of CLASSES, the rarest, that it has a box of; None without boxes."""
        found = {box.label for box in self.record.boxes}
        return next((name for name in reversed(CLASSES) if name in found), None)


@dataclass(frozen=True)
class Smears:
    """All images, and how many boxes without area were left out."""

    items: tuple[Smear, ...]
    left_out: int

    @property
    def warnings(self) -> tuple[str, ...]:
        """WARNINGS, and what was left out."""
        return WARNINGS + ((f"{self.left_out} boxes without area are left out",) if self.left_out else ())


def read_smears(request: DataRequest) -> Smears:
    """The images in the order of the lists. Raises NotFound where the set is absent, InputError for a listed image
    without file or annotation, and for one that two lists name."""
    folder = located(request, ORIGIN).parents[1]
    found, left_out = [], 0
    for split in SPLITS:
        for stem in _listed(folder / "ImageSets" / "Main" / f"{split}.txt"):
            image, notes = folder / "JPEGImages" / f"{stem}.jpg", folder / "Annotations" / f"{stem}.xml"
            if not image.is_file() or not notes.is_file():
                raise InputError(f"{folder}: {split}.txt names {stem}, which has no image or no annotation; expected "
                                 "both")
            read = read_voc([notes], notes, skip_empty=True)
            left_out += read.left_out
            found.append(Smear(image, split, read.records[0]))
    _check_once(found, folder)
    return Smears(tuple(found), left_out)


def _listed(path: Path) -> list[str]:
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected one name a line")
    return path.read_text(encoding="utf-8").split()


def _check_once(found: Sequence[Smear], folder: Path) -> None:
    names = [smear.case for smear in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    strange = sorted({box.label for smear in found for box in smear.record.boxes} - set(CLASSES))
    if twice or strange:
        what = f"{twice[0]} is listed twice" if twice else f"a box is labelled {strange[0]!r}"
        raise InputError(f"{folder}: {what}; expected each image in one list and the labels {', '.join(CLASSES)}")


def open(request: DataRequest) -> Listed:
    """The dataset below `request.root`: image (3, 480, 640), boxes, the rarest class as label.

    Raises NotFound and InputError as `read_smears`.
    """
    smears, out = apart(read_smears(request))
    rows = [CaseRow(smear.case, smear.case, smear.split, smear.rarest) for smear in smears.items]

    def picture(index: int) -> Picture:
        smear = smears.items[index]
        decoded = read_image(smear.path)
        return Picture(decoded.image, decoded.digest, boxes=smear.record.boxes)

    why = (f"{out} images of val and test are left out: they show cells of an image of a split before theirs",)
    return Listed(replace(ABOUT, warnings=smears.warnings + (why if out else ())), rows, picture)


def apart(smears: Smears) -> tuple[Smears, int]:
    """The images without those of val and test that repeat one of a split before (COPIES), and how many these are."""
    place = {smear.path.stem: SPLITS.index(smear.split) for smear in smears.items}
    kept = tuple(smear for smear in smears.items
                 if place.get(COPIES.get(smear.path.stem, ""), len(SPLITS)) >= place[smear.path.stem])
    return replace(smears, items=kept), len(smears.items) - len(kept)
