"""Names on pictures: no plate covers another where there is room, and none leaves the picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from xaimed.report.labels import places, write_labels
from xaimed.viz.overlay import MAGENTA, Mark

SHAPE = (720, 560)
CORNERS = st.tuples(st.integers(0, 500), st.integers(0, 660), st.integers(10, 60), st.integers(10, 60))


def covered(areas: list[tuple[int, int, int, int]]) -> NDArray[np.int_]:
    """How many plates lie on each pixel, counted on a grid."""
    grid = np.zeros(SHAPE, int)
    for x0, y0, x1, y1 in areas:
        grid[y0:y1, x0:x1] += 1
    return grid


@settings(max_examples=40, deadline=None)
@given(st.lists(CORNERS, min_size=1, max_size=6))
def test_up_to_six_names_never_cover_each_other(corners: list[tuple[int, int, int, int]]) -> None:
    marks = [Mark((x, y, x + w, y + h), f"d{i} malignant 0.35") for i, (x, y, w, h) in enumerate(corners)]
    areas = places(SHAPE, marks, 1.0, 0.55)
    assert covered(areas).max() == 1
    assert all(0 <= x0 < x1 <= SHAPE[1] and 0 <= y0 < y1 <= SHAPE[0] for x0, y0, x1, y1 in areas)


def test_a_name_stands_clear_of_its_box_at_the_scale_of_the_picture() -> None:
    box = (100.0, 100.0, 200.0, 180.0)
    (x0, y0, x1, y1), = places(SHAPE, [Mark(box, "t0 benign", "truth")], 2.0, 0.55)
    assert (y1 <= 200 or y0 >= 360 or x1 <= 200 or x0 >= 400)
    assert abs(x0 - 200) <= 2


@pytest.mark.parametrize("text", ["", "t0"])
def test_only_a_text_is_written_and_the_picture_given_stays(text: str) -> None:
    canvas = np.full((*SHAPE, 3), 90, np.uint8)
    drawn = write_labels(canvas, [Mark((50, 50, 90, 90), text, "truth")], 1.0, 0.55)
    assert bool((drawn == MAGENTA).all(axis=2).any()) is bool(text)
    assert (canvas == 90).all()
