"""The planes of a map: what is read is what is stored, what is shown is a share of full colour."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xaimed.viz import planes


def bump(height: int = 100, width: int = 80) -> planes.Floats:
    y, x = np.mgrid[:height, :width]
    return (np.exp(-(((x - 30) / 12) ** 2 + ((y - 40) / 12) ** 2)) - 0.2).astype(np.float32)


@given(st.floats(1e-6, 1e6))
def test_values_read_are_the_stored_ones(scale: float) -> None:
    values = bump() * np.float32(scale)
    made = planes.plane(values)
    assert np.abs(made.read * made.unit - values).max() <= 0.51 * made.unit
    assert made.sigma == 0
    assert made.kind == "signed"


def test_what_is_shown_is_the_share_of_full_colour_as_in_the_pictures_of_the_report() -> None:
    from xaimed.viz.overlay import robust_scale

    values = bump()
    made = planes.plane(values, "off")
    assert made.full == pytest.approx(robust_scale(values))
    assert np.abs(made.shown / planes.FULL - np.clip(values / robust_scale(values), -1, 1)).max() < 1e-4


def test_single_pixels_are_smoothed_and_the_caption_says_so_but_the_values_stay() -> None:
    values = np.zeros((200, 100), np.float32)
    values[::9, ::7] = 1.0
    assert planes.grain(values) < planes.GRAINY < planes.grain(bump())
    made = planes.plane(values)
    assert made.sigma == pytest.approx(2.0)
    assert "sigma 2.0 pixels" in made.text
    assert "single pixels" in made.text
    assert np.array_equal(made.read * made.unit, values)
    assert (made.shown != 0).mean() > 0.9
    off = planes.plane(values, "off")
    assert off.sigma == 0
    assert "Smoothed" not in off.text
    assert "single pixels" not in planes.plane(values, "strong").text


def test_smoothing_keeps_a_constant_and_leaves_holes() -> None:
    values = np.full((40, 50), 3.0, np.float32)
    values[10:14, 20:25] = np.nan
    smooth = planes.smoothed(values, 3.0)
    assert np.array_equal(np.isnan(smooth), np.isnan(values))
    assert np.nanmax(np.abs(smooth - 3.0)) < 1e-4


def test_a_map_that_says_nothing_is_told_and_missing_pixels_are_marked() -> None:
    assert planes.plane(np.zeros((9, 9), np.float32)).problem == "CONSTANT MAP"
    assert planes.plane(np.full((9, 9), np.nan, np.float32)).problem == "NO FINITE VALUE"
    values = bump()
    values[3, 4] = np.nan
    made = planes.plane(values)
    assert (made.read == planes.MISSING).sum() == (made.shown == planes.MISSING).sum() == made.missing == 1
    assert made.read[3, 4] == planes.MISSING
