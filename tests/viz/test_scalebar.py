"""The bar's length fits the picture and is told in the unit that suits it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from xaimed.viz.scalebar import bar_length, length_text, scale_bar


@pytest.mark.parametrize(("width", "length", "words"), [
    (200.0, 50.0, "50 mm"), (48.0, 10.0, "10 mm"), (0.9, 0.2, "0.2 mm"), (0.0005, 0.0001, "100 nm"),
    (0.01, 0.002, "2 \u00b5m")])
def test_the_longest_round_length_is_told_in_its_unit(width: float, length: float, words: str) -> None:
    assert bar_length(width) == pytest.approx(length)
    assert length_text(bar_length(width)) == words


def test_a_pixel_of_microscopy_is_nanometres_and_of_a_film_a_fraction_of_a_millimetre() -> None:
    assert length_text(4e-06) == "4 nm"
    assert length_text(0.05) == "0.05 mm"
    assert length_text(1.7234) == "1.72 mm"


def test_no_bar_where_the_spacing_is_not_known() -> None:
    picture = np.full((40, 60, 3), 90, np.uint8)
    assert bar_length(math.nan) == 0
    assert (scale_bar(picture, math.nan) == picture).all()
    assert (scale_bar(picture, 1.0) != picture).any()
