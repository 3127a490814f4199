"""Synthesis: errors by hand, the library's values, and what the metric of a case says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from xaimed.errors import InputError
from xaimed.metrics.synthesis import METRIC, mae, psnr, ssim
from xaimed.types import Case, Floats, Prediction

DRAW = np.random.default_rng(0)
REAL = DRAW.random((16, 20)).astype(np.float32)
MADE = np.clip(REAL + DRAW.normal(0, 0.1, REAL.shape), 0, 1).astype(np.float32)


def test_errors_by_hand() -> None:
    real, made = np.array([[0.0, 0.5], [1.0, 0.2]]), np.array([[0.1, 0.5], [0.6, 0.2]])
    assert mae(made, real) == pytest.approx(0.5 / 4)
    assert psnr(made, real, 1.0) == pytest.approx(10 * math.log10(4 / 0.17))
    mask = np.array([[True, True], [False, False]])
    assert mae(made, real, mask) == pytest.approx(0.05)
    assert psnr(made, real, 2.0, mask) == pytest.approx(10 * math.log10(4 / 0.005))
    assert math.isnan(mae(made, real, mask & False))
    assert psnr(real, real, 1.0) == math.inf


def test_the_library_agrees() -> None:
    assert psnr(MADE, REAL, 1.0) == pytest.approx(peak_signal_noise_ratio(REAL, MADE, data_range=1.0), rel=1e-5)
    known = structural_similarity(REAL.astype(float), MADE.astype(float), data_range=1.0, gaussian_weights=True,
                                  sigma=1.5, use_sample_covariance=False)
    assert ssim(MADE, REAL, 1.0) == pytest.approx(known)
    assert ssim(REAL, REAL, 1.0) == pytest.approx(1.0)


def prediction(*planes: Floats) -> Prediction:
    names = ["image"] if len(planes) == 1 else [f"image {i}" for i in range(len(planes))]
    return Prediction("c0", dense=dict(zip(names, planes, strict=True)))


def test_a_case_of_two_planes_has_their_mean() -> None:
    case = Case("c0", np.zeros((1, 16, 20), np.float32), wanted=np.stack([REAL, REAL]))
    rows = {row.metric: row.value for row in METRIC(case, prediction(MADE, REAL))}
    assert rows["MAE"] == pytest.approx(mae(MADE, REAL) / 2)
    assert rows["SSIM"] == pytest.approx((1 + ssim(MADE, REAL, 1.0)) / 2)
    assert set(rows) == set(METRIC.measures)


def test_nothing_without_a_wanted_image_and_a_line_for_other_planes() -> None:
    image = np.zeros((1, 16, 20), np.float32)
    assert METRIC(Case("c0", image), prediction(MADE)) == []
    with pytest.raises(InputError, match="makes 2 planes and 1 are wanted"):
        METRIC(Case("c0", image, wanted=REAL[None]), prediction(MADE, MADE))
    with pytest.raises(InputError, match="positive range"):
        psnr(MADE, REAL, 0.0)
    with pytest.raises(InputError, match="expected one shape"):
        mae(MADE, REAL[:5])
    with pytest.raises(InputError, match="at least 11 pixels"):
        ssim(MADE[:5], REAL[:5], 1.0)
