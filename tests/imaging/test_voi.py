"""Grey-scale steps against PS3.3 C.11.2, written here pixel by pixel from the standard's text."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_windowing

from xaimed.errors import InputError
from xaimed.imaging.voi import Range, Table, Window


def by_the_standard(x: float, c: float, w: float, function: str, y_min: float, y_max: float) -> float:
    """C.11.2.1.2.1 (LINEAR), C.11.2.1.3.1 (SIGMOID), C.11.2.1.3.2 (LINEAR_EXACT), as printed."""
    if function == "LINEAR":
        if x <= c - 0.5 - (w - 1) / 2:
            return y_min
        if x > c - 0.5 + (w - 1) / 2:
            return y_max
        return ((x - (c - 0.5)) / (w - 1) + 0.5) * (y_max - y_min) + y_min
    if function == "LINEAR_EXACT":
        if x <= c - w / 2:
            return y_min
        if x > c + w / 2:
            return y_max
        return ((x - c) / w + 0.5) * (y_max - y_min) + y_min
    return (y_max - y_min) / (1 + math.exp(-4 * (x - c) / w)) + y_min


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@given(centre=st.floats(-2000, 2000), width=st.floats(1, 4000), values=st.lists(st.integers(-2048, 4095), min_size=1))
def test_window_is_the_standards(function: str, centre: float, width: float, values: list[int]) -> None:
    shown = Window(centre, width, function)(np.array(values, float))
    expected = [_or_infinite(x, centre, width, function) for x in values]
    np.testing.assert_allclose(shown, expected, atol=1e-9)


def _or_infinite(x: float, centre: float, width: float, function: str) -> float:
    try:
        return by_the_standard(x, centre, width, function, 0.0, 1.0)
    except OverflowError:
        return 0.0


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_window_agrees_with_pydicom(function: str) -> None:
    header = Dataset()
    header.WindowCenter, header.WindowWidth, header.VOILUTFunction = 600, 900, function
    header.BitsStored, header.PixelRepresentation, header.PhotometricInterpretation = 12, 0, "MONOCHROME2"
    values = np.arange(4096, dtype=np.uint16)
    expected = apply_windowing(values, header) / 4095
    np.testing.assert_allclose(Window(600, 900, function)(values.astype(float)), expected, atol=1e-9)


def test_known_values() -> None:
    # The standard's own note: centre 2048, width 4096 maps 0 to y_min and 4095 to y_max.
    assert Window(2048, 4096)(np.array([0.0, 4095.0])).tolist() == [0.0, 1.0]
    # Width 1 of LINEAR is a threshold at c - 0.5.
    assert Window(100, 1)(np.array([99.0, 99.5, 100.0])).tolist() == [0.0, 0.0, 1.0]
    assert Window(10, 4, "LINEAR_EXACT")(np.array([8.0, 9.0, 12.0])).tolist() == [0.0, 0.25, 1.0]
    assert Window(10, 4, "SIGMOID")(np.array([10.0]))[0] == 0.5
    assert Range(5, 5)(np.array([4.0, 6.0])).tolist() == [0.0, 0.0]


def test_table_holds_its_ends() -> None:
    table = Table(-2, 10, np.array([0, 100, 1000], np.uint16))
    assert table(np.array([-50.0, -2, -1, 0, 50])).tolist() == [0, 0, 100, 1000, 1000]


@pytest.mark.parametrize(("centre", "width", "function"), [
    (0, 0.5, "LINEAR"), (0, 0, "SIGMOID"), (0, -3, "LINEAR_EXACT"), (float("nan"), 5, "LINEAR"), (0, 5, "CUBIC")])
def test_impossible_windows(centre: float, width: float, function: str) -> None:
    with pytest.raises(InputError, match="expected"):
        Window(centre, width, function)


def test_impossible_tables() -> None:
    with pytest.raises(InputError, match="says 8 bits"):
        Table(0, 8, np.array([0, 300], np.uint16))
    with pytest.raises(InputError, match="0 entries"):
        Table(0, 8, np.array([], np.uint16))
