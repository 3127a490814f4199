"""The embedded dataset: SYNTHETIC mammogram phantoms made by seed, four views a patient."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.split import patient_split
from xaimed.data.synthesis import PhantomImage, PhantomOptions, make_patient
from xaimed.data.synthesis.patient import sketch
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
        """One row a view, known without drawing a pixel."""
        return _rows(self)

    def __len__(self) -> int:
        return 4 * self.patients

    def __getitem__(self, index: int) -> Case:
        row = self.rows[index]
        image = _patient(self.seed, self.first + index // 4, self.options)[index % 4]
        return phantom_case(row, image)


@lru_cache(maxsize=8)
def _rows(phantoms: Phantoms) -> tuple[CaseRow, ...]:
    numbers = range(phantoms.first, phantoms.first + phantoms.patients)
    splits = patient_split([_name(number) for number in numbers], seed=0, strata=None)
    out: list[CaseRow] = []
    for number in numbers:
        found, name = sketch(phantoms.seed, number, phantoms.options), _name(number)
        out += [CaseRow(f"{name}-{view}", name, splits[name], _worst(found.masses[view[0]]),
                        {"side": view[0], "view": view[2:], "site": found.site, "density": found.density})
                for view in VIEWS]
    return tuple(out)


def _name(number: int) -> str:
    return f"p{number:04d}"


def _worst(labels: Sequence[str]) -> str:
    return "malignant" if "malignant" in labels else "benign" if labels else "normal"


def phantom_case(row: CaseRow, image: PhantomImage) -> Case:
    """The case of a phantom image: float32 (1, H, W) in [0, 1] of 12-bit values, exact boxes and masks."""
    lesions = image.lesions
    labels = [lesion.label for lesion in lesions]
    pixels = (image.image.astype(np.float32) / 4095.0)[None]
    return Case(
        id=row.case, patient=row.patient, split=row.split, image=pixels, label=_worst(labels),
        boxes=tuple(Box(lesion.label, *map(float, lesion.box)) for lesion in lesions),
        masks=np.stack([lesion.mask for lesion in lesions]) if lesions else None,
        groups={**row.groups, "site": image.site, "density": image.density,
                "marker": "yes" if image.marker.any() else "no"},
        spacing_mm=image.spacing_mm, digest=hashlib.sha256(image.image.tobytes()).hexdigest(), synthetic=True,
        markers=image.marker)


def open(request: DataRequest) -> Phantoms:
    """The phantom dataset; options: patients, first, and the fields of PhantomOptions."""
    given = {"lesion_contrast": str(CONTRAST), **request.options}
    patients, first = int(given.pop("patients", PATIENTS)), int(given.pop("first", 0))
    chosen = {key: int(value) if key == "long_side" else float(value) for key, value in given.items()}
    return Phantoms(patients=patients, first=first, options=settings(PhantomOptions, chosen, "phantom"))
