"""Boxes and heat maps come back to original pixels within one pixel, whatever was done to the image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xaimed.errors import InputError
from xaimed.imaging.filters import OFF
from xaimed.imaging.geometry import map_boxes, map_shares, map_values, mirror, scaling, translation
from xaimed.imaging.preprocessing import Preprocessing, prepare
from xaimed.types import Case


def blob(shape: tuple[int, int], x: float, y: float, sigma: float) -> np.ndarray:
    rows, columns = np.mgrid[0:shape[0], 0:shape[1]] + 0.5
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2)).astype(np.float32)


def centre(values: np.ndarray) -> tuple[float, float]:
    rows, columns = np.mgrid[0:values.shape[0], 0:values.shape[1]] + 0.5
    weight = values / values.sum()
    return float((columns * weight).sum()), float((rows * weight).sum())


@settings(max_examples=40, deadline=None)
@given(height=st.integers(90, 260), width=st.integers(90, 260), long_side=st.sampled_from([0, 64, 100, 177, 320]),
       multiple=st.sampled_from([1, 16, 32]), across=st.floats(0.3, 0.7), down=st.floats(0.3, 0.7))
def test_a_point_prepared_and_mapped_back(height: int, width: int, long_side: int, multiple: int, across: float,
                                          down: float) -> None:
    x, y, sigma = across * width, down * height, max(height, width) / 40
    image = blob((height, width), x, y, sigma)
    steps = Preprocessing(filters=OFF, segment=False, crop=False, long_side=long_side, stretch=None, multiple=multiple)
    prepared = prepare(Case("a", image[None]), steps)
    assert prepared.image.shape[-1] % multiple == 0
    back = map_values(prepared.image[0], prepared.affine, prepared.shape)
    assert back.shape == (height, width)
    found = centre(back)
    assert abs(found[0] - x) < 1
    assert abs(found[1] - y) < 1


@settings(max_examples=25, deadline=None)
@given(left=st.integers(0, 60), top=st.integers(0, 60), flip=st.booleans(), long_side=st.sampled_from([96, 160, 300]))
def test_a_point_in_a_cropped_breast(left: int, top: int, flip: bool, long_side: int) -> None:
    height, width = 240, 200
    image = np.zeros((height, width), np.float32)
    image[top:top + 150, left:left + 120] = 0.4
    x, y = left + 70.0, top + 65.0
    image += 0.6 * blob((height, width), x, y, 4)
    case = Case("a", np.clip(image, 0, 1)[None])
    prepared = prepare(case, Preprocessing(filters=OFF, long_side=long_side, stretch=None))
    lit = np.clip(prepared.image[0] - 0.5, 0, 1)
    affine = prepared.affine
    if flip:
        lit, affine = lit[:, ::-1], affine @ mirror(lit.shape[1])
    found = centre(map_values(np.ascontiguousarray(lit), affine, prepared.shape))
    assert abs(found[0] - x) < 1
    assert abs(found[1] - y) < 1


sizes = st.floats(0.2, 5)
shifts = st.floats(-300, 300)


@given(st.lists(st.tuples(shifts, shifts, st.floats(1, 200), st.floats(1, 200)), min_size=1, max_size=5), sizes, sizes,
       shifts, shifts, st.booleans())
def test_boxes_come_back(boxes: list[tuple[float, float, float, float]], across: float, down: float, x: float, y: float,
                         flip: bool) -> None:
    edges = np.array([(a, b, a + w, b + h) for a, b, w, h in boxes])
    affine = translation(x, y) @ scaling(across, down) @ (mirror(100) if flip else np.eye(3))
    np.testing.assert_allclose(map_boxes(map_boxes(edges, affine), np.linalg.inv(affine)), edges, atol=1e-6)


def test_known_box() -> None:
    # Crop at (10, 20), then halved: prepared (3, 4) is original (16, 28). A flip turns the edges round.
    affine = translation(10, 20) @ scaling(2, 2)
    assert map_boxes(np.array([[3, 4, 5, 6]]), affine).tolist() == [[16, 28, 20, 32]]
    assert map_boxes(np.array([[3, 4, 5, 6]]), mirror(10)).tolist() == [[5, 4, 7, 6]]
    assert map_boxes(np.zeros((0, 4)), affine).shape == (0, 4)


def test_box_and_map_agree_with_the_preparation() -> None:
    """A bright rectangle is found, in the prepared image, exactly where its box is mapped to."""
    image = np.full((200, 160), 0.1, np.float32)
    image[40:80, 60:100] = 1
    prepared = prepare(Case("a", image[None]), Preprocessing(filters=OFF, crop=False, segment=False, long_side=100,
                                                             stretch=None))
    x0, y0, x1, y1 = map_boxes(np.array([[60, 40, 100, 80]]), np.linalg.inv(prepared.affine))[0]
    rows, columns = np.nonzero(prepared.image[0] > 0.55)
    assert abs(columns.min() - x0) <= 0.5
    assert abs(columns.max() + 1 - x1) <= 0.5
    assert abs(rows.min() - y0) <= 0.5
    assert abs(rows.max() + 1 - y1) <= 0.5


def test_identity_and_outside() -> None:
    values = np.random.default_rng(0).random((6, 8), np.float32)
    np.testing.assert_array_equal(map_values(values, np.eye(3), (6, 8)), values)
    placed = map_values(values, translation(3, 2), (12, 14))
    np.testing.assert_allclose(placed[2:8, 3:11], values, atol=1e-6)
    placed[2:8, 3:11] = 0
    assert not placed.any()
    np.testing.assert_array_equal(map_values(values, mirror(8), (6, 8)), values[:, ::-1])
    np.testing.assert_allclose(map_values(np.ones((5, 5), np.float32), scaling(4, 4), (20, 20)), 1)


def test_not_invertible() -> None:
    with pytest.raises(InputError, match="inverted"):
        map_values(np.zeros((4, 4), np.float32), scaling(0, 1), (4, 4))


def by_area(values: np.ndarray, affine: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Each prepared pixel's share by the area of its footprint in each original pixel, pixel by pixel."""
    out = np.zeros(shape)
    for row, column in np.ndindex(values.shape):
        x0, y0, x1, y1 = map_boxes(np.array([[column, row, column + 1, row + 1]]), affine)[0]
        for i, j in np.ndindex(shape):
            part = max(0, min(x1, j + 1) - max(x0, j)) * max(0, min(y1, i + 1) - max(y0, i))
            out[i, j] += values[row, column] * part / ((x1 - x0) * (y1 - y0))
    return out


@pytest.mark.parametrize("affine", [scaling(0.5, 0.4), translation(2, 1) @ scaling(0.7, 0.3),
                                    mirror(12.0) @ scaling(0.5, 0.5)])
def test_shares_on_a_coarser_grid_are_shares_of_area(affine: np.ndarray) -> None:
    values = np.random.default_rng(0).normal(size=(9, 11)).astype(np.float32)
    found = map_shares(values, affine, (10, 12))
    assert np.allclose(found, by_area(values, affine, (10, 12)), atol=1e-5)
    assert found.sum() == pytest.approx(values.sum(), abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(height=st.integers(20, 120), width=st.integers(20, 120), long_side=st.integers(12, 150),
       multiple=st.sampled_from([1, 16]), flip=st.booleans())
def test_shares_keep_their_sum_and_lie_where_values_do(height: int, width: int, long_side: int, multiple: int,
                                                       flip: bool) -> None:
    image = blob((height, width), 0.5 * width, 0.4 * height, max(height, width) / 6)
    steps = Preprocessing(filters=OFF, segment=False, crop=False, long_side=long_side, stretch=None, multiple=multiple)
    prepared = prepare(Case("a", image[None]), steps)
    values = np.random.default_rng(0).random(prepared.size).astype(np.float32)
    affine = mirror(width) @ prepared.affine if flip else prepared.affine
    found = map_shares(values, affine, prepared.shape)
    assert found.sum() == pytest.approx(float(values.sum()), rel=1e-4)
    even = map_shares(np.ones(prepared.size, np.float32), affine, prepared.shape)
    # An even map stays even, but for the rim where the sizes were rounded.
    each = np.prod(prepared.size) / np.prod(prepared.shape)
    assert np.abs(np.median(even) / each - 1) < 0.05
    smooth = map_values(prepared.image[0][:prepared.size[0], :prepared.size[1]], affine, prepared.shape)
    shares = map_shares(prepared.image[0][:prepared.size[0], :prepared.size[1]], affine, prepared.shape)
    assert centre(shares) == pytest.approx(centre(smooth), abs=max(1.0, 1.5 * max(height, width) / long_side))


def test_shares_refuse_a_turn() -> None:
    turned = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    with pytest.raises(InputError, match="turns or flattens"):
        map_shares(np.ones((3, 3), np.float32), turned, (3, 3))
