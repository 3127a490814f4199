"""Images of several parts: their names and middle slices, what a map lies on, a point in words and as a cross."""

from __future__ import annotations

import numpy as np
import pytest

from xaimed.viz.pairs import beneath, crossed, named_planes, place_words, point_of

SLAB = np.arange(6, dtype=np.float32)[:, None, None] * np.ones((6, 4, 5), np.float32)


@pytest.mark.parametrize(("count", "task", "names", "expected"), [
    (2, "registration", (), [("moving", 0), ("fixed", 1)]),
    (6, "registration", (), [("moving", 1), ("fixed", 4)]),
    (2, "classification", ("faint", "enhanced"), [("faint", 0), ("enhanced", 1)]),
    (2, "classification", (), []), (3, "classification", ("faint", "enhanced"), []), (1, "registration", (), [])])
def test_the_parts_of_an_image(count: int, task: str, names: tuple[str, ...], expected: list[tuple[str, int]]) -> None:
    found = named_planes(SLAB[:count], task, names)
    assert [(name, float(plane[0, 0])) for name, plane in found] == expected


def test_a_map_of_a_registration_lies_on_the_fixed_image() -> None:
    assert np.array_equal(beneath(SLAB[:2], "registration"), SLAB[1])
    assert np.array_equal(beneath(SLAB[:2], "classification"), SLAB[:2])


@pytest.mark.parametrize(("target", "point", "words"), [
    ("shift:69,81", (69, 81), "displacement at x 69, y 81"),
    ("dx:3.5,4", (3.5, 4), "displacement along x at x 3.5, y 4"),
    ("dy:1,2", (1, 2), "displacement along y at x 1, y 2"), ("shift", None, ""), ("malignant", None, ""),
    ("anomaly:1,2,3,4", None, "")])
def test_a_point_is_read_from_the_target(target: str, point: tuple[float, float] | None, words: str) -> None:
    assert point_of(target) == point
    assert place_words(target) == words


def test_the_cross_is_at_the_point() -> None:
    black = np.zeros((60, 80, 3), np.uint8)
    drawn = crossed(black, (50, 20))
    rows, columns = np.nonzero(drawn.max(axis=2) > 200)
    assert (rows.mean(), columns.mean()) == pytest.approx((20, 50), abs=0.6)
    assert not black.any()
