"""Another patient's map on a scene: where it lands is known exactly, whatever crop, flip and scale the scenes have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.scenery import scene
from xaimed.errors import InputError
from xaimed.imaging.geometry import inverse, map_values, mirror, scaling, translation
from xaimed.metrics.donor import Donor, frame_of, original_of, tissue_frame
from xaimed.scene import Scene
from xaimed.types import Floats, Matrix

H, W = 90, 120


def placed(affine: Matrix, size: tuple[int, int] = (48, 40)) -> Scene:
    """A scene on a grid of `size` that `affine` takes to an original of 90 x 120."""
    of = scene(torch.zeros(1, 1, *size), lambda x: x.sum((1, 2, 3)))
    return replace(of, place=lambda v: map_values(v, affine, (H, W)))


@pytest.mark.parametrize("affine", [
    translation(20, 10), scaling(2.0, 1.5), translation(30, 5) @ scaling(1.7, 1.7),
    translation(50, 20) @ mirror(40) @ scaling(1.0, 1.0), translation(-6, -8) @ scaling(2.5, 2.5)])
def test_the_geometry_is_read_off_the_scene(affine: Matrix) -> None:
    assert original_of(placed(affine)) == pytest.approx(affine, abs=2e-3)


def test_a_scene_outside_its_original_is_refused() -> None:
    with pytest.raises(InputError, match="lie in the original"):
        original_of(placed(translation(500, 500)))


def blob(x: float, y: float, sigma: float) -> Floats:
    columns, rows = np.arange(W) + 0.5, np.arange(H)[:, None] + 0.5
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2)).astype(np.float32)


def box(x: float, y: float, side: float) -> tuple[float, float, float, float]:
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_gaussian_on_the_box_lands_on_the_box(mirrored: bool) -> None:
    # The method that draws a Gaussian on every box, as wide as the box: another patient's map is its own.
    here, own = placed(translation(40, 20)), blob(62, 44, 6)
    other = Donor(blob(30, 60, 9), box(30, 60, 36), mirrored)
    laid = other.on(here, box(62, 44, 24))
    grid = map_values(own, inverse(translation(40, 20)), (48, 40))
    assert laid == pytest.approx(grid, abs=0.01)


def test_a_mirrored_donor_is_turned_round() -> None:
    here = placed(translation(40, 20))
    left = blob(25, 60, 4)
    plain, turned = (Donor(left, box(30, 60, 40), m).on(here, box(60, 44, 40)) for m in (False, True))
    assert np.unravel_index(plain.argmax(), plain.shape)[1] == pytest.approx(60 - 5 - 40, abs=1)
    assert np.unravel_index(turned.argmax(), turned.shape)[1] == pytest.approx(60 + 5 - 40, abs=1)


def test_beyond_the_donors_image_there_is_nothing() -> None:
    laid = Donor(np.ones((H, W), np.float32), box(10, 10, 20)).on(placed(translation(0, 0)), box(30, 30, 20))
    assert laid[:19].max() == 0
    assert laid[22:, 22:].min() == 1


def test_frames_of_tissue() -> None:
    tissue = np.zeros((H, W), bool)
    tissue[10:50, 20:70] = True
    assert tissue_frame(tissue) == (20, 10, 70, 50)
    assert tissue_frame(np.zeros((5, 7), bool)) == (0, 0, 7, 5)
    inside = torch.zeros(48, 40, dtype=torch.bool)
    inside[8:20, 4:30] = True
    of = replace(placed(translation(20, 10) @ scaling(1.5, 1.5)), tissue=inside)
    assert frame_of(of) == pytest.approx((26, 22, 65, 40), abs=0.01)
