"""Planted causes: SYNTHETIC breasts with three independent traits, of which one is made the label."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from xaimed.data.dataset import CaseRow, DataRequest
from xaimed.data.split import patient_split
from xaimed.data.synthesis import VIEWS, PhantomImage, PhantomOptions, make_patient
from xaimed.data.synthesis.acquisition import WHITE
from xaimed.data.synthesis.markers import marker
from xaimed.data.synthesis.patient import sketch
from xaimed.data.synthesis.phantom import mask_box
from xaimed.errors import InputError, unknown
from xaimed.settings import settings
from xaimed.types import Box, Case, Floats, Mask

CAUSES = ("marker", "texture", "lesion")
SEED = 2027
LONG_SIDE = 160
GRAIN = {"yes": 2.0, "no": 0.6}
"""Sigma in pixels of the grain in the tissue: coarse where the trait is there, fine where it is not."""

_AMPLITUDE = 0.04 * WHITE
_BURNED_IN = np.float32(0.95 * WHITE)
_DISC = 5
_STREAMS = ("traits", "letters", "place", "grain")


@dataclass(frozen=True)
class Planted:
    """Patients `first` to `first + patients - 1`, four views each; every pixel is SYNTHETIC.

    Each image has a ring burned into the air or not (marker), a coarse or a fine grain in the tissue (texture) and
    a mass or none (lesion), each independent of the others, and letters in the air that mean nothing. cause: the one
    of CAUSES that is the label: "positive" where the image has it. The images of another cause are the same, only
    the labels differ. remove: a trait that every image goes without; nothing else changes. A positive case has the
    boxes and masks of its cause, which is what its explanation should point at: the whole tissue for texture.
    """

    cause: str = CAUSES[0]
    patients: int = 60
    first: int = 0
    seed: int = SEED
    remove: str = ""

    name = "planted"
    title = "Breasts with a planted cause of the label (SYNTHETIC)"
    task = "classification"
    synthetic = True
    classes = ("negative", "positive")
    warnings = ("SYNTHETIC: the cause of every label was built in; results say nothing about patients",)

    def __post_init__(self) -> None:
        for given in (self.cause, self.remove or self.cause):
            if given not in CAUSES:
                raise unknown("cause", given, CAUSES)
        if self.patients < 1 or self.first < 0 or self.seed < 0:
            raise InputError(f"patients {self.patients}, first {self.first}, seed {self.seed}; expected one patient or "
                             "more, and numbers from 0")

    @property
    def rows(self) -> tuple[CaseRow, ...]:
        """One row a view, known without drawing a pixel; the groups hold the three traits."""
        return _rows(self)

    def __len__(self) -> int:
        return len(VIEWS) * self.patients

    def __getitem__(self, index: int) -> Case:
        row, drawn = self.rows[index], _drawn(self, index)
        masks = _causes(drawn, self.cause) if row.label == "positive" else []
        return Case(
            id=row.case, patient=row.patient, split=row.split, image=drawn.pixels, label=row.label,
            boxes=tuple(Box("positive", *mask_box(mask)) for mask in masks),
            masks=np.stack(masks) if masks else None, groups=row.groups, spacing_mm=drawn.image.spacing_mm,
            digest=hashlib.sha256(drawn.pixels.tobytes()).hexdigest(), synthetic=True, markers=drawn.burned)

    def masks(self, index: int) -> dict[str, Mask]:
        """bool (H, W) for each of CAUSES: where it is in the image; empty where the image goes without."""
        drawn, row = _drawn(self, index), self.rows[index]
        shape = drawn.pixels.shape[1:]
        return {cause: np.any(_causes(drawn, cause), axis=0) if row.groups[cause] == "yes" else np.zeros(shape, bool)
                for cause in CAUSES}


@dataclass(frozen=True, eq=False)
class _Drawn:
    """An image with its ring: pixels float32 (1, H, W) in [0, 1]; ring bool (H, W), the filled disc.

    burned: bool (H, W), all that is burned in: the letters, and the ring where the image has it.
    """

    image: PhantomImage
    pixels: Floats
    ring: Mask
    burned: Mask


def _causes(drawn: _Drawn, cause: str) -> list[Mask]:
    if cause == "lesion":
        return [lesion.mask for lesion in drawn.image.lesions]
    return [drawn.ring if cause == "marker" else drawn.image.tissue]


@lru_cache(maxsize=8)
def _rows(data: Planted) -> tuple[CaseRow, ...]:
    numbers = range(data.first, data.first + data.patients)
    splits = patient_split([_name(number) for number in numbers], seed=0, strata=None)
    out = []
    for number in numbers:
        name, masses = _name(number), sketch(data.seed, number, _options("")).masses
        for place, (side, view) in enumerate(VIEWS):
            traits = {**_traits(data.seed, number, place), "lesion": "yes" if masses[side] else "no"}
            if data.remove:
                traits[data.remove] = "no"
            label = "positive" if traits[data.cause] == "yes" else "negative"
            out.append(CaseRow(f"{name}-{side}-{view}", name, splits[name], label,
                               {"side": side, "view": view, **traits}))
    return tuple(out)


def _name(number: int) -> str:
    return f"s{number:05d}"


def _options(remove: str) -> PhantomOptions:
    return PhantomOptions(long_side=LONG_SIDE, marker_rate=0.0, lesion_rate=0.0 if remove == "lesion" else 1.0,
                          malignant_rate=0.0, calcification_rate=0.0, distractor_rate=0.0, lesion_contrast=4.0)


def _stream(seed: int, number: int, place: int, use: str) -> np.random.Generator:
    """A random stream of its own for each use, apart from those of the phantom with the same seed."""
    key = (number, 100 + _STREAMS.index(use), place)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _traits(seed: int, number: int, place: int) -> dict[str, str]:
    coins = _stream(seed, number, place, "traits").random(2) < 0.5
    return {trait: "yes" if coin else "no" for trait, coin in zip(("marker", "texture"), coins, strict=True)}


@lru_cache(maxsize=4)
def _patient(seed: int, number: int, options: PhantomOptions) -> tuple[PhantomImage, ...]:
    return make_patient(seed, number, options)


@lru_cache(maxsize=8)
def _without_cause(data: Planted, index: int) -> _Drawn:
    number, place = data.first + index // len(VIEWS), index % len(VIEWS)
    image = _patient(data.seed, number, _options(data.remove))[place]
    traits = data.rows[index].groups
    ring, letters = _burned_in(data, (number, place), image)
    opaque = np.maximum(letters, ring) if traits["marker"] == "yes" else letters
    rng = _stream(data.seed, number, place, "grain")
    grey = (image.image + _grain(image.tissue, GRAIN[traits["texture"]], rng)) * (1 - opaque) + opaque * _BURNED_IN
    pixels = np.asarray(np.clip(grey, 0, WHITE)[None] / WHITE, np.float32)
    return _Drawn(image, pixels, ring > 0, opaque > 0)


def _drawn(data: Planted, index: int) -> _Drawn:
    """The same for every cause."""
    return _without_cause(replace(data, cause=CAUSES[0]), index)


def _grain(tissue: Mask, sigma: float, rng: np.random.Generator) -> Floats:
    """float32 (H, W): grey values of the same spread for every sigma, 0 outside the tissue."""
    noise = cv2.GaussianBlur(rng.standard_normal(tissue.shape, dtype=np.float32), (0, 0), sigma)
    return np.asarray(noise / noise.std() * np.float32(_AMPLITUDE) * tissue, np.float32)


def _burned_in(data: Planted, key: tuple[int, int], image: PhantomImage) -> tuple[Floats, Floats]:
    """Opacity (H, W) of the ring, at a random place in the air clear of tissue and letters, and of the letters."""
    letters = marker(f"{image.side} {image.view}", "plain", image.tissue, _stream(data.seed, *key, "letters"))
    taken = (image.tissue | (letters > 0)).astype(np.uint8)
    reach = np.ones((2 * _DISC + 5, 2 * _DISC + 5), np.uint8)
    free = cv2.dilate(taken, reach, borderType=cv2.BORDER_CONSTANT, borderValue=1) == 0
    rows, columns = np.nonzero(free)
    if not len(rows):
        raise InputError(f"patient {key[0]}, view {key[1]}: no room for a marker in the air; expected some: choose "
                         "another seed and report this one")
    chosen = int(_stream(data.seed, *key, "place").integers(len(rows)))
    ring, centre = np.zeros(image.tissue.shape, np.uint8), (int(columns[chosen]), int(rows[chosen]))
    cv2.circle(ring, centre, _DISC - 1, 255, 1, cv2.LINE_AA)
    cv2.circle(ring, centre, 1, 255, -1)
    return np.asarray(ring / np.float32(255), np.float32), letters


def open(request: DataRequest) -> Planted:
    """The dataset; options: cause (marker, texture or lesion), patients, first, seed and remove."""
    given: Mapping[str, str] = request.options
    chosen = {key: int(value) if key in ("patients", "first", "seed") else value for key, value in given.items()}
    return settings(Planted, chosen, "planted")
