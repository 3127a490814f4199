"""CDD-CESM: real contrast-enhanced mammograms, low energy or subtracted, with outlined findings, for detection.

Khaled R et al (2022) "Categorized contrast enhanced mammography dataset for diagnostic and artificial intelligence
research", Scientific Data 9:122; data doi 10.7937/29kw-ae92. The folder holds `images/` and `masks/` of equal names
such as P150_L_DM_CC: patient, side, DM for low energy or CM for subtracted, view. A box is a component of the mask.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.listed import About, Listed, Origin, Picture, located, slug
from xaimed.data.masks import components
from xaimed.data.split import patient_split
from xaimed.errors import InputError
from xaimed.imaging.files import read_image
from xaimed.types import Box

LABEL = "finding"
SMALLEST = 16  # pixels of a component; smaller ones are specks of the masks' compression
NAME = re.compile(r"(P\d+)_([LR])_(DM|CM)_(CC|MLO)")
MODES = {"DM": "low energy", "CM": "subtracted"}
ORIGIN = Origin("cdd-cesm-mini", "masks/*.png", "CDD-CESM is to be had from The Cancer Imaging Archive, doi "
                                                "10.7937/29kw-ae92; write images/ and masks/ of equal names")
ABOUT = About("cdd-cesm", "CDD-CESM contrast-enhanced mammograms", "detection", (LABEL,), (
    "licence: the data usage policy of The Cancer Imaging Archive; publications must cite Khaled et al (2022)",
    "a sample: every image has a finding, so that nothing can be said about images without one",
    ("the images were squeezed to a square: no spacing is known; a mask joins all findings of an image, and a box here "
     "is one connected part of it")))


@dataclass(frozen=True)
class Pair:
    """An image and its mask, with what the name says."""

    image: Path
    mask: Path
    row: CaseRow


def open(request: DataRequest) -> Listed:
    """The dataset below `request.root`: image (1, H, W), boxes with masks, segments {"finding"}.

    Raises NotFound where it is absent, InputError for a mask without its image or another name.
    """
    folder = located(request, ORIGIN).parents[1]
    masks = sorted((folder / "masks").glob("*.png"))
    parts = [_parts(mask) for mask in masks]
    splits = patient_split([f"cesm-{part[1]}" for part in parts], request.seed)
    pairs = [_pair(mask, part, splits) for mask, part in zip(masks, parts, strict=True)]
    return Listed(ABOUT, [pair.row for pair in pairs], lambda index: _picture(pairs[index]))


def _parts(mask: Path) -> re.Match[str]:
    found = NAME.search(mask.stem)
    if found is None:
        raise InputError(f"{mask}: expected a name such as P150_L_DM_CC: patient, side, mode and view")
    return found


def _pair(mask: Path, part: re.Match[str], splits: dict[str, str]) -> Pair:
    images: Sequence[Path] = sorted((mask.parents[1] / "images").glob(f"{mask.stem}.*"))
    if len(images) != 1:
        raise InputError(f"{mask}: {len(images)} images of its name in images/; expected one")
    patient = f"cesm-{part[1]}"
    groups = {"side": part[2], "mode": MODES[part[3]], "view": part[4]}
    return Pair(images[0], mask, CaseRow(slug(part[0]), patient, splits[patient], LABEL, groups))


def _picture(pair: Pair) -> Picture:
    decoded, mask = read_image(pair.image), read_image(pair.mask).image.max(axis=0) > 0.5
    if mask.shape != decoded.image.shape[1:]:
        raise InputError(f"{pair.mask}: {mask.shape} pixels; expected {decoded.image.shape[1:]} as its image")
    boxes, parts = components(mask, SMALLEST)
    return Picture(np.asarray(decoded.image.mean(axis=0, keepdims=True), np.float32), decoded.digest,
                   boxes=tuple(Box(LABEL, *edges) for edges in boxes), masks=parts if len(boxes) else None,
                   segments={LABEL: mask})
