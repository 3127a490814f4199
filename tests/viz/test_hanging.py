"""The order in which views hang, and which are mirrored."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from xaimed.viz.hanging import chest_side, hanging, mirrored

ROWS = [("a", "p", "R", "CC"), ("b", "p", "L", "CC"), ("c", "p", "R", "MLO"), ("d", "p", "L", "MLO")]


def table(rows: list[tuple[str, str, str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["case", "patient", "group_side", "group_view"])


def test_right_hangs_left_and_cc_before_mlo_whatever_the_order_of_the_table() -> None:
    for rows in itertools.permutations(ROWS):
        hung = hanging(table([*rows, ("z", "q", "R", "CC")]), "c")
        assert [view.title for view in hung] == ["R CC", "L CC", "R MLO", "L MLO"]
        assert [view.case for view in hung] == ["a", "b", "c", "d"]


def test_two_images_of_one_view_or_no_side_leave_the_case_alone() -> None:
    assert [view.case for view in hanging(table([*ROWS, ("e", "p", "R", "CC")]), "b")] == ["b"]
    (alone,) = hanging(table(ROWS).drop(columns="group_side"), "b")
    assert (alone.case, alone.title) == ("b", "b")
    assert [v.title for v in hanging(table(ROWS[2:]), "d")] == ["R MLO", "L MLO"]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_breast_is_mirrored_only_where_its_chest_wall_is_on_the_wrong_side(channels: int) -> None:
    y, x = np.mgrid[:80, :60]
    left = np.repeat((((x / 40) ** 2 + ((y - 40) / 35) ** 2) < 1)[None], channels, axis=0).astype(np.float32)
    right = left[..., ::-1]
    assert (chest_side(left), chest_side(right), chest_side(np.ones((1, 9, 9), np.float32))) == ("left", "right", "")
    assert [mirrored(side, image) for side in ("R", "L") for image in (left, right)] == [True, False, False, True]
    assert not mirrored("", left)
    assert not mirrored("R", np.zeros((1, 9, 9), np.float32))
