"""A synthetic patient: four mammograms from a seed and a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from xaimed.data.synthesis.acquisition import WHITE, Site, blurred, curve, digitised, draw_site, grain
from xaimed.data.synthesis.anatomy import Chances, attenuation
from xaimed.data.synthesis.calcifications import cluster
from xaimed.data.synthesis.lesions import Imprint, Mass, draw_mass, imprint, place_mass, pull
from xaimed.data.synthesis.markers import marker
from xaimed.data.synthesis.outline import Body, Frame, Outline, make_body, make_outline, vary
from xaimed.data.synthesis.phantom import Mask, PhantomImage, PhantomLesion, PhantomOptions, mask_box
from xaimed.data.synthesis.texture import Field
from xaimed.errors import InputError

VIEWS = (("L", "CC"), ("R", "CC"), ("L", "MLO"), ("R", "MLO"))
"""Side and view of a patient's images, in order."""

DENSITIES = {"a": 0.10, "b": 0.40, "c": 0.40, "d": 0.10}
"""Share of patients of each breast density (BI-RADS, 5th edition, gives about these)."""

_COMPONENTS = (
    "body",
    "site",
    "masses",
    "place",
    "outline",
    "tissue",
    "grain",
    "calcifications",
    "marker",
    "common",
)
_OFFSET = 18
_DEFAULTS = PhantomOptions()

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class _Patient:
    seed: int
    number: int
    options: PhantomOptions

    def stream(self, component: str, side: str = "", view: str = "") -> np.random.Generator:
        """A random stream of its own for each component of each image: none depends on another's use."""
        place = ("", "L", "R").index(side), ("", "CC", "MLO").index(view)
        key = (self.number, _COMPONENTS.index(component), *place)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


@dataclass(frozen=True, eq=False)
class _Shared:
    """What all images of a patient have in common."""

    site: Site
    frame: Frame
    bodies: dict[str, Body]
    masses: dict[str, tuple[Mass, ...]]
    outlines: dict[tuple[str, str], Outline]
    special: bool
    marked: bool


def make_patient(seed: int, number: int, options: PhantomOptions = _DEFAULTS) -> tuple[PhantomImage, ...]:
    """Returns a patient's four images: L CC, R CC, L MLO, R MLO.

    They depend on (seed, number, options) alone. The same patient with another lesion_rate, marker_rate or
    calcification_rate differs only where those things are.
    Raises InputError for a negative seed or number.
    """
    if seed < 0 or number < 0:
        raise InputError(f"seed {seed} and patient number {number} must not be negative; use 0 or more")
    patient = _Patient(seed, number, options)
    shared = _share(patient)
    return tuple(_image(patient, shared, side, view) for side, view in VIEWS)


@dataclass(frozen=True)
class Sketch:
    """What is known of a patient before any pixel: density, site, and the labels of the masses of each side."""

    density: str
    site: str
    masses: dict[str, tuple[str, ...]]


def sketch(seed: int, number: int, options: PhantomOptions = _DEFAULTS) -> Sketch:
    """Returns what make_patient will draw, in microseconds and without an image."""
    patient = _Patient(seed, number, options)
    found: dict[str, tuple[str, ...]] = {"L": (), "R": ()}
    for side, mass in _drawn_masses(patient):
        found[side] += (mass.label,)
    return Sketch(_density(patient.stream("body")), draw_site(patient.stream("site")).name, found)


def _density(rng: np.random.Generator) -> str:
    return str(rng.choice(list(DENSITIES), p=list(DENSITIES.values())))


def _share(patient: _Patient) -> _Shared:
    rng = patient.stream("body")
    density = _density(rng)
    left = make_body(rng, density)
    bodies = {"L": left, "R": vary(left, rng)}
    site = draw_site(patient.stream("site"))
    frame = Frame(patient.options.shape, site.height_mm / patient.options.long_side)
    outlines = {
        (side, view): make_outline(bodies[side], view, frame, patient.stream("outline", side, view))
        for side, view in VIEWS
    }
    masses = _masses(patient, outlines)
    malignant = any(mass.label == "malignant" for held in masses.values() for mass in held)
    special, marked = _marker_style(patient, malignant)
    return _Shared(site, frame, bodies, masses, outlines, special, marked)


def _masses(patient: _Patient, outlines: dict[tuple[str, str], Outline]) -> dict[str, tuple[Mass, ...]]:
    held: dict[str, tuple[Mass, ...]] = {"L": (), "R": ()}
    for side, mass in _drawn_masses(patient):
        views = (outlines[side, "CC"], outlines[side, "MLO"])
        held[side] += (place_mass(mass, views, held[side], patient.stream("place", side)),)
    return held


def _drawn_masses(patient: _Patient) -> list[tuple[str, Mass]]:
    """Side and mass of each lesion, not yet placed."""
    rng, options = patient.stream("masses"), patient.options
    present, several, opposite, right = rng.random(4)
    first = "R" if right < 0.5 else "L"
    sides = [first] if present < options.lesion_rate else []
    if sides and several < 0.3:
        sides.append(first if opposite < 0.5 else ("L" if first == "R" else "R"))
    out = []
    for number, side in enumerate(sides):
        label = "malignant" if rng.random() < options.malignant_rate else "benign"
        out.append((side, draw_mass(number, label, rng)))
    return out


def _marker_style(patient: _Patient, malignant: bool) -> tuple[bool, bool]:
    """Whether the patient's markers are of the special style, and whether all views must carry one."""
    linked, coin = patient.stream("marker").random(2)
    if linked < patient.options.marker_correlation:
        return malignant, malignant
    return bool(coin < 0.3), False


def _image(patient: _Patient, shared: _Shared, side: str, view: str) -> PhantomImage:
    outline, spacing, flip = shared.outlines[side, view], shared.frame.spacing, side == "R"
    imprints = [imprint(mass, outline, shared.site.blur_mm) for mass in shared.masses[side]]
    specks = _specks(patient, outline, side, imprints)
    grey = _turned(_grey(patient, shared, (side, view), (imprints, specks)), flip)
    calcified = _turned(specks > 0, flip)
    tissue, muscle = _turned(outline.tissue, flip), _turned(outline.pectoral, flip)
    opaque, style = _marker(patient, shared, tissue, (side, view))
    x, y = outline.nipple
    return PhantomImage(
        image=digitised(grey * (1 - opaque) + opaque * np.float32(0.95 * WHITE)),
        view=view,
        side=side,
        density=shared.bodies[side].density,
        site=shared.site.name,
        lesions=tuple(
            _lesion(mass, _turned(found.mask, flip))
            for mass, found in zip(shared.masses[side], imprints, strict=True)
        ),
        calcifications=calcified,
        tissue=tissue,
        pectoral=muscle,
        marker=opaque > 0,
        marker_style=style,
        nipple=(tissue.shape[1] - x if flip else x, y),
        spacing_mm=spacing,
    )


def _grey(
    patient: _Patient, shared: _Shared, name: tuple[str, str], content: tuple[list[Imprint], Field]
) -> Field:
    """Grey values with noise, chest wall on the left. The noise is that of the image without the content."""
    (side, view), (imprints, specks), site = name, content, shared.site
    outline, spacing = shared.outlines[name], shared.frame.spacing
    chances = Chances(
        patient.stream("common", "", view),
        patient.stream("tissue", side, view),
        patient.options.distractor_rate,
    )
    plain = blurred(attenuation(outline, shared.bodies[side], chances), site, spacing)
    signal = plain + specks
    for mass, found in zip(shared.masses[side], imprints, strict=True):
        signal += found.added * np.float32(patient.options.lesion_contrast)
        signal += pull(mass, outline, found, plain)
    noise = grain(curve(plain, site), site, spacing, patient.stream("grain", side, view))
    return np.asarray(curve(signal, site) + noise + np.float32(_OFFSET), dtype=np.float32)


def _specks(patient: _Patient, outline: Outline, side: str, imprints: list[Imprint]) -> Field:
    total = np.zeros(outline.frame.shape, np.float32)
    for found in imprints:
        total += found.calcified
    if patient.stream("calcifications", side).random() < patient.options.calcification_rate:
        total = np.maximum(total, cluster(outline, patient.stream("calcifications", side, outline.view)))
    return total


def _lesion(mass: Mass, mask: Mask) -> PhantomLesion:
    return PhantomLesion(mass.label, mask, mask_box(mask), mass.number)


def _marker(patient: _Patient, shared: _Shared, tissue: Mask, name: tuple[str, str]) -> tuple[Field, str]:
    rng = patient.stream("marker", *name)
    if not shared.marked and rng.random() >= patient.options.marker_rate:
        return np.zeros(tissue.shape, np.float32), "none"
    style = "special" if shared.special else "plain"
    return marker(" ".join(name), style, tissue, rng), style


def _turned(array: NDArray[T], flip: bool) -> NDArray[T]:
    return np.ascontiguousarray(array[:, ::-1]) if flip else array
