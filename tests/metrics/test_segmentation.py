"""Segmentation, synthesis, registration and anomaly: values worked by hand, and libraries where they are right."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.metrics import adapted_rand_error, peak_signal_noise_ratio
from sklearn.metrics import average_precision_score, roc_auc_score

from xaimed.errors import InputError
from xaimed.metrics.anomaly import auprc, auroc
from xaimed.metrics.registration import determinants, folding, target_errors
from xaimed.metrics.segmentation import dice, hd95, iou, partition
from xaimed.metrics.synthesis import mae, psnr, ssim


def square(x: int, size: int = 4) -> np.ndarray:
    mask = np.zeros((12, 20), np.bool_)
    mask[2:2 + size, x:x + size] = True
    return mask


def test_two_shifted_squares() -> None:
    """16 pixels each, 8 shared; shifted by two columns, so that no surface pixel is further off than 2."""
    one, other = square(2), square(4)
    assert dice(one, other) == 0.5
    assert iou(one, other) == pytest.approx(8 / 24)
    assert hd95(one, other) == 2.0
    assert hd95(one, other, (1.0, 0.5)) == 1.0
    assert hd95(one, one) == 0.0
    empty = np.zeros_like(one)
    assert math.isnan(dice(empty, empty))
    assert math.isnan(hd95(one, empty))
    with pytest.raises(InputError, match="one shape"):
        dice(one, empty[:3])


def test_partitions_by_hand() -> None:
    """Truth of two regions of 4; one labelling splits the first in half, one merges both."""
    truth = np.array([[1, 1, 1, 1, 2, 2, 2, 2, 0]])
    split = np.array([[1, 1, 3, 3, 2, 2, 2, 2, 7]])
    found = partition(split, truth)
    # sum p^2 = (2^2 + 2^2 + 4^2) / 64, sum t^2 = 32 / 64, sum s^2 = 24 / 64
    assert (found.rand_split, found.rand_merge) == (24 / 32, 1.0)
    assert found.rand == pytest.approx(2 * 24 / (24 + 32))
    # H(T) = log 2, H(S) = 1.5 log 2, information = log 2
    assert (found.info_split, found.info_merge, found.info) == pytest.approx((2 / 3, 1.0, 0.8))
    merged = partition(np.where(truth > 0, 1, 0), truth)
    assert (merged.rand_split, merged.rand_merge) == (1.0, 0.5)
    assert merged.info == 0.0
    assert partition(truth * 5, truth).rand == 1.0


def test_the_rand_score_is_that_of_scikit_image() -> None:
    rng = np.random.default_rng(0)
    truth, regions = rng.integers(0, 5, (40, 40)), rng.integers(1, 6, (40, 40))
    error, precision, recall = adapted_rand_error(truth, regions, ignore_labels=(0,))
    found = partition(regions, truth)
    assert found.rand == pytest.approx(1 - error, abs=1e-2)
    assert sorted([found.rand_split, found.rand_merge]) == pytest.approx(sorted([precision, recall]), abs=1e-2)


def test_synthesis_by_hand() -> None:
    truth = np.zeros((12, 12))
    image = truth + 0.1
    assert mae(image, truth) == pytest.approx(0.1)
    assert psnr(image, truth, 1.0) == pytest.approx(20.0)
    assert psnr(truth, truth, 1.0) == math.inf
    half = np.zeros((12, 12), np.bool_)
    half[:6] = True
    image[6:] = 5
    assert mae(image, truth, half) == pytest.approx(0.1)
    assert ssim(truth, truth, 1.0) == 1.0
    # Two constant images: (2 a b + c1) / (a^2 + b^2 + c1) with c1 = 0.0001
    flat = ssim(np.full((16, 16), 0.5), np.full((16, 16), 0.25), 1.0)
    assert flat == pytest.approx((2 * 0.125 + 1e-4) / (0.3125 + 1e-4))
    noise = np.random.default_rng(1).random((16, 16))
    theirs = peak_signal_noise_ratio(np.flip(noise), noise, data_range=1)
    assert psnr(noise, np.flip(noise), 1.0) == pytest.approx(theirs)
    with pytest.raises(InputError, match="at least 11"):
        ssim(truth[:5], truth[:5], 1.0)


def test_registration_by_hand() -> None:
    field = np.zeros((2, 10, 10))
    field[1] = 3.0
    points, right = np.array([[2.0, 2.0], [5.5, 4.0]]), np.array([0.0, 3.0])
    assert target_errors(points, points + right, field).tolist() == [0.0, 0.0]
    assert target_errors(points, points + right, np.zeros_like(field), (1.0, 0.5)).tolist() == [1.5, 1.5]
    assert folding(field) == 0.0
    assert (determinants(field) == 1).all()
    # x + u with u = -2 x turns the axis over: its slope is -1 everywhere; on half of the grid only, half folds.
    rows = np.arange(10.0)
    turned = np.zeros((2, 10, 10))
    turned[0] = (-2 * rows)[:, None]
    assert folding(turned) == 1.0
    turned[:, :, 5:] = 0
    inside = np.zeros((10, 10), np.bool_)
    inside[:, :4] = True
    assert folding(turned, inside) == 1.0
    assert folding(turned, ~inside & (np.arange(10) > 5)) == 0.0
    with pytest.raises(InputError, match="outside the grid"):
        target_errors(points * 9, points, field)


def test_anomaly_scores_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    scores, truth = rng.integers(0, 6, 60) / 6, rng.random(60) < 0.3
    assert auroc(scores, truth) == pytest.approx(roc_auc_score(truth, scores))
    assert auprc(scores, truth) == pytest.approx(average_precision_score(truth, scores))
    assert auprc(np.zeros(10), np.arange(10) < 3) == pytest.approx(0.3)
    assert math.isnan(auprc(scores, np.zeros(60, np.bool_)))
    with pytest.raises(InputError, match="not finite"):
        auroc(np.array([np.nan, 1.0]), np.array([True, False]))
