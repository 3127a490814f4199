from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, uniform_filter
from scipy.stats import spearmanr

from tests.scenery import disc
from xaimed.likeness import likeness, plane, spearman
from xaimed.types import Floats

ALL = np.ones((48, 48), bool)


def smooth(seed: int) -> Floats:
    return gaussian_filter(np.random.default_rng(seed).normal(size=(48, 48)), 2).astype(np.float32)


def ssim_by_hand(a: np.ndarray, b: np.ndarray, mask: np.ndarray) -> float:
    """Wang Z et al. (2004) with a 7 x 7 uniform window and sample covariance, as scikit-image's default."""
    a, b = (np.where(mask, np.clip((v - v[mask].mean()) / v[mask].std(), -3, 3), 0) for v in (a, b))
    ma, mb = uniform_filter(a, 7), uniform_filter(b, 7)
    grow = 49 / 48
    va, vb = grow * (uniform_filter(a * a, 7) - ma**2), grow * (uniform_filter(b * b, 7) - mb**2)
    both = grow * (uniform_filter(a * b, 7) - ma * mb)
    c1, c2 = 0.06**2, 0.18**2
    local = (2 * ma * mb + c1) * (2 * both + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    return float(local[mask].mean())


def hog_by_hand(a: np.ndarray, b: np.ndarray, mask: np.ndarray) -> float:
    """The correlation of histograms of 9 unsigned directions in cells of 6 pixels, normalised by blocks of 2 x 2."""
    features = []
    for v in (a, b):
        w = np.where(mask, np.clip((v - v[mask].mean()) / v[mask].std(), -3, 3), 0)
        rows, columns = np.zeros_like(w), np.zeros_like(w)
        rows[1:-1], columns[:, 1:-1] = w[2:] - w[:-2], w[:, 2:] - w[:, :-2]
        size, angle = np.hypot(columns, rows), np.rad2deg(np.arctan2(rows, columns)) % 180
        place = (angle // 20).astype(int)
        cells = np.zeros((8, 8, 9))
        for i, j in np.ndindex(48, 48):
            cells[i // 6, j // 6, place[i, j]] += size[i, j] / 36
        blocks = np.stack([cells[i:i + 2, j:j + 2].ravel() for i, j in np.ndindex(7, 7)])
        blocks = blocks / np.sqrt((blocks**2).sum(1, keepdims=True) + 1e-10)
        clipped = np.minimum(blocks, 0.2)
        features.append((clipped / np.sqrt((clipped**2).sum(1, keepdims=True) + 1e-10)).ravel())
    return float(np.corrcoef(*features)[0, 1])


@pytest.mark.parametrize("mask", [ALL, disc(48, 20, 5, 25)])
def test_agrees_with_an_independent_computation(mask: np.ndarray) -> None:
    a, b = smooth(0), smooth(0) + smooth(1)
    found = likeness(plane(a, mask, 48), plane(b, mask, 48))
    assert found.ssim == pytest.approx(ssim_by_hand(a.astype(float), b.astype(float), mask), abs=1e-6)
    assert found.spearman == pytest.approx(abs(spearmanr(a[mask], b[mask]).statistic), abs=1e-9)
    assert found.hog == pytest.approx(hog_by_hand(a.astype(float), b.astype(float), mask), abs=1e-6)
    assert found.similarity == pytest.approx((found.ssim + found.spearman + found.hog) / 3)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100), st.floats(0.01, 100), st.floats(-5, 5), st.booleans())
def test_scale_shift_and_sign_do_not_matter(seed: int, scale: float, shift: float, flip: bool) -> None:
    a, b = smooth(seed), smooth(seed + 1)
    moved = (b.astype(np.float64) * (-scale if flip else scale) + shift).astype(np.float32)
    first, second = (likeness(plane(a, ALL, 32), plane(v, ALL, 32)) for v in (b, moved))
    assert first.ssim == pytest.approx(second.ssim, abs=0.02)
    assert first.spearman == pytest.approx(second.spearman, abs=0.01)
    same = likeness(plane(b, ALL, 32), plane(moved, ALL, 32))
    assert same.similarity == pytest.approx(1, abs=0.01)


def test_unrelated_maps_are_far_apart_and_tissue_alone_counts() -> None:
    mask = disc(48, 20, 5, 25)
    a, b = smooth(3), smooth(4)
    assert likeness(plane(a, ALL, 48), plane(b, ALL, 48)).similarity < 0.2
    outside = np.where(mask, b, 100 * smooth(5)).astype(np.float32)
    first, second = (likeness(plane(a, mask, 48), plane(v, mask, 48)) for v in (b, outside))
    assert first.spearman == second.spearman
    assert first.ssim == pytest.approx(second.ssim, abs=1e-9)


@pytest.mark.parametrize("flat", [np.zeros((48, 48), np.float32), np.full((48, 48), 7, np.float32),
                                  np.full((48, 48), np.nan, np.float32)])
def test_maps_without_contrast_are_alike_in_nothing(flat: Floats) -> None:
    for other in (flat, smooth(0)):
        found = likeness(plane(flat, ALL, 48), plane(other, ALL, 48))
        assert (found.ssim, found.spearman, found.hog, found.signed, found.contrast) == (0, 0, 0, 0, False)


def test_signed_tells_a_map_from_its_negative() -> None:
    a = plane(smooth(7), ALL, 32)
    assert likeness(a, a).signed == pytest.approx(1)
    assert likeness(a, plane(-smooth(7), ALL, 32)).signed == pytest.approx(-1)
    assert likeness(a, plane(-smooth(7), ALL, 32)).similarity == pytest.approx(1, abs=0.01)


def test_windows_of_different_sizes_meet_on_one_grid() -> None:
    y, x = np.mgrid[:96, :80]
    large = np.sin(x / 80 * 6 + y / 96 * 3).astype(np.float32)
    small = large[::2, ::2].copy()
    found = likeness(plane(large, np.ones((96, 80), bool), 32), plane(small, np.ones((48, 40), bool), 32))
    assert found.similarity > 0.97


def test_spearman_gives_ties_their_mean_rank() -> None:
    a, b = np.array([1.0, 2, 2, 3, 3, 3]), np.array([0.0, 5, 1, 1, 2, 9])
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)
