"""BUSI: real breast ultrasound images, normal, benign or malignant, for classification.

Al-Dhabyani W, Gomaa M, Khaled H, Fahmy A (2020) "Dataset of breast ultrasound images", Data in Brief 28:104863. The set
is known for copies and for burnt-in marks: Pawlowska A et al (2023), Data in Brief (letter). The folder holds busi*.npz
with `images`, `labels`, `classes` and `names`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from xaimed.data.copies import copy_groups
from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.listed import About, Listed, Origin, Picture, located, slug
from xaimed.data.npz import planes, read_arrays
from xaimed.data.split import patient_split
from xaimed.imaging.decoded import digest_of

NEAR = 10  # bits of 64: between copies and strangers the counts of distances in this set have their valley at 9 to 10
WORST = ("normal", "benign", "malignant")
ORIGIN = Origin("busi", "busi*.npz", "BUSI is to be had from its authors (Cairo University, Data in Brief 28:104863); "
                                     "keep images, labels, classes and names as arrays of one .npz")
ABOUT = About("busi", "BUSI, breast ultrasound", "classification", (), (
    "licence: the article is CC BY 4.0, copies of the data differ; publications must cite Al-Dhabyani et al (2020)",
    ("the patient of an image is unknown: images that are near copies of each other stay in one split, but views of "
     "one patient that differ more may lie in two"),
    ("many images carry burnt-in marks (calipers, Doppler boxes, text; 295 by the count of Pawlowska et al): a model "
     "can learn them instead of the tissue"),
    "the images were made square, so that their aspect ratio is lost; some show the axilla"), people="unknown")


def open(request: DataRequest) -> Listed:
    """The dataset below `request.root`. Raises NotFound where it is absent, InputError where it is damaged."""
    held = read_arrays(located(request, ORIGIN), ("images", "labels", "classes", "names"))
    classes = tuple(str(name) for name in held["classes"])
    labels = [classes[int(label)] for label in held["labels"]]
    cases, pixels = [slug(str(name).rpartition(".")[0]) for name in held["names"]], held["images"]
    groups = copy_groups(list(pixels), NEAR)
    rows = _rows(cases, labels, groups, request.seed)

    def picture(index: int) -> Picture:
        return Picture(planes(pixels[index]), digest_of(pixels[index]))

    return Listed(replace(ABOUT, classes=classes, warnings=(*ABOUT.warnings, _copies(labels, groups))), rows, picture)


def _rows(cases: Sequence[str], labels: Sequence[str], groups: Sequence[int], seed: int) -> list[CaseRow]:
    size, worst = Counter(groups), dict[str, str]()
    names = [f"busi-{group:03d}" for group in groups]
    for name, label in zip(names, labels, strict=True):
        worst[name] = max(worst.get(name, label), label, key=WORST.index)
    splits = patient_split(list(worst), seed, list(worst.values()))
    return [CaseRow(case, name, splits[name], label, {"copies": "yes" if size[group] > 1 else "no"})
            for case, name, label, group in zip(cases, names, labels, groups, strict=True)]


def _copies(labels: Sequence[str], groups: Sequence[int]) -> str:
    size = Counter(groups)
    kinds = {group: {label for label, other in zip(labels, groups, strict=True) if other == group}
             for group in size if size[group] > 1}
    return (f"{sum(size[group] for group in kinds)} images are near copies of another (64-bit difference hash, at most "
            f"{NEAR} bits apart), in {len(kinds)} groups; {sum(len(found) > 1 for found in kinds.values())} of the "
            "groups hold more than one class")
