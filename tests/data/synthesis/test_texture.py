"""Power spectra, measured with a periodogram of our own rather than with the generator's filter."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from xaimed.data.synthesis import PhantomOptions, make_patient
from xaimed.data.synthesis.anatomy import TISSUE_BETA
from xaimed.data.synthesis.texture import power_law, smoothstep

Patch = NDArray[Any]


def _slope(patches: list[Patch], low: float, high: float) -> float:
    """Minus the slope of the log radial power spectrum between two frequencies in cycles per patch."""
    size = patches[0].shape[0]
    taper = np.outer(np.hanning(size), np.hanning(size))
    spectra = [np.abs(np.fft.fft2((patch - patch.mean()) * taper)) ** 2 for patch in patches]
    power = np.mean(spectra, axis=0)
    axis = np.fft.fftfreq(size) * size
    radius = np.hypot(*np.meshgrid(axis, axis))
    rings = np.arange(low, high)
    level = [power[(radius >= ring) & (radius < ring + 1)].mean() for ring in rings]
    return -float(np.polyfit(np.log(rings + 0.5), np.log(level), 1)[0])


@pytest.mark.parametrize("beta", [2.0, 3.0, 3.6])
def test_noise_has_the_asked_slope(beta: float) -> None:
    rng = np.random.default_rng(3)
    fields = [power_law((256, 256), beta, rng).astype(float) for _ in range(6)]
    assert _slope(fields, 4, 60) == pytest.approx(beta, abs=0.15)


@given(st.integers(0, 2**32 - 1), st.integers(20, 90), st.integers(20, 90))
@settings(max_examples=20, deadline=None)
def test_noise_is_standardised_and_depends_on_the_seed_alone(seed: int, height: int, width: int) -> None:
    field = power_law((height, width), 3.0, np.random.default_rng(seed))
    assert field.shape == (height, width)
    assert abs(float(field.mean())) < 1e-4
    assert float(field.std()) == pytest.approx(1, abs=1e-3)
    assert (field == power_law((height, width), 3.0, np.random.default_rng(seed))).all()


def _scan(file: Path) -> Patch:
    full = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    assert full is not None
    return np.asarray(cv2.resize(full, (512, 512), interpolation=cv2.INTER_AREA))


def _densest(image: Patch, inside: Patch) -> Patch | None:
    """The brightest 128 x 128 patch that lies wholly inside the breast."""
    share = cv2.boxFilter(inside.astype(float), -1, (128, 128), borderType=cv2.BORDER_CONSTANT)
    level = cv2.boxFilter(image.astype(float), -1, (128, 128), borderType=cv2.BORDER_CONSTANT)
    level[share < 0.995] = 0
    y, x = np.unravel_index(level.argmax(), level.shape)
    patch = image[max(y - 64, 0) : y + 64, max(x - 64, 0) : x + 64].astype(float)
    return patch if patch.shape == (128, 128) and level.max() > 0 else None


@pytest.fixture(scope="module")
def slope() -> float:
    """The median slope of dense phantom tissue, 3 to 24 cycles per 55 mm."""
    options = PhantomOptions(lesion_rate=0.0, calcification_rate=0.0)
    images = [image for number in range(10) for image in make_patient(2, number, options)]
    patches = [_densest(image.image, image.tissue & ~image.pectoral) for image in images]
    slopes = [_slope([patch], 3, 24) for patch in patches if patch is not None]
    assert len(slopes) > 10
    return float(np.median(slopes))


def test_tissue_of_whole_images_has_a_slope_near_its_beta(slope: float) -> None:
    # the border of the gland and the detector's blur make whole images a little steeper than the texture
    assert slope == pytest.approx(TISSUE_BETA, abs=0.6)


def test_tissue_has_the_slope_of_real_mammograms(slope: float, data_root: Path) -> None:
    files = sorted((data_root / "mini-mias" / "images").glob("*.png"))[:16]
    if not files:
        pytest.skip("mini-mias is not in the data folder")
    scans = [_scan(file) for file in files]
    patches = [_densest(scan, scan > 0.15 * scan.max()) for scan in scans]
    real = np.median([_slope([patch], 3, 24) for patch in patches if patch is not None])
    assert slope == pytest.approx(real, abs=0.5)


def test_smoothstep_known_values() -> None:
    values = np.array([-1, 0, 0.25, 0.5, 1, 2], np.float32)
    assert smoothstep(values).tolist() == [0, 0, 0.15625, 0.5, 1, 1]
