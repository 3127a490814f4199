"""Probes of grey values against what they say they do."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from tests.probes.sets import squares
from xaimed.probes import blur, contrast, gamma, jpeg, marker_removed, noise, resolution
from xaimed.probes.probe import NotServed, Setting
from xaimed.types import Case, Floats


def rough(side: int = 128, low: float = 0.3, high: float = 0.7) -> Case:
    drawn = np.random.default_rng(1).uniform(low, high, (1, side, side))
    return Case("rough", drawn.astype(np.float32))


def test_the_noise_has_the_spread_that_was_asked_and_its_own_draw_a_case() -> None:
    case = rough()
    added = noise.PROBE.change(case, Setting(0.05, 1)).image - case.image
    assert added.std() == pytest.approx(0.05 * np.ptp(case.image), rel=0.03)
    assert abs(added.mean()) < 1e-3
    other = noise.PROBE.change(Case("other", case.image), Setting(0.05, 1)).image - case.image
    again = noise.PROBE.change(case, Setting(0.05, 2)).image - case.image
    for unlike in (other, again):
        assert abs(np.corrcoef(added.ravel(), unlike.ravel())[0, 1]) < 0.05


def test_the_blur_is_gaussian_with_a_sigma_by_the_longer_side() -> None:
    case = rough()
    expected = gaussian_filter(case.image[0], 0.02 * 128, mode="mirror", truncate=4)
    assert np.abs(blur.PROBE.change(case, Setting(0.02)).image[0] - expected).max() < 2e-3
    assert np.array_equal(blur.PROBE.change(case, Setting(0.0)).image, case.image)


def test_contrast_and_gamma_by_hand() -> None:
    image: Floats = np.array([[[0.2, 0.4], [0.6, 0.8]]], np.float32)
    case = Case("c", image)
    assert np.allclose(contrast.PROBE.change(case, Setting(0.5)).image, [[[0.35, 0.45], [0.55, 0.65]]])
    assert np.allclose(contrast.PROBE.change(case, Setting(3.0)).image, [[[0.0, 0.2], [0.8, 1.0]]], atol=1e-6)
    assert np.allclose(gamma.PROBE.change(case, Setting(2.0)).image, image**2)
    assert np.array_equal(gamma.PROBE.change(case, Setting(1.0)).image, image)


def test_jpeg_is_that_of_another_decoder() -> None:
    smooth = gaussian_filter(rough().image[0], 3)
    case = Case("c", smooth[None])
    found = jpeg.PROBE.change(case, Setting(100.0)).image[0]
    assert np.abs(found - smooth).max() < 0.02
    buffer = io.BytesIO()
    Image.fromarray(np.round(smooth * 255).astype(np.uint8)).save(buffer, "JPEG", quality=30)
    expected = np.asarray(Image.open(buffer), np.float32) / 255
    assert np.abs(jpeg.PROBE.change(case, Setting(30.0)).image[0] - expected).mean() < 0.004


def test_a_coarser_image_keeps_means_and_loses_detail() -> None:
    case = rough()
    found = resolution.PROBE.change(case, Setting(0.25)).image[0]
    blocks = case.image[0].reshape(32, 4, 32, 4).mean(axis=(1, 3))
    centres = found[1::4, 1::4], found[2::4, 2::4]
    assert np.corrcoef(((centres[0] + centres[1]) / 2).ravel(), blocks.ravel())[0, 1] > 0.95
    assert found.std() < 0.5 * case.image.std()


def test_markers_go_and_tissue_stays() -> None:
    case = squares(2)[1]
    assert case.markers is not None
    for level in ("markers", "outside"):
        found = marker_removed.PROBE.change(case, Setting(level)).image
        assert np.allclose(found[0][case.markers], 0.02, atol=0.01)
        assert np.array_equal(found[0, 4:60, :36], case.image[0, 4:60, :36])
    with pytest.raises(NotServed, match="does not say where markers are"):
        marker_removed.PROBE.change(Case("c", case.image), Setting("markers"))
    with pytest.raises(NotServed, match="no tissue stands out"):
        marker_removed.PROBE.change(Case("c", np.full((1, 64, 64), 0.5, np.float32)), Setting("outside"))
