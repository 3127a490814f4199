"""Forest charts: the part of the scale that is shown."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xaimed.viz import forest


def test_a_single_perfect_share_is_not_drawn_on_a_scale_to_two() -> None:
    rows = pd.DataFrame([("a", 1.0, 0.9, 1.0, "9 / 9", ""), ("b", math.nan, math.nan, math.nan, "", "fewer than 10")],
                        columns=["name", "value", "low", "high", "count", "why"])
    low, high = forest.forest_chart(rows, 0.97, "AUC").layout.xaxis.range
    assert 0.7 < low <= 0.9
    assert 1.0 < high < 1.05


def test_shares_far_apart_get_the_whole_scale_and_differences_their_own() -> None:
    assert forest.shares_shown([0.2, 0.9]) == pytest.approx([0, 1], abs=0.02)
    assert forest.shares_shown([-0.1, 0.4]) is None
    assert forest.shares_shown([0.1, 1.4]) is None
    assert forest.shares_shown([math.nan]) is None


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=9))
def test_everything_known_is_in_sight_within_the_scale(values: list[float]) -> None:
    shown = forest.shares_shown(values)
    assert shown is not None
    assert -0.02 <= shown[0] < min(values)
    assert max(values) < shown[1] <= 1.02
    assert shown[1] - shown[0] >= 0.2 - 1e-9
