"""What a network sees of a case: sizes, grey stretch, switched steps and refused images."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import numpy as np
import pytest

from xaimed.errors import InputError, PlanError
from xaimed.imaging.filters import OFF
from xaimed.imaging.preprocessing import Preprocessing, prepare, preprocessing_of, without_filters
from xaimed.types import Case


def case(channels: int = 1, height: int = 120, width: int = 90) -> Case:
    image = np.zeros((channels, height, width), np.float32)
    image[:, 20:100, :60] = np.linspace(0.3, 0.8, 60, dtype=np.float32)
    return Case("a", image)


def test_long_side_and_padding() -> None:
    prepared = prepare(case(), Preprocessing(crop=False, long_side=100, multiple=32))
    assert prepared.size == (100, 75)
    assert prepared.image.shape == (1, 128, 96)
    assert not prepared.image[:, 100:].any()
    assert not prepared.tissue[:, 75:].any()
    np.testing.assert_allclose(prepared.affine, np.diag([90 / 75, 1.2, 1]))


def test_crop_leaves_the_margin() -> None:
    prepared = prepare(case(), Preprocessing(filters=OFF, long_side=0, margin=0.1, multiple=1))
    x, y = prepared.affine[:2, 2]
    assert x == 0
    assert 10 <= y <= 14, "ten per cent of 80 rows above row 20"


def test_none_in_toml_is_no_stretch_and_another_word_is_refused() -> None:
    """A stretch of 0 spans the whole range of each image: one bright pixel sets the scale of all others."""
    table = tomllib.loads('stretch = "none"\nsegment = false\ncrop = false\nlong_side = 0\nmultiple = 1')
    plain = prepare(case(), replace(preprocessing_of(table), filters=OFF))
    assert preprocessing_of(table).stretch is None
    np.testing.assert_array_equal(plain.image, case().image)
    with pytest.raises(PlanError, match="expected float"):
        preprocessing_of({"stretch": "nothing"})
    with pytest.raises(PlanError, match="expected bool"):
        preprocessing_of({"segment": "none"})


def test_stretch_spans_the_tissue() -> None:
    prepared = prepare(case(), Preprocessing(filters=OFF, long_side=0, stretch=0.01))
    inside = prepared.image[0][prepared.tissue]
    assert inside.min() == 0
    assert inside.max() == 1
    plain = prepare(case(), Preprocessing(filters=OFF, long_side=0, stretch=None))
    assert plain.image.max() == pytest.approx(0.8)


def test_segment_blackens_what_is_outside() -> None:
    image = case().image.copy()
    image[:, 5:12, 75:85] = 0.9
    lit = Case("a", image)
    steps = Preprocessing(filters=OFF, crop=False, long_side=0, stretch=None, multiple=1)
    assert prepare(lit, steps).image[0, 5:12, 75:85].max() == 0
    kept = Preprocessing(filters=OFF, crop=False, segment=False, long_side=0, stretch=None, multiple=1)
    np.testing.assert_array_equal(prepare(lit, kept).image, image)


def test_filters_switched_off() -> None:
    steps = Preprocessing()
    assert without_filters(steps).filters == OFF
    assert without_filters(steps).long_side == steps.long_side


def test_a_window_of_a_file_is_placed_in_its_own_pixels() -> None:
    """Boxes, masks and maps of a case are in its image's pixels, wherever the window lies in the file."""
    moved = Case("a", case().image, affine=np.array([[2.0, 0, 7], [0, 2, 9], [0, 0, 1]]))
    steps = Preprocessing(crop=False, long_side=60, multiple=1)
    np.testing.assert_allclose(prepare(moved, steps).affine, prepare(case(), steps).affine)
    np.testing.assert_allclose(prepare(moved, steps).affine, np.diag([2, 2, 1]))


def test_refused_images() -> None:
    with pytest.raises(InputError, match=r"3 channels .colour.*expects 1 .grey.*--grey"):
        prepare(case(3), Preprocessing())
    with pytest.raises(InputError, match="volume"):
        prepare(Case("a", np.zeros((1, 4, 8, 8), np.float32)), Preprocessing())
    with pytest.raises(PlanError):
        Preprocessing(long_side=-1)
