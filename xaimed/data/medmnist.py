"""MedMNIST files: any .npz of MedMNIST v2 with the split that it gives, 2-D or 3-D, for classification.

Yang J et al (2023) "MedMNIST v2 - A large-scale lightweight benchmark for 2D and 3D biomedical image classification",
Scientific Data 10:41. A file holds `train_images`, `train_labels` and the same for val and test. The files say nothing
of patients, and name no class: known sets get their names here, others are "0", "1" and so on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.listed import About, Listed, Origin, Picture, chosen, located
from xaimed.data.npz import Array, planes, read_arrays, unit
from xaimed.errors import InputError
from xaimed.imaging.decoded import digest_of
from xaimed.types import Floats

SPLIT = "given"  # by the file
SPLITS = ("train", "val", "test")
CLASSES = {
    "breastmnist": ("malignant", "normal or benign"),
    "pneumoniamnist": ("normal", "pneumonia")}
ORIGIN = Origin("medmnist", "*mnist*.npz", "MedMNIST v2 files (CC BY 4.0, DermaMNIST CC BY-NC 4.0) are to be had from "
                                           "zenodo.org, doi 10.5281/zenodo.10519652")
ABOUT = About("medmnist", "MedMNIST", "classification", (), (
    "licence: CC BY 4.0, for DermaMNIST CC BY-NC 4.0; publications must cite MedMNIST and the set's source",
    "the split is the file's; it says nothing of patients, so each image counts as a patient of its own"),
    people="unknown")


@dataclass(frozen=True)
class Options:
    """file: the .npz below the root, where there are several."""

    file: str = "*mnist*.npz"


def open(request: DataRequest) -> Listed:
    """The dataset of a MedMNIST file below `request.root`, in `medmnist/` or any folder there; option: file.

    Raises NotFound where there is none, InputError for several, several labels an image, or a damaged file.
    """
    return dataset(_only(request), ABOUT)


def _only(request: DataRequest) -> Path:
    origin = replace(ORIGIN, mark=chosen(Options, request).file)
    below = sorted(request.root.glob(f"*/{origin.mark}")) if request.root is not None else []
    if len(below) > 1:
        raise InputError(f"{request.root}: {len(below)} files {origin.mark} ({', '.join(p.name for p in below)}); "
                         "expected one: choose it with the option file")
    return below[0] if below else located(request, origin)


def dataset(path: Path, about: About) -> Listed:
    """The dataset of one MedMNIST file; its classes are the known ones of the name that the file's begins with."""
    held = read_arrays(path, [f"{split}_{what}" for split in SPLITS for what in ("images", "labels")])
    labels = {split: _labels(held[f"{split}_labels"], path) for split in SPLITS}
    stem = path.stem.partition("_")[0].lower()
    count = 1 + max(int(part.max(initial=0)) for part in labels.values())
    classes = CLASSES.get(stem, tuple(str(number) for number in range(count)))
    if count > len(classes):
        raise InputError(f"{path}: label {count - 1}; expected 0 to {len(classes) - 1} of {stem}")
    rows = [CaseRow(f"{split}-{i:05d}", f"{split}-{i:05d}", split, classes[int(label)])
            for split in SPLITS for i, label in enumerate(labels[split])]
    places = [(split, i) for split in SPLITS for i in range(len(labels[split]))]

    def picture(index: int) -> Picture:
        split, i = places[index]
        stored = held[f"{split}_images"][i]
        return Picture(_image(stored), digest_of(stored))

    return Listed(replace(about, title=f"{about.title}: {stem}" if about.name == "medmnist" else about.title,
                          classes=classes), rows, picture)


def _labels(stored: Array, path: Path) -> Array:
    if stored.ndim == 2 and stored.shape[1] == 1:
        return stored[:, 0]
    if stored.ndim == 1:
        return stored
    raise InputError(f"{path}: labels {stored.shape}; expected one for each image: several labels an image "
                     "(ChestMNIST) are not read")


def _image(stored: Array) -> Floats:
    """(1, H, W) of a grey image, (3, H, W) of colour, (1, D, H, W) of a volume."""
    return planes(stored) if stored.ndim == 2 or stored.shape[-1] == 3 else unit(stored)[None]
