"""The embedded dataset: SYNTHETIC mammogram phantoms made by seed, four views a patient."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.split import patient_split
from xaimed.data.synthesis import PhantomImage, PhantomOptions, make_patient
from xaimed.settings import settings
from xaimed.types import Box, Case

PATIENTS = 300
SEED = 2026
CONTRAST = 1.6
VIEWS = ("L-CC", "R-CC", "L-MLO", "R-MLO")


@lru_cache(maxsize=4)
def _patient(seed: int, number: int, options: PhantomOptions) -> tuple[PhantomImage, ...]:
    return make_patient(seed, number, options)


@dataclass(frozen=True)
class Phantoms:
    """Phantom patients `first` to `first + patients - 1`; every pixel is SYNTHETIC."""

    patients: int = PATIENTS
    first: int = 0
    seed: int = SEED
    options: PhantomOptions = PhantomOptions(lesion_contrast=CONTRAST)

    name = "phantom"
    title = "Digital mammogram phantoms (SYNTHETIC)"
    task = "detection"
    synthetic = True
    classes = ("benign", "malignant")
    warnings = ("SYNTHETIC: made by seed from noise and geometry; results say nothing about patients",)

    @property
    def rows(self) -> tuple[CaseRow, ...]:
        """One row a view; labels and groups need the pixels, so they are known in the case alone."""
        return _rows(self.patients, self.first)

    def __len__(self) -> int:
        return 4 * self.patients

    def __getitem__(self, index: int) -> Case:
        row = self.rows[index]
        image = _patient(self.seed, self.first + index // 4, self.options)[index % 4]
        return phantom_case(row, image)


@lru_cache(maxsize=8)
def _rows(patients: int, first: int) -> tuple[CaseRow, ...]:
    names = [f"p{first + i:04d}" for i in range(patients)]
    splits = patient_split(names, seed=0, strata=None)
    return tuple(
        CaseRow(case=f"{name}-{view}", patient=name, split=splits[name], label=None,
                groups={"side": view[0], "view": view[2:]})
        for name in names for view in VIEWS)


def phantom_case(row: CaseRow, image: PhantomImage) -> Case:
    """The case of a phantom image: float32 (1, H, W) in [0, 1] of 12-bit values, exact boxes and masks."""
    lesions = image.lesions
    labels = [lesion.label for lesion in lesions]
    label = "malignant" if "malignant" in labels else "benign" if labels else "normal"
    pixels = (image.image.astype(np.float32) / 4095.0)[None]
    return Case(
        id=row.case, patient=row.patient, split=row.split, image=pixels, label=label,
        boxes=tuple(Box(lesion.label, *map(float, lesion.box)) for lesion in lesions),
        masks=np.stack([lesion.mask for lesion in lesions]) if lesions else None,
        groups={**row.groups, "site": image.site, "density": image.density,
                "marker": "yes" if image.marker.any() else "no"},
        spacing_mm=image.spacing_mm, digest=hashlib.sha256(image.image.tobytes()).hexdigest(), synthetic=True)


def open(request: DataRequest) -> Phantoms:
    """The phantom dataset; options: patients, first, and the fields of PhantomOptions."""
    given = {"lesion_contrast": str(CONTRAST), **request.options}
    patients, first = int(given.pop("patients", PATIENTS)), int(given.pop("first", 0))
    chosen = {key: int(value) if key == "long_side" else float(value) for key, value in given.items()}
    return Phantoms(patients=patients, first=first, options=settings(PhantomOptions, chosen, "phantom"))
