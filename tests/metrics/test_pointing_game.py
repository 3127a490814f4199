from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenery import disc, view
from xaimed.metrics.pointing_game import METRIC
from xaimed.types import Floats

TRUTH = disc(20, 12, 5, 3)


def hit(values: Floats) -> float:
    return METRIC(view(values, TRUTH))[""]


def test_the_maximum_decides() -> None:
    values = np.random.default_rng(0).random((20, 20)).astype(np.float32)
    values[12, 5] = 2
    assert hit(values) == 1
    values[0, 0] = 3
    assert hit(values) == 0


@pytest.mark.parametrize("values", [
    np.zeros((20, 20), np.float32), np.ones((20, 20), np.float32), np.full((20, 20), np.nan, np.float32),
    -TRUTH.astype(np.float32), np.where(TRUTH, np.nan, 0).astype(np.float32),
    np.where(TRUTH, np.inf, 0).astype(np.float32), np.full((20, 20), 1e30, np.float32)])
def test_a_map_that_points_nowhere_is_a_miss(values: Floats) -> None:
    assert hit(values) == 0.0


def test_a_map_whose_negative_plateau_is_its_maximum_is_a_miss() -> None:
    assert hit(np.where(TRUTH, -1, -2).astype(np.float32)) == 0.0


def test_ties_count_by_their_share() -> None:
    values = np.zeros((20, 20), np.float32)
    values[12, 5] = values[12, 6] = values[0, 0] = values[19, 19] = 1
    assert hit(values) == 0.5


def test_no_lesion_is_not_applicable_and_an_empty_mask_neither() -> None:
    values = np.random.default_rng(0).random((20, 20)).astype(np.float32)
    assert np.isnan(METRIC(view(values, None))[""])
    assert np.isnan(METRIC(view(values, np.zeros((20, 20), bool)))[""])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0.001, 1000))
def test_agrees_with_argmax_whatever_the_scale(seed: int, scale: float) -> None:
    values = np.random.default_rng(seed).normal(size=(20, 20)).astype(np.float32)
    assert hit((values * scale).astype(np.float32)) == float(TRUTH.ravel()[values.argmax()])
