"""The same numbers as Quantus where it is right (tests/golden/renew_quantus.py), and others where it errs.

The errors are those of Quantus 0.6.0, MONAI 1.6, captum 0.9 and grad-cam 1.5.7 that were seen by running them.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from tests.golden.renew_quantus import MAPS, SIDE, drawn
from tests.scenery import disc, scene, view
from xaimed.metrics.completeness import Completeness
from xaimed.metrics.deletion import Deletion
from xaimed.metrics.energy_in_lesion import EnergyInLesion
from xaimed.metrics.entropy import Entropy
from xaimed.metrics.explained import Explained
from xaimed.metrics.gini import Gini
from xaimed.metrics.infidelity import Infidelity
from xaimed.metrics.insertion import Insertion
from xaimed.metrics.pointing_game import PointingGame
from xaimed.metrics.removal import Patches, Removal, Sweep
from xaimed.scene import Scene
from xaimed.types import Floats

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "quantus.json").read_text(encoding="utf8"))["maps"]
LESION = disc(SIDE, 5, 6, 2)


def linear(image: np.ndarray, weights: np.ndarray) -> Scene:
    scale = torch.from_numpy(weights.astype(np.float32))
    of = torch.from_numpy(image.astype(np.float32))[None, None]

    def left(x: Tensor) -> Tensor:
        return (x[:, 0] * scale).sum((1, 2)) / (of[0, 0] * scale).sum()

    return scene(of, left)


@pytest.mark.parametrize("number", range(MAPS))
def test_agrees_with_quantus(number: int) -> None:
    image, found, lesion, weights = drawn(number)
    values, wanted = found.astype(np.float32), GOLDEN[number]
    assert Gini()(view(values))[""] == pytest.approx(wanted["gini"], abs=1e-5)
    assert Entropy()(view(values))[""] * math.log(SIDE**2) == pytest.approx(wanted["entropy"], abs=1e-5)
    assert EnergyInLesion()(view(values, lesion))[""] == pytest.approx(wanted["energy_in_lesion"], abs=1e-6)
    curve = Removal(linear(image, weights)).deletion(values, Sweep("tissue_median", steps=12))
    counts = np.rint(curve.fraction * SIDE**2).astype(int)
    assert curve.left == pytest.approx([1.0, *(wanted["pixel_flipping"][n - 1] for n in counts[1:])], abs=1e-5)


def seen(of: Scene, values: Floats) -> Explained:
    return Explained(of, values, {}, values, None, of.tissue.numpy())


def test_a_map_of_zeros_is_no_hit_and_no_lesion_is_no_value() -> None:
    zeros = np.zeros((SIDE, SIDE), np.float32)
    assert PointingGame()(view(zeros, LESION))[""] == 0.0
    assert PointingGame()(view(zeros + 1, LESION))[""] == 0.0
    assert math.isnan(PointingGame()(view(zeros + 1, np.zeros_like(LESION)))[""])


def test_ties_are_shared_out_and_have_no_raster_order() -> None:
    values = np.zeros((SIDE, SIDE), np.float32)
    values[5, 6] = values[0, 0] = 1.0
    assert PointingGame()(view(values, LESION))[""] == 0.5
    image, _, _, weights = drawn(0)
    flat = seen(linear(image, weights), np.ones((SIDE, SIDE), np.float32))
    turned = seen(linear(image[::-1, ::-1].copy(), weights[::-1, ::-1].copy()), np.ones((SIDE, SIDE), np.float32))
    chance = Deletion(fills=("tissue_median",))
    assert chance(flat)["[tissue_median]"] == pytest.approx(chance(turned)["[tissue_median]"], abs=0.05)


def test_completeness_of_an_exact_map_is_zero_although_floats_are_not() -> None:
    values = np.full((SIDE, SIDE), 0.1, np.float32)
    exact = view(values, facts={"f_input": 0.1 * SIDE**2, "f_baseline": 0.0})
    assert Completeness()(exact)[""] < 1e-6


def test_a_value_does_not_depend_on_what_is_judged_beside_it() -> None:
    image, found, _, weights = drawn(1)
    values = found.astype(np.float32)
    alone = Deletion()(seen(linear(image, weights), values))
    shared = Removal(linear(image, weights))
    for other in (values * 0, values[::-1].copy(), values):
        beside = Deletion()(Explained(shared.scene, other, {}, other, None, shared.scene.tissue.numpy(), shared))
    assert beside == alone
    many = Deletion()(seen(replace(linear(image, weights), chunk=64), values))
    assert many == pytest.approx(alone, abs=1e-6)


def test_infidelity_does_not_know_the_unit_and_zero_is_the_worst() -> None:
    image, found, _, weights = drawn(2)
    of = linear(image, weights)
    exact = (weights * (image - np.sort(image.ravel())[71])).astype(np.float32)
    measure = Infidelity(count=40, side=0.3)
    assert measure(seen(of, exact))[""] == pytest.approx(0, abs=1e-5)
    values = (exact + 0.5 * (found - found.mean())).astype(np.float32)
    # captum's default grows a hundredfold for a map ten times as large.
    assert measure(seen(of, values * 10))[""] == pytest.approx(measure(seen(of, values))[""], abs=1e-6)
    assert measure(seen(of, values * 0))[""] == 1.0
    assert measure(seen(of, -exact))[""] == 1.0
    assert 0.01 < measure(seen(of, values))[""] < 1


def test_infidelity_is_the_papers_loss_at_its_best_scale() -> None:
    """E[(b I^T Phi - (f(x) - f(x - I)))^2] square by square, I = x - fill there; b by a search over b >= 0."""
    image, found, _, weights = drawn(5)
    of, gradient = linear(image, weights), (weights + found).astype(np.float32)
    fill_value = float(np.sort(image.ravel())[71])
    squares = Patches(24, 0.3).drawn(of.tissue).numpy()

    def loss(scale: float) -> float:
        terms = []
        for square in squares:
            removed = np.where(square, image - fill_value, 0.0)
            whole, less = (float(of.score(torch.from_numpy(v.astype(np.float32))[None, None]))
                           for v in (image, image - removed))
            terms.append((scale * float((removed * gradient).sum()) - (whole - less)) ** 2)
        return float(np.mean(terms))

    best = minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": 1e-9})
    values = ((image - fill_value) * gradient).astype(np.float32)
    measured = Infidelity(count=24, side=0.3)(seen(of, values))[""]
    assert measured == pytest.approx(loss(float(best.x)) / loss(0.0), abs=1e-4)
    assert 0 < measured < 1


def test_perturbations_that_change_nothing_are_not_applicable() -> None:
    still = scene(torch.rand(1, 1, SIDE, SIDE), lambda x: torch.full((len(x),), 0.7))
    assert math.isnan(Infidelity()(seen(still, np.ones((SIDE, SIDE), np.float32)))[""])


def test_the_squares_are_the_same_for_all_maps_and_run_once() -> None:
    image, found, _, weights = drawn(3)
    shared = Removal(linear(image, weights))
    for values in (found, -found, found**2):
        own = values.astype(np.float32)
        Infidelity()(Explained(shared.scene, own, {}, own, None, shared.scene.tissue.numpy(), shared))
    # The untouched similarity, the filled one, 32 squares and the untouched score.
    assert shared.passes == 1 + 1 + 32 + 1


def test_random_numbers_of_others_are_left_alone() -> None:
    image, found, _, weights = drawn(4)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    for metric in (Deletion(), Insertion(), Infidelity()):
        metric(seen(linear(image, weights), found.astype(np.float32)))
    assert torch.equal(torch.get_rng_state(), before)


def test_areas_are_positive_and_by_the_trapezoid_rule() -> None:
    image, found, _, weights = drawn(5)
    curve = Removal(linear(image, weights)).deletion(found.astype(np.float32), Sweep("blur", steps=9))
    wanted = sum((b - a) * (x + y) / 2 for a, b, x, y in zip(
        curve.fraction, curve.fraction[1:], curve.left, curve.left[1:], strict=False))
    assert curve.area == pytest.approx(wanted)
    assert curve.area > 0


def test_the_metric_leaves_the_image_as_it_was() -> None:
    image, found, _, weights = drawn(0)
    of = linear(image, weights)
    before = of.image.clone()
    for metric in (Deletion(), Insertion(), Infidelity()):
        metric(seen(of, found.astype(np.float32)))
    assert torch.equal(of.image, before)
    assert not of.image.requires_grad
