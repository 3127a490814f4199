"""Sites: curves, noise and blur are what they claim."""

import numpy as np
import pytest

from xaimed.data.synthesis.acquisition import SITES, Site, blurred, curve, digitised, grain


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)
def test_curves_rise_from_black(site: Site) -> None:
    grey = curve(np.linspace(0, 1.2, 50, dtype=np.float32), site)
    assert grey[0] == 0
    assert (np.diff(grey) > 0).all()


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)
def test_noise_grows_with_the_root_of_the_signal(site: Site) -> None:
    grey = np.full((256, 256), 512, np.float32)
    grey[128:] = 2048
    noise = grain(grey, site, 0.43, np.random.default_rng(0))
    assert noise[130:].std() == pytest.approx(3 + site.noise, rel=0.03)
    assert noise[:126].std() == pytest.approx(3 + site.noise / 2, rel=0.03)
    assert abs(noise.mean()) < 1


def test_sites_differ_in_noise_blur_and_contrast() -> None:
    assert len({site.noise for site in SITES}) == len({site.blur_mm for site in SITES}) == len(SITES)
    middle = [float(curve(np.array([0.5], np.float32), site)[0]) for site in SITES]
    assert min(abs(a - b) for k, a in enumerate(middle) for b in middle[:k]) > 100
    assert sum(site.share for site in SITES) == pytest.approx(1)


def test_blur_spreads_a_point_with_the_sites_sigma() -> None:
    site = SITES[1]
    point = np.zeros((101, 101), np.float32)
    point[50, 50] = 1
    spread = blurred(point, site, 0.1).astype(float)
    offsets = np.arange(101) - 50
    assert spread.sum() == pytest.approx(1, abs=1e-4)
    assert np.sqrt((spread.sum(axis=0) * offsets**2).sum()) * 0.1 == pytest.approx(site.blur_mm, rel=0.05)


def test_digitising_rounds_and_clips() -> None:
    grey = np.array([[-3.0, 0.4, 0.6, 4095.7, 9999.0]], np.float32)
    assert digitised(grey).tolist() == [[0, 0, 1, 4095, 4095]]
    assert digitised(grey).dtype == np.uint16
