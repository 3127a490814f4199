"""Motions: boxes, masks and displacements go where the pixels go, and predictions come back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xaimed.imaging.geometry import mirror, translation
from xaimed.probes import mirrored, rotated, shifted
from xaimed.probes.motion import moved, returned, returned_map
from xaimed.probes.probe import NotServed, Setting
from xaimed.types import Box, Case, Detection, Matrix, Prediction

SIDE = 60


def drawn(x: int = 20, y: int = 25, wide: int = 10, high: int = 6, masks: bool = True) -> Case:
    """A bright rectangle in the dark, with its box."""
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[y:y + high, x:x + wide] = True
    image = np.where(mask, 0.9, 0.1).astype(np.float32)[None]
    return Case("c", image, boxes=(Box("a", x, y, x + wide, y + high),), masks=mask[None] if masks else None,
                segments={"a": mask}, markers=mask, wanted=image)


@given(st.integers(-8, 8), st.integers(-8, 8))
@settings(max_examples=20, deadline=None)
def test_a_shift_by_whole_pixels_is_exact(across: int, down: int) -> None:
    case = drawn()
    found = moved(case, translation(across, down))
    expected = np.full((SIDE, SIDE), 0.1, np.float32)
    expected[25 + down:31 + down, 20 + across:30 + across] = 0.9
    assert np.allclose(found.image[0], expected, atol=1e-6)
    assert found.boxes[0].edges == pytest.approx((20 + across, 25 + down, 30 + across, 31 + down))
    assert np.array_equal(found.image[0] > 0.5, found.segments["a"])
    assert found.markers is not None
    assert np.array_equal(found.markers, found.segments["a"])
    assert found.wanted is not None
    assert np.allclose(found.wanted, found.image)
    assert np.allclose(found.affine @ [20.0 + across, 25.0 + down, 1.0], [20, 25, 1]), "still tells the original place"


def test_a_mirror_image_is_exact_and_its_own_inverse() -> None:
    case = drawn()
    once = mirrored.PROBE.change(case, Setting("sideways"))
    assert np.allclose(once.image, case.image[:, :, ::-1], atol=1e-6)
    assert once.boxes[0].edges == pytest.approx((30, 25, 40, 31))
    assert np.allclose(mirrored.PROBE.change(once, Setting("sideways")).image, case.image, atol=1e-6)


def test_a_quarter_turn_exchanges_width_and_height() -> None:
    quarter = translation(SIDE / 2, SIDE / 2) @ np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]) @ translation(-30, -30)
    case = drawn()
    found = moved(case, quarter)
    assert np.allclose(found.image[0], np.rot90(case.image[0], -1), atol=1e-5)
    assert found.boxes[0].edges == pytest.approx((29, 20, 35, 30))
    said = Prediction("c", (Detection("d0", "a", 0.9, *found.boxes[0].edges),), {"a": 0.9})
    assert returned(said, case, quarter).detections[0].edges == pytest.approx(case.boxes[0].edges)


def test_without_a_mask_a_box_holds_its_turned_corners() -> None:
    turn = rotated.PROBE.motion(drawn(), Setting(30.0, 1))
    box = moved(drawn(masks=False), turn).boxes[0]
    angle = math.radians(30)
    wide = 10 * math.cos(angle) + 6 * math.sin(angle)
    high = 10 * math.sin(angle) + 6 * math.cos(angle)
    assert (box.x1 - box.x0, box.y1 - box.y0) == pytest.approx((wide, high))


def test_a_detection_comes_back_with_its_size_and_one_outside_is_left_out() -> None:
    case, turn = drawn(), rotated.PROBE.motion(drawn(), Setting(10.0, 3))
    x, y = (turn @ [25.0, 28.0, 1.0])[:2]
    inside = Detection("d0", "a", 0.9, x - 5, y - 3, x + 5, y + 3)
    back = returned(Prediction("c", (inside,), {"a": 0.9}), case, turn)
    assert back.detections[0].edges == pytest.approx((20, 25, 30, 31))
    assert (back.detections[0].name, back.scores) == ("d0", {"a": 0.9})
    away = translation(0.0, 40.0)
    assert returned(Prediction("c", (Detection("d0", "a", 0.9, 5, 5, 15, 15),)), case, away).detections == ()


def test_a_lesion_that_leaves_the_image_is_not_served() -> None:
    with pytest.raises(NotServed, match="leaves the image"):
        moved(drawn(x=50), translation(6.0, 0.0))
    assert moved(drawn(x=50), translation(4.0, 0.0)).boxes[0].edges == (54, 25, 60, 31)


def test_displacements_turn_with_the_image() -> None:
    field = np.zeros((2, SIDE, SIDE), np.float32)
    field[0, 25:31, 20:30] = 3.0
    case = Case("c", drawn().image, displacement=field)
    found = moved(case, mirror(SIDE)).displacement
    assert found is not None
    assert np.allclose(found[0, 25:31, 30:40], -3.0, atol=1e-5)
    assert np.allclose(found[1], 0, atol=1e-6)
    assert found[0].sum() == pytest.approx(-180, rel=1e-5)


@pytest.mark.parametrize("motion", [translation(3.0, -2.0), mirror(SIDE), rotated.PROBE.motion(drawn(), Setting(5.0))])
def test_a_map_that_moved_with_the_image_comes_back(motion: Matrix) -> None:
    y, x = np.mgrid[:SIDE, :SIDE]
    smooth = np.exp(-((x - 25) ** 2 + (y - 28) ** 2) / 80).astype(np.float32)
    carried = moved(Case("c", smooth[None]), motion).image[0]
    back, seen = returned_map(carried, motion)
    assert seen.mean() > 0.8
    assert np.abs(back - smooth)[seen].max() < 0.05


def test_a_shift_in_mm_needs_the_size_of_a_pixel() -> None:
    case = drawn()
    with pytest.raises(NotServed, match="mm is not known"):
        shifted.PROBE.motion(case, Setting("5 mm"))
    known = Case("c", case.image, spacing_mm=0.5)
    motion = shifted.PROBE.motion(known, Setting("5 mm", 4))
    assert math.hypot(motion[0, 2], motion[1, 2]) == pytest.approx(10, abs=1.0)
    assert np.array_equal(motion, shifted.PROBE.motion(known, Setting("5 mm", 4)))
    others = [shifted.PROBE.motion(Case(f"c{i}", case.image), Setting(0.1, 4))[:2, 2] for i in range(8)]
    assert len({tuple(one) for one in others}) > 4, "each case has a direction of its own"
