"""MedNIST with one of its six classes as what is normal: train holds that class alone, for anomaly and energy.

The images, their source and licence are those of `mednist`. What is abnormal here is another body region or modality,
which is no disease: a model that finds it shows that it knows the normal class, not that it finds lesions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from xaimed.data import mednist
from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.listed import About, Listed, chosen
from xaimed.errors import unknown

SPLIT = "given"  # that of mednist, less what is abnormal in train
ORIGIN = mednist.ORIGIN
LABELS = ("normal", "anomaly")
ABOUT = About("mednist-normals", "MedNIST, one class against the other five", "anomaly", ("anomaly",), (
    *mednist.ABOUT.warnings,
    "abnormal means another body region or modality, not disease: values say nothing about finding lesions"),
    people="unknown")


@dataclass(frozen=True)
class Options:
    """normal: the class that is normal."""

    normal: str = "CXR"


def open(request: DataRequest) -> Listed:
    """The dataset below `request.root`; the group `kind` of a case is its class in MedNIST; option: normal.

    Raises NotFound where MedNIST is absent or has no such class, InputError where it is damaged.
    """
    normal = chosen(Options, request).normal
    whole = mednist.open(replace(request, options={}))
    if normal not in whole.classes:
        raise unknown("class of mednist", normal, whole.classes)
    kept = [i for i, row in enumerate(whole.rows) if row.label == normal or row.split != "train"]
    rows = [_row(whole.rows[i], normal) for i in kept]
    return Listed(ABOUT, rows, lambda index: whole.picture(kept[index]))


def _row(row: CaseRow, normal: str) -> CaseRow:
    return replace(row, label=LABELS[row.label != normal], groups={**row.groups, "kind": str(row.label)})
