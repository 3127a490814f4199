"""BUSI: real breast ultrasound images, normal, benign or malignant, for classification.

Al-Dhabyani W, Gomaa M, Khaled H, Fahmy A (2020) "Dataset of breast ultrasound images", Data in Brief 28:104863. The set
is known for copies and for burnt-in marks: Pawlowska A et al (2023), Data in Brief (letter). The folder holds busi*.npz
with `images`, `labels`, `classes` and `names`.

Images whose hashes are close are a group, and groups are what is split. A group of val or test is left out where the
local contrast of one of its images correlates above 0.36, at some shift that leaves three quarters of both, with that
of an image of train (a group of test: of val, too), for it shows the same lesion from a little aside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xaimed.data.copies import copy_groups, likeness
from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.listed import About, Listed, Origin, Picture, chosen, located, slug
from xaimed.data.npz import planes, read_arrays
from xaimed.data.split import manifest_digest, patient_split
from xaimed.errors import unknown
from xaimed.imaging.decoded import digest_of

Images = Sequence[NDArray[np.uint8]]
NEAR = 10  # bits of 64: between copies and strangers the counts of distances in this set have their valley at 9 to 10
ALIKE = 0.36  # looked at: 21 of the 23 images that it finds show what one of a split before shows; lower, few do
EVERY = "all"
# What left_out finds in the split of this digest takes 10 s to compute; tests/data/test_busi.py computes it again.
KNOWN = "8e660960ee21cbaa53de0e90c914b39f8fa131870cdf074b81cf5444e871d99b"
LEFT_OUT = frozenset((
    "benign-20 benign-79 benign-116 benign-119 benign-122 benign-140 benign-141 benign-188 benign-238 benign-300 "
    "benign-366 benign-390 benign-400 benign-403 benign-412 malignant-29 malignant-39 malignant-42 malignant-66 "
    "malignant-69 malignant-81 malignant-85 malignant-115").split())
WORST = ("normal", "benign", "malignant")
ORIGIN = Origin("busi", "busi*.npz", "BUSI is to be had from its authors (Cairo University, Data in Brief 28:104863); "
                                     "keep images, labels, classes and names as arrays of one .npz")
ABOUT = About("busi", "BUSI, breast ultrasound", "classification", (), (
    "licence: the article is CC BY 4.0, copies of the data differ; publications must cite Al-Dhabyani et al (2020)",
    ("the patient of an image is unknown: images that are near copies of each other stay in one split, but views of "
     "one patient that differ more than the rules see may lie in two"),
    ("many images carry burnt-in marks (calipers, Doppler boxes, text; 295 by the count of Pawlowska et al): a model "
     "can learn them instead of the tissue"),
    "the images were made square, so that their aspect ratio is lost; some show the axilla"), people="unknown")


@dataclass(frozen=True)
class Options:
    """only: the one class whose images are wanted, or "all"."""

    only: str = EVERY


def open(request: DataRequest) -> Listed:
    """The dataset below `request.root`; option: only. Splits are the same with one class as with all.

    Raises NotFound where it is absent or has no such class, InputError where it is damaged.
    """
    only = chosen(Options, request).only
    held = read_arrays(located(request, ORIGIN), ("images", "labels", "classes", "names"))
    classes = tuple(str(name) for name in held["classes"])
    if only not in (EVERY, *classes):
        raise unknown("class of busi", only, (EVERY, *classes))
    labels = [classes[int(label)] for label in held["labels"]]
    cases, pixels = [slug(str(name).rpartition(".")[0]) for name in held["names"]], held["images"]
    groups = copy_groups(list(pixels), NEAR)
    rows = _rows(cases, labels, groups, request.seed)
    out = LEFT_OUT if manifest_digest(rows) == KNOWN else left_out(rows, list(pixels))
    kept = [i for i, row in enumerate(rows) if row.case not in out and only in (EVERY, row.label)]

    def picture(index: int) -> Picture:
        return Picture(planes(pixels[kept[index]]), digest_of(pixels[kept[index]]))

    about = replace(ABOUT, classes=classes if only == EVERY else (only,),
                    warnings=(*ABOUT.warnings, _copies(labels, groups), _apart(out)))
    return Listed(about, [rows[i] for i in kept], picture)


def left_out(rows: Sequence[CaseRow], images: Images) -> frozenset[str]:
    """The cases of the groups of val and test in which an image is more like one of a split before than ALIKE.

    The splits are in the order train, val, test.
    """
    groups: set[str] = set()
    for split, before in (("val", ("train",)), ("test", ("train", "val"))):
        own, others = ([i for i, row in enumerate(rows) if row.split in names] for names in ((split,), before))
        if own and others:
            near = likeness([images[i] for i in own], [images[i] for i in others]).max(axis=1) > ALIKE
            groups.update(rows[i].patient for i, yes in zip(own, near, strict=True) if yes)
    return frozenset(row.case for row in rows if row.patient in groups)


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


def _apart(out: frozenset[str]) -> str:
    return (f"{len(out)} images of val and test are left out: their local contrast, or that of a near copy of them, "
            f"correlates above {ALIKE} with that of an image of train (of test: of val, too)")
