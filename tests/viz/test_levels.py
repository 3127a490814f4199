"""The levels and tiles of an image: nothing lost, nothing shifted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from xaimed import mapfile
from xaimed.errors import InputError
from xaimed.types import Floats
from xaimed.viz import levels


def stored(folder: Path, image: Floats) -> NDArray[np.uint16]:
    mapfile.write_case(folder, image, [], [])
    return levels.words(mapfile.read_pixels(folder))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.floats(0, 1, width=32))
def test_a_pixel_survives_as_sixteen_bits(tmp_path: Path, value: float) -> None:
    pixels = stored(tmp_path / "case", np.full((1, 2, 3), value, np.float32))
    assert pixels.shape == (2, 3)
    assert abs(float(pixels[1, 2]) / 65535 - value) <= 0.5 / 65535 + 1e-6
    assert mapfile.read_image(tmp_path / "case")[0, 1, 2] == pytest.approx(pixels[1, 2] / 65535, abs=1e-7)


def test_colour_is_interleaved_and_of_other_channels_the_first_is_shown(tmp_path: Path) -> None:
    image = np.random.default_rng(0).uniform(size=(4, 5, 6)).astype(np.float32)
    colour = stored(tmp_path / "rgb", image[:3])
    assert np.abs(colour / 65535 - np.moveaxis(image[:3], 0, -1)).max() < 1e-5
    assert np.abs(stored(tmp_path / "four", image) / 65535 - image[0]).max() < 1e-5


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
    pixels = (image[0] * 65535).round().astype(np.uint16)
    found = {window.name: (window.low, window.high) for window in levels.windows(pixels)}
    assert found["Whole range"] == (0, 1)
    assert found["Dense tissue"] == pytest.approx((0.5, 0.9), abs=0.002)
    dark = levels.windows(np.zeros((9, 9), np.uint16))
    assert all(window.high > window.low for window in dark)
