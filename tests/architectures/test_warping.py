"""Moving images by displacements, against loops and closed forms, in 2-D and 3-D."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.ndimage import map_coordinates

from xaimed.architectures.warping import exponential, grown, warped


def by_loop(image: np.ndarray, field: np.ndarray) -> np.ndarray:
    """The image (h, w) at x + dx, y + dy, pixel by pixel, indices held inside the image."""
    height, width = image.shape
    out = np.zeros_like(image)
    for row in range(height):
        for column in range(width):
            x = min(max(column + field[0, row, column], 0), width - 1)
            y = min(max(row + field[1, row, column], 0), height - 1)
            left, top = min(int(x), width - 2), min(int(y), height - 2)
            across, down = x - left, y - top
            out[row, column] = ((1 - down) * ((1 - across) * image[top, left] + across * image[top, left + 1])
                                + down * ((1 - across) * image[top + 1, left] + across * image[top + 1, left + 1]))
    return out


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.0, 6.0))
def test_it_is_the_loop(seed: int, size: float) -> None:
    draw = np.random.default_rng(seed)
    image, field = draw.random((7, 9)), draw.normal(0, size, (2, 7, 9))
    found = warped(torch.from_numpy(image)[None, None], torch.from_numpy(field)[None])[0, 0].numpy()
    np.testing.assert_allclose(found, by_loop(image, field), atol=1e-9)


def test_a_volume_is_moved_along_x_y_and_z() -> None:
    draw = np.random.default_rng(0)
    volume, field = draw.random((4, 6, 5)), draw.normal(0, 1, (3, 4, 6, 5))
    found = warped(torch.from_numpy(volume)[None, None], torch.from_numpy(field)[None])[0, 0].numpy()
    expected = map_coordinates(volume, np.indices(volume.shape) + field[::-1], order=1, mode="nearest")
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_the_bright_pixel_comes_from_where_the_displacement_points() -> None:
    moving = torch.zeros(1, 1, 5, 5)
    moving[0, 0, 1, 3] = 1.0
    field = torch.zeros(1, 2, 5, 5)
    field[0, 0], field[0, 1] = 2.0, -1.0  # two to the right, one up
    found = warped(moving, field)
    assert found[0, 0, 2, 1] == 1.0
    assert float(found.sum()) == pytest.approx(1.0)


def test_the_exponential_of_a_linear_velocity_is_that_of_its_matrix() -> None:
    side, turn = 41, np.array([[0.0, -0.3], [0.25, 0.1]])
    rows, columns = np.indices((side, side)) - side // 2
    points = np.stack([columns, rows]).astype(float)
    velocity = np.einsum("ij,jhw->ihw", turn, points)
    wanted = np.einsum("ij,jhw->ihw", expm(turn) - np.eye(2), points)
    found = exponential(torch.from_numpy(velocity)[None], 7)[0].numpy()
    inner = slice(side // 2 - 8, side // 2 + 9)
    gap = np.abs(found - wanted)[:, inner, inner].max()
    assert gap < 0.02
    assert gap < 0.1 * np.abs(velocity - wanted)[:, inner, inner].max()


def test_what_goes_forth_comes_back() -> None:
    rows, columns = torch.meshgrid(torch.linspace(0, 3, 32), torch.linspace(0, 3, 32), indexing="ij")
    velocity = torch.stack([torch.sin(columns) * torch.sin(rows), torch.sin(rows) * torch.cos(columns)])[None] * 2
    forth, back = exponential(velocity, 7), exponential(-velocity, 7)
    assert float((forth + warped(back, forth))[..., 5:-5, 5:-5].abs().max()) < 0.05


def test_a_finer_grid_keeps_the_way_and_counts_finer_pixels() -> None:
    field = torch.ones(1, 2, 4, 6)
    fine = grown(field, (8, 18))
    assert fine.shape == (1, 2, 8, 18)
    assert torch.allclose(fine[0, 0], torch.tensor(3.0))
    assert torch.allclose(fine[0, 1], torch.tensor(2.0))
    volume = grown(torch.ones(1, 3, 2, 4, 6), (2, 8, 18))
    assert torch.allclose(volume[0, :, 0, 0, 0], torch.tensor([3.0, 2.0, 1.0]))
