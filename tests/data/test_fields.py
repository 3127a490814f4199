"""Displacements: known ones, their inverse, and the convention that metrics and adapters share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xaimed.data.fields import inverse_field, smooth_field, warped
from xaimed.errors import InputError
from xaimed.metrics.registration import folding, target_errors


def test_a_shift_by_hand() -> None:
    image = np.arange(20, dtype=np.float32).reshape(4, 5)
    field = np.zeros((2, 4, 5), np.float32)
    field[1] = 1.0
    np.testing.assert_array_equal(warped(image, field, order=1)[:, :4], image[:, 1:])
    np.testing.assert_allclose(inverse_field(field), -field, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.5, 5), st.floats(5, 10))
def test_the_inverse_undoes_the_field(seed: int, largest: float, smooth: float) -> None:
    where = np.zeros((40, 36), bool)
    where[8:32, 6:30] = True
    field = smooth_field(where, largest, smooth, np.random.default_rng(seed))
    assert np.sqrt((field**2).sum(axis=0))[where].max() <= largest * 1.001
    assert folding(field.astype(np.float64)) == 0
    back = inverse_field(field).astype(np.float64)
    rest = back + np.stack([warped(part, back.astype(np.float32), order=1) for part in field])
    assert np.abs(rest).max() < 0.01


def test_the_length_is_reached_within_the_mask() -> None:
    where = np.zeros((64, 64), bool)
    where[20:44, 20:44] = True
    field = smooth_field(where, 3.0, 12.0, np.random.default_rng(1))
    assert np.sqrt((field**2).sum(axis=0))[where].max() == pytest.approx(3.0, rel=1e-4)
    assert np.abs(field[:, :3, :3]).max() < 1.0


def test_a_landmark_follows_the_inverse() -> None:
    """A blob at p of the image lies at q of the warped one, with p = q + field(q): u at p leads to q."""
    where = np.ones((48, 48), bool)
    field = smooth_field(where, 4.0, 10.0, np.random.default_rng(3))
    q = np.array([25.0, 21.0])
    p = q + np.array([field[0, 25, 21], field[1, 25, 21]])
    back = inverse_field(field).astype(np.float64)
    assert target_errors(p[None], q[None], back)[0] < 0.05


def test_what_is_too_steep_is_refused() -> None:
    steep = np.zeros((2, 8, 30), np.float32)
    steep[1] = 3 * (np.arange(30) - 15)
    with pytest.raises(InputError, match="was not found"):
        inverse_field(steep)
    with pytest.raises(InputError, match="expected all three above 0"):
        smooth_field(np.zeros((4, 4), bool), 1, 1, np.random.default_rng(0))
