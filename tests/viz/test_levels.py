"""The levels and tiles of an image: nothing lost, nothing shifted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xaimed.errors import InputError
from xaimed.viz import levels


@given(st.floats(0, 1, width=32))
def test_a_pixel_survives_as_sixteen_bits(value: float) -> None:
    image = np.full((1, 2, 3), value, np.float32)
    assert abs(float(levels.words(image)[1, 2]) / 65535 - value) <= 0.5 / 65535 + 1e-6
    assert float(image[0, 0, 0]) == np.float32(value), "the image given is left as it was"


def test_what_is_outside_the_range_or_no_number_is_black_or_white() -> None:
    image = np.array([[[-1, 2, np.nan]]], np.float32)
    assert levels.words(image).tolist() == [[0, 65535, 0]]


def test_tiles_put_together_are_the_image_and_colour_stays_interleaved() -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (1100, 700, 3)).astype(np.uint16)
    rows = [np.concatenate([levels.tile(pixels, c, r) for c in range(2)], axis=1) for r in range(3)]
    assert np.array_equal(np.concatenate(rows), pixels)
    back = np.frombuffer(levels.packed(pixels), "<u2").reshape(pixels.shape)
    assert np.array_equal(back, pixels)
    for column, row in ((2, 0), (0, 3), (-1, 0)):
        with pytest.raises(InputError, match="tile"):
            levels.tile(pixels, column, row)


def test_the_screen_holds_the_means_of_what_it_stands_for() -> None:
    pixels = np.random.default_rng(1).integers(0, 65536, (48, 24)).astype(np.uint16)
    means = pixels.reshape(12, 4, 6, 4).mean(axis=(1, 3))
    assert np.abs(levels.screen(pixels, 12) - means).max() <= 0.51
    assert levels.screen(pixels, 48) is pixels


def test_presets_are_percentiles_of_the_lit_pixels() -> None:
    lit = np.linspace(0.1, 0.9, 7 * 8000)
    image = np.concatenate([np.zeros(7 * 8000), lit]).reshape(1, 200, -1).astype(np.float32)
    found = {window.name: (window.low, window.high) for window in levels.windows(levels.words(image))}
    assert found["Whole range"] == (0, 1)
    assert found["Dense tissue"] == pytest.approx((0.5, 0.9), abs=0.002)
    dark = levels.windows(np.zeros((9, 9), np.uint16))
    assert all(window.high > window.low for window in dark)
