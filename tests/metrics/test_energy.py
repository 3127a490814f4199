from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenery import disc, view
from xaimed.metrics.energy_in_lesion import METRIC as SHARE
from xaimed.metrics.energy_lift import METRIC as LIFT
from xaimed.metrics.explained import Explained
from xaimed.types import Floats

SIZE = 40
TISSUE = disc(SIZE, 20, 0, 30)
LESION = disc(SIZE, 15, 10, 4)


def test_share_by_hand() -> None:
    values = np.zeros((SIZE, SIZE), np.float32)
    values[15, 10], values[30, 5], values[0, 39], values[16, 10] = 3, 1, 2, -7
    assert SHARE(view(values, LESION, TISSUE))[""] == pytest.approx(0.5)
    assert LIFT(view(values, LESION, TISSUE))[""] == pytest.approx(0.5 * TISSUE.sum() / LESION.sum())


@pytest.mark.parametrize("level", [1e-6, 1.0, 300.0])
def test_a_uniform_map_on_the_tissue_has_lift_one(level: float) -> None:
    found = LIFT(view((TISSUE * level).astype(np.float32), LESION, TISSUE))
    assert found == pytest.approx({"": 1.0, "[window]": 1.0})


def test_energy_in_air_counts_against() -> None:
    found = LIFT(view(np.ones((SIZE, SIZE), np.float32), LESION, TISSUE))[""]
    assert found == pytest.approx(TISSUE.mean())


def windowed(values: Floats, rows: slice, columns: slice) -> Explained:
    """A map on a window of the image, at the window's own place."""
    def place(window: Floats) -> Floats:
        full = np.zeros((SIZE, SIZE), np.float32)
        full[rows, columns] = window
        return full

    whole = view(values, LESION[rows, columns], TISSUE[rows, columns])
    return Explained(replace(whole.scene, place=place), values, {}, place(values), LESION, TISSUE)


def test_the_window_s_lift_does_not_credit_the_place_of_the_detection() -> None:
    view_ = windowed(np.ones((16, 16), np.float32), slice(7, 23), slice(2, 18))
    found = LIFT(view_)
    assert found["[window]"] == pytest.approx(1.0)
    assert found[""] == pytest.approx(TISSUE.sum() / 16**2)


def test_a_window_without_lesion_has_no_lift_of_its_own() -> None:
    found = LIFT(windowed(np.ones((6, 6), np.float32), slice(30, 36), slice(2, 8)))
    assert found[""] == 0
    assert np.isnan(found["[window]"])


@pytest.mark.parametrize("values", [np.zeros((SIZE, SIZE)), -np.ones((SIZE, SIZE)), np.full((SIZE, SIZE), np.nan),
                                    np.where(LESION, np.inf, 0)])
def test_a_map_without_energy_has_put_none_into_the_lesion(values: Floats) -> None:
    seen = view(values.astype(np.float32), LESION, TISSUE)
    assert SHARE(seen)[""] == 0
    assert LIFT(seen)[""] == 0


def test_without_a_lesion_in_the_tissue_nothing_applies() -> None:
    values = np.ones((SIZE, SIZE), np.float32)
    for truth in (None, np.zeros((SIZE, SIZE), bool)):
        assert np.isnan(SHARE(view(values, truth, TISSUE))[""])
        assert np.isnan(LIFT(view(values, truth, TISSUE))[""])
    assert np.isnan(LIFT(view(values, ~TISSUE, TISSUE))[""])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 100))
def test_share_agrees_with_a_loop_whatever_the_scale(seed: int, scale: float) -> None:
    values = np.random.default_rng(seed).normal(size=(SIZE, SIZE)).astype(np.float32)
    inside = sum(max(float(v), 0) for v in values[LESION])
    total = sum(max(float(v), 0) for v in values.ravel())
    found = SHARE(view((values * np.float32(scale)).astype(np.float32), LESION, TISSUE))[""]
    assert found == pytest.approx(inside / total, rel=1e-5)
