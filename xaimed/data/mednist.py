"""MedNIST: real 64 x 64 images of six modalities and body regions (CT, MRI, X-ray), for classification.

Gathered from TCIA, the RSNA Bone Age Challenge and the NIH Chest X-ray set by Dr Bradley J. Erickson (Department of
Radiology, Mayo Clinic); CC BY-SA 4.0. The folder holds mednist*.npz with `images`, `labels`, `classes`, `names` and
`test` (1 for the images held out).
"""

from __future__ import annotations

from dataclasses import replace

from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.listed import About, Listed, Origin, Picture, located, slug
from xaimed.data.npz import Array, planes, read_arrays
from xaimed.data.split import held_out
from xaimed.imaging.decoded import digest_of

SPLIT = "given"  # by the file
VAL = 0.125  # of what the file does not hold out
ORIGIN = Origin("mednist", "mednist*.npz", "MedNIST (CC BY-SA 4.0) is to be had with MONAI's tutorials; keep images, "
                                           "labels, classes, names and test as arrays of one .npz")
ABOUT = About("mednist", "MedNIST, six modalities and body regions", "classification", (), (
    "licence: CC BY-SA 4.0; name Dr Bradley J. Erickson (Department of Radiology, Mayo Clinic)",
    ("the patient of an image is unknown and many images are slices of one patient, so that train and test share "
     "patients: accuracy here says little about new patients"),
    "the test images are those that the file holds out; val is drawn from the rest by seed"), people="unknown")


def open(request: DataRequest) -> Listed:
    """The dataset below `request.root`. Raises NotFound where it is absent, InputError where it is damaged."""
    held = read_arrays(located(request, ORIGIN), ("images", "labels", "classes", "names", "test"))
    names = [str(name) for name in held["classes"]]
    labels = [names[int(label)] for label in held["labels"]]
    cases = [slug(str(name).rpartition(".")[0]) for name in held["names"]]
    splits = _splits(cases, labels, held["test"], request.seed)
    rows = [CaseRow(case, case, split, label) for case, split, label in zip(cases, splits, labels, strict=True)]
    pixels = held["images"]

    def picture(index: int) -> Picture:
        return Picture(planes(pixels[index]), digest_of(pixels[index]))

    return Listed(replace(ABOUT, classes=tuple(names)), rows, picture)


def _splits(cases: list[str], labels: list[str], test: Array, seed: int) -> list[str]:
    rest = [i for i in range(len(cases)) if not test[i]]
    val = held_out([cases[i] for i in rest], VAL, seed, [labels[i] for i in rest])
    return ["test" if test[i] else "val" if cases[i] in val else "train" for i in range(len(cases))]
