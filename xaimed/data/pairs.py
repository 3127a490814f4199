"""A folder of images with masks: `images/` and `masks/` (or `labels/`) with equal file names, for segmentation.

A mask of two values has one class, "foreground", where it is not 0. A mask of more values has a class for each value
above 0, named by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.listed import About, Listed, Picture
from xaimed.data.split import patient_split
from xaimed.errors import InputError
from xaimed.imaging.files import SUFFIXES, read_image

MASKS = ("masks", "labels")
MOST = 64  # classes of a mask; more is a picture, not a mask
WARNINGS = (
    "the patient of an image is unknown: each counts as one of its own, and equal images as one",)


@dataclass(frozen=True)
class Pair:
    """An image, its mask and the digest of the image's pixels."""

    image: Path
    mask: Path
    digest: str


def has_masks(folder: Path) -> bool:
    """Whether the folder holds `images/` and one of `masks/` and `labels/`."""
    return (folder / "images").is_dir() and any((folder / name).is_dir() for name in MASKS)


def pairs(request: DataRequest) -> Listed:
    """The dataset of the folder `request.root`. Opening decodes every image and mask once.

    Raises InputError for an image without a mask, or a mask of another size or of more than 64 values.
    """
    folder = request.root or Path()
    masks = next(folder / name for name in MASKS if (folder / name).is_dir())
    images = [path for path in sorted((folder / "images").iterdir()) if path.suffix.lower() in SUFFIXES]
    if not images:
        raise InputError(f"{folder / 'images'}: no image in it; expected PNG, TIFF, PGM, JPEG or DICOM files")
    found = [Pair(path, _mask_of(path, masks), read_image(path).digest) for path in images]
    values = sorted({int(value) for pair in found for value in np.unique(_stored(pair))} - {0})
    if len(values) > MOST:
        raise InputError(f"{masks}: {len(values)} values in the masks; expected at most {MOST}, one for each class: "
                         "save them without loss, as PNG")
    classes = {"foreground": values} if len(values) <= 1 else {str(value): [value] for value in values}

    def picture(index: int) -> Picture:
        decoded, stored = read_image(found[index].image), _stored(found[index])
        if stored.shape != decoded.image.shape[1:]:
            raise InputError(f"{found[index].mask}: {stored.shape} pixels; expected {decoded.image.shape[1:]} as its "
                             "image")
        return Picture(decoded.image, decoded.digest, spacing_mm=decoded.spacing_mm, groups=decoded.groups,
                       segments={name: np.isin(stored, part) for name, part in classes.items()})

    about = About("folder", f"folder of {len(found)} images with masks", "segmentation", tuple(classes), WARNINGS,
                  people="unknown")
    return Listed(about, _rows(found, request.seed), picture)


def _mask_of(image: Path, masks: Path) -> Path:
    found = sorted(path for path in masks.iterdir() if path.stem == image.stem)
    if len(found) != 1:
        raise InputError(f"{image}: {len(found)} masks named {image.stem} in {masks.name}/; expected one")
    return found[0]


def _stored(pair: Pair) -> NDArray[np.integer]:
    with Image.open(pair.mask) as image:
        values = np.asarray(image)
    if values.ndim != 2 or values.dtype.kind not in "ui":
        values = np.asarray(read_image(pair.mask).image.max(axis=0) > 0.5, np.uint8)
    return values


def _rows(found: Sequence[Pair], seed: int) -> list[CaseRow]:
    names = [f"p{pair.digest[:12]}" for pair in found]
    splits = patient_split(names, seed)
    return [CaseRow(f"c{pair.digest[:12]}-{names[:i].count(name)}", name, splits[name], None)
            for i, (pair, name) in enumerate(zip(found, names, strict=True))]
