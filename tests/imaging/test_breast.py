"""The breast mask on drawn films of known outline and on real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from xaimed.data.mini_mias import MiniMias
from xaimed.imaging.breast import bounds, breast_mask
from xaimed.imaging.files import read_image


def drawn(height: int = 512, width: int = 400, film: float = 0.04, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A half-ellipse at the left edge that fades towards its skin, on noisy film; and its true mask."""
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    radius = np.hypot(columns / (0.6 * width), (rows - height / 2) / (0.4 * height))
    truth = radius < 1
    tissue = 0.15 + 0.5 * np.clip(1 - radius, 0, 1) ** 0.5
    noise = np.random.default_rng(seed).normal(0, 0.01, truth.shape)
    return np.clip(np.where(truth, tissue, film) + noise, 0, 1).astype(np.float32)[None], truth


def overlap(one: np.ndarray, two: np.ndarray) -> float:
    return float((one & two).sum() / (one | two).sum())


@pytest.mark.parametrize("film", [0.0, 0.04, 0.08])
def test_a_drawn_breast(film: float) -> None:
    image, truth = drawn(film=film)
    assert overlap(breast_mask(image), truth) > 0.97


def test_size_does_not_matter() -> None:
    for factor in (1, 3):
        image, truth = drawn(256 * factor, 200 * factor)
        assert overlap(breast_mask(image), truth) > 0.96


def test_label_and_bright_rims_are_left_out() -> None:
    image, truth = drawn()
    image[:, 20:80, 320:390] = 1.0
    image[:, :6], image[:, -6:], image[:, :, -8:] = 1.0, 0.9, 1.0
    mask = breast_mask(image)
    assert overlap(mask, truth) > 0.95
    assert not mask[20:80, 320:390].any()
    _, y0, x1, y1 = bounds(mask)
    assert y0 > 45
    assert y1 < 467
    assert x1 < 280


def test_nothing_stands_out() -> None:
    assert breast_mask(np.zeros((1, 40, 50), np.float32)).all()
    assert breast_mask(np.full((1, 40, 50), 0.5, np.float32)).all()
    assert bounds(np.zeros((4, 5), bool)) == (0, 0, 5, 4)


def test_bounds_of_known_pixels() -> None:
    mask = np.zeros((10, 12), bool)
    mask[2:5, 7:9] = True
    assert bounds(mask) == (7, 2, 9, 5)


def test_against_manual_maps_of_ddsm(data_root: Path) -> None:
    """Manual outlines lie inside the skin, so recall is high and the mask a little larger."""
    scores, recalls = [], []
    for path in sorted((data_root / "ddsm-tissue-seg").glob("*/images/*.png"))[::6]:
        label = np.asarray(Image.open(path.parent.parent / "labels" / f"{path.stem}_LI.png"))
        truth, mask = label > 64, breast_mask(read_image(path).image)
        scores.append(overlap(mask, truth))
        recalls.append((mask & truth).sum() / truth.sum())
    assert np.mean(scores) > 0.90
    assert min(scores) > 0.75
    assert min(recalls) > 0.96


def test_cbis_films_lose_their_scanner_rims(data_root: Path) -> None:
    for path in sorted((data_root / "cbis-ddsm-dicom").glob("*.dcm")):
        image = read_image(path).image
        mask = breast_mask(image)
        x0, _, x1, _ = bounds(mask)
        assert ndimage.label(mask)[1] == 1
        assert (x1 - x0) < 0.72 * mask.shape[1], f"{path.name}: the film's far edge is taken for tissue"
        bright = image[0] > 0.5
        inner = np.zeros_like(mask)
        inner[60:-60, 60:-60] = True
        core = ndimage.binary_opening(bright & inner, iterations=40)
        assert mask[core].all(), f"{path.name}: tissue is cut"


def test_mias_films_keep_lesions_and_drop_labels(data_root: Path) -> None:
    films = MiniMias(data_root / "mini-mias")
    for name in ("mdb005", "mdb028", "mdb058", "mdb144", "mdb274"):
        index = [row.case for row in films.rows].index(name)
        case = films[index]
        mask = breast_mask(case.image)
        assert 0.15 < mask.mean() < 0.72
        for lesion in () if case.masks is None else case.masks:
            assert mask[lesion].mean() > 0.97
        if name == "mdb274":
            assert not mask[:, 900:].any(), "the white scanner frame"
        if name == "mdb058":
            assert not mask[:230, 760:].any(), "the film's label"
