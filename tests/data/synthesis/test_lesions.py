"""Masses by themselves: shape cues of the two kinds, and room in the breast."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes

from xaimed.data.synthesis.lesions import Mass, draw_mass, imprint, place_mass, pull
from xaimed.data.synthesis.outline import Frame, Outline, make_body, make_outline

FRAME = Frame((512, 400), 0.43)


@pytest.fixture(scope="module")
def views() -> tuple[Outline, Outline]:
    rng = np.random.default_rng(1)
    body = make_body(rng, "b")
    return make_outline(body, "CC", FRAME, rng), make_outline(body, "MLO", FRAME, rng)


def _placed(label: str, seed: int, views: tuple[Outline, Outline]) -> Mass:
    rng = np.random.default_rng(seed)
    return place_mass(replace(draw_mass(0, label, rng), calcified=False), views, (), rng)


def _roundness(mask: NDArray[np.bool_]) -> float:
    """Area over the area of the circle that holds all pixels, by brute force about the centroid."""
    points = np.argwhere(mask)
    reach = np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1)).max()
    return float(len(points) / (np.pi * (reach + 0.5) ** 2))


def test_benign_masks_are_rounder_than_malignant_ones(views: tuple[Outline, Outline]) -> None:
    round_, spiky = (
        [_roundness(imprint(_placed(label, seed, views), views[0], 0.2).mask) for seed in range(20)]
        for label in ("benign", "malignant")
    )
    assert np.median(round_) > np.median(spiky) + 0.15


@pytest.mark.parametrize("label", ["benign", "malignant"])
def test_a_mask_holds_all_that_a_mass_adds_and_has_no_holes(
    label: str, views: tuple[Outline, Outline]
) -> None:
    for seed in range(8):
        mass = _placed(label, seed, views)
        for outline in views:
            found = imprint(mass, outline, 0.3)
            assert not found.added[~found.mask].any()
            assert (binary_fill_holes(found.mask) == found.mask).all()
            x, y = mass.centre(outline)
            assert found.mask[int(y), int(x)]
            assert found.added.max() > 0.08


def test_a_malignant_mass_draws_tissue_in_and_a_benign_one_does_not(views: tuple[Outline, Outline]) -> None:
    columns = np.tile(np.arange(400, dtype=np.float32), (512, 1))
    mass = _placed("malignant", 3, views)
    found = imprint(mass, views[0], 0.2)
    moved = pull(mass, views[0], found, columns)
    cx, _ = mass.centre(views[0])
    strong = np.abs(found.added) > 0.04
    assert not moved[~found.mask].any()
    assert (np.sign(moved[strong & (columns > cx + 1)]) >= 0).all()  # what lay further right comes nearer
    assert (np.sign(moved[strong & (columns < cx - 1)]) <= 0).all()
    assert np.abs(moved).max() > 0.5
    benign = _placed("benign", 3, views)
    assert not pull(benign, views[0], imprint(benign, views[0], 0.2), columns).any()


def test_masses_keep_apart_and_clear_of_skin_and_muscle(views: tuple[Outline, Outline]) -> None:
    for seed in range(10):
        first = _placed("malignant", seed, views)
        rng = np.random.default_rng(seed + 100)
        second = place_mass(draw_mass(1, "benign", rng), views, (first,), rng)
        for outline in views:
            one, other = (imprint(mass, outline, 0.3).mask for mass in (first, second))
            assert not (one & other).any()
            assert outline.skin_distance[one | other].min() > 1
            assert outline.pectoral_distance[one | other].min() > 0


def test_the_same_mass_is_as_far_from_the_nipple_in_both_views(views: tuple[Outline, Outline]) -> None:
    mass = _placed("benign", 5, views)
    for outline in views:
        x, y = mass.centre(outline)
        away = np.hypot(x - outline.nipple[0], y - outline.nipple[1]) * FRAME.spacing
        assert away == pytest.approx(mass.distance)
