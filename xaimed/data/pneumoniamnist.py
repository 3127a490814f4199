"""PneumoniaMNIST: real paediatric chest X-rays of 28 x 28 pixels, normal or pneumonia, for classification.

Kermany DS et al (2018) "Identifying medical diagnoses and treatable diseases by image-based deep learning", Cell
172:1122-1131; Yang J et al (2023), Scientific Data 10:41; CC BY 4.0. The folder holds pneumoniamnist*.npz, the official
file or the one in which both classes have the same number.
"""

from __future__ import annotations

from dataclasses import replace

from xaimed.data.dataset import DataRequest
from xaimed.data.listed import About, Listed, Origin, located
from xaimed.data.medmnist import ORIGIN as FILES
from xaimed.data.medmnist import dataset

SPLIT = "given"  # by the file
ORIGIN = Origin("pneumoniamnist", "pneumoniamnist*.npz", FILES.source)
ABOUT = About("pneumoniamnist", "PneumoniaMNIST, chest X-rays of children", "classification", (), (
    "licence: CC BY 4.0; publications must cite Kermany et al (2018) and MedMNIST",
    "the split is the file's; it says nothing of patients, so each image counts as a patient of its own"),
    people="unknown")
BALANCED = ("both classes have the same number here, which the clinic and the official file do not: values that depend "
            "on prevalence do not carry over")


def open(request: DataRequest) -> Listed:
    """The dataset below `request.root`. Raises NotFound where it is absent, InputError where it is damaged."""
    found = dataset(located(request, ORIGIN), ABOUT)
    counts = {name: sum(row.label == name for row in found.rows) for name in found.classes}
    if len(set(counts.values())) > 1:
        return found
    about = replace(ABOUT, classes=found.classes, warnings=(*ABOUT.warnings, BALANCED))
    return Listed(about, found.rows, found.picture)
