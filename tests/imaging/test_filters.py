"""The filters against SciPy and formulas, and each switched off."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from xaimed.errors import PlanError
from xaimed.imaging.filters import OFF, Filters, smooth

IMAGE = np.random.default_rng(0).random((2, 24, 31), np.float32)


def only(**sizes: float) -> Filters:
    return Filters(**{"median": 0, "gaussian": 0.0, "bilateral": 0, **sizes})  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [3, 5])
def test_median_is_scipys(size: int) -> None:
    expected = np.stack([ndimage.median_filter(plane, size, mode="nearest") for plane in IMAGE])
    np.testing.assert_array_equal(smooth(IMAGE, only(median=size)), expected)


def test_gaussian_three_by_three() -> None:
    side = np.exp(-1 / (2 * 0.8**2))
    kernel = np.array([side, 1, side]) / (1 + 2 * side)
    expected = ndimage.convolve(IMAGE, np.outer(kernel, kernel)[None], mode="mirror")
    np.testing.assert_allclose(smooth(IMAGE, only(gaussian=0.8)), expected, atol=1e-6)


def test_wide_gaussian_is_scipys() -> None:
    found = smooth(IMAGE, only(gaussian=2.0))
    expected = np.stack([ndimage.gaussian_filter(plane, 2.0, mode="mirror", truncate=4) for plane in IMAGE])
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_bilateral_by_its_formula() -> None:
    plane, size, spread = IMAGE[0], 5, 0.1
    found = smooth(IMAGE[:1], only(bilateral=size))[0]
    offsets = [(y, x) for y in range(-2, 3) for x in range(-2, 3) if x * x + y * y <= 4]
    for row, column in ((5, 7), (12, 20), (18, 9)):
        values = np.array([plane[row + y, column + x] for y, x in offsets], float)
        space = np.array([np.exp(-(y * y + x * x) / (2 * size**2)) for y, x in offsets])
        weight = space * np.exp(-((values - plane[row, column]) ** 2) / (2 * spread**2))
        assert found[row, column] == pytest.approx((weight * values).sum() / weight.sum(), abs=2e-4)


def test_bilateral_keeps_an_edge_that_a_gaussian_blurs() -> None:
    step = np.zeros((1, 20, 20), np.float32)
    step[..., 10:] = 1
    assert smooth(step, only(bilateral=5))[0, 10, 9] < 0.01
    assert smooth(step, only(gaussian=2.0))[0, 10, 9] > 0.3


def test_off_and_order() -> None:
    np.testing.assert_array_equal(smooth(IMAGE, OFF), IMAGE)
    steps = smooth(smooth(smooth(IMAGE, only(median=3)), only(gaussian=0.8)), only(bilateral=5))
    np.testing.assert_array_equal(smooth(IMAGE, Filters()), steps)


def test_bad_sizes() -> None:
    for sizes in ({"median": 4}, {"gaussian": -1.0}, {"bilateral": -2}):
        with pytest.raises(PlanError):
            Filters(**sizes)  # type: ignore[arg-type]
