"""Matching: hit rules, one lesion to one mark, duplicates, ignored regions, classes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from xaimed.errors import NotFound
from xaimed.metrics.evidence import Regions
from xaimed.metrics.matching import DUPLICATE, FALSE, IGNORED, TRUE, centre_inside, hit_test, hits, match, overlap

HOME = (0.0, 0.0, 10.0, 10.0)


def regions(*rows: tuple[int, tuple[float, float, float, float], str, float]) -> Regions:
    """Regions of (image, edges, label, score)."""
    boxes = np.array([r[1] for r in rows], float).reshape(-1, 4)
    return Regions(np.array([r[0] for r in rows], np.int64), boxes, np.array([r[2] for r in rows], object),
                   np.array([r[3] for r in rows], float))


NONE = regions()


def test_overlap_is_that_of_counted_pixels() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        edges = np.sort(rng.integers(0, 12, (2, 2, 2)), axis=1)
        edges[:, 1] += 1
        grids = []
        for (x0, y0), (x1, y1) in edges:
            grid = np.zeros((14, 14), bool)
            grid[y0:y1, x0:x1] = True
            grids.append(grid)
        expected = (grids[0] & grids[1]).sum() / (grids[0] | grids[1]).sum()
        a, b = (e.reshape(1, 4).astype(float) for e in edges)
        assert overlap(a, b)[0] == pytest.approx(expected)


def test_equality_counts_as_a_hit() -> None:
    half = np.array([[0.0, 0.0, 10.0, 5.0]])
    assert hit_test("IoU >= 0.5")(half, np.array([HOME]))[0]
    assert not hit_test("IoU >= 0.51")(half, np.array([HOME]))[0]
    assert centre_inside(np.array([[9.0, 4.0, 11.0, 6.0]]), np.array([HOME]))[0]


def test_a_point_outside_the_image_hits_nothing() -> None:
    # A library that indexes a mask with (-1, -1) finds the lesion in the opposite corner.
    corner = np.array([[90.0, 90.0, 100.0, 100.0]])
    assert not centre_inside(np.array([[-3.0, -3.0, 1.0, 1.0]]), corner)[0]


@pytest.mark.parametrize("rule", ["IoU > 0.5", "center in box", "IoU >= 0", "IoU >= 1.5", ""])
def test_an_unknown_rule_is_named(rule: str) -> None:
    with pytest.raises(NotFound, match="unknown hit rule"):
        hit_test(rule)


def test_the_best_mark_is_true_and_the_others_are_duplicates() -> None:
    marks = regions((0, HOME, "m", 0.4), (0, (1, 1, 9, 9), "m", 0.9), (1, HOME, "m", 0.8),
                    (0, (50, 50, 60, 60), "m", 0.7))
    found = match(regions((0, HOME, "m", np.nan)), marks, NONE, "centre in box")
    assert found.outcome.tolist() == [DUPLICATE, TRUE, FALSE, FALSE]
    assert found.score.tolist() == [0.9]
    assert found.mark.tolist() == [1]
    assert sorted(found.false_score.tolist()) == [0.7, 0.8]


def test_one_mark_is_credited_with_one_lesion() -> None:
    lesions = regions((0, HOME, "m", np.nan), (0, (4, 0, 14, 10), "m", np.nan))
    found = match(lesions, regions((0, (3, 0, 13, 10), "m", 0.5)), NONE, "centre in box")
    assert found.score.tolist() == [-np.inf, 0.5]


def test_of_equal_scores_the_closer_mark_counts() -> None:
    marks = regions((0, (4, 4, 6, 6), "m", 0.5), (0, HOME, "m", 0.5))
    found = match(regions((0, HOME, "m", np.nan)), marks, NONE, "centre in box")
    assert found.mark.tolist() == [1]


def test_marks_on_an_ignored_region_count_neither_way() -> None:
    ignored = regions((0, (0, 0, 100, 100), "scar", np.nan))
    marks = regions((0, HOME, "m", 0.9), (0, (50, 50, 60, 60), "m", 0.8), (1, HOME, "m", 0.7))
    found = match(regions((0, HOME, "m", np.nan)), marks, ignored, "IoU >= 0.5")
    assert found.outcome.tolist() == [TRUE, IGNORED, FALSE]


def test_with_classes_a_mark_of_another_class_is_false() -> None:
    lesion, marks = regions((0, HOME, "malignant", np.nan)), regions((0, HOME, "benign", 0.9))
    assert match(lesion, marks, NONE, "centre in box").outcome.tolist() == [TRUE]
    aware = match(lesion, marks, NONE, "centre in box", class_aware=True)
    assert aware.outcome.tolist() == [FALSE]
    assert aware.score.tolist() == [-np.inf]


def test_nothing_to_match() -> None:
    empty = match(NONE, NONE, NONE, "IoU >= 0.2")
    assert len(empty.score) == len(empty.outcome) == 0
    assert match(NONE, regions((0, HOME, "m", 0.5)), NONE, "IoU >= 0.2").outcome.tolist() == [FALSE]


def test_a_higher_threshold_never_changes_what_was_matched_above_it() -> None:
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 30, (40, 2))
    marks = regions(*[(int(rng.integers(3)), (x, y, x + 10, y + 10), "m", float(s))
                      for (x, y), s in zip(corners, rng.uniform(size=40).round(1), strict=True)])
    lesions = regions(*[(i % 3, (x, y, x + 12, y + 12), "m", np.nan) for i, (x, y) in enumerate(corners[:6])])
    whole = match(lesions, marks, NONE, "centre in box")
    for cut in (0.3, 0.6, 0.9):
        part = match(lesions, marks.where(marks.scores >= cut), NONE, "centre in box")
        expected = np.where(whole.score >= cut, whole.score, -np.inf)
        assert part.score.tolist() == expected.tolist()


def test_of_two_lesions_that_a_mark_covers_alike_its_own_class_counts_in_any_order_of_rows() -> None:
    lesions = [(0, (0, 0, 10, 10), "benign", np.nan), (0, (8, 0, 18, 10), "malignant", np.nan)]
    mark = regions((0, (0, 0, 18, 10), "malignant", 0.7))
    for order in ([0, 1], [1, 0]):
        found = match(regions(*[lesions[i] for i in order]), mark, NONE, "centre in box")
        assert [lesions[i][2] for i, score in zip(order, found.score, strict=True) if score == 0.7] == ["malignant"]


def test_marks_of_equal_score_find_as_many_lesions_together_as_they_can() -> None:
    """The closest pair is mark 0 on the left lesion, but mark 1 hits that one alone: 0 has to take the right one."""
    left, right = (0, (0, 0, 10, 10), "m", np.nan), (0, (4, 0, 14, 10), "m", np.nan)
    wide, narrow = (0, (1, 0, 11, 10), "m", 0.5), (0, (0, 0, 4, 10), "m", 0.5)
    for rows in ((left, right), (right, left)):
        found = match(regions(*rows), regions(wide, narrow), NONE, "centre in box")
        assert found.score.tolist() == [0.5, 0.5]
    later = match(regions(left, right), regions(wide, (*narrow[:3], 0.4)), NONE, "centre in box")
    assert later.score.tolist() == [0.5, -np.inf]


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_no_order_of_rows_changes_what_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lesions, marks = _crowd(rng, 6, (np.nan,)), _crowd(rng, 9, (0.3, 0.6, 0.9))
    first = match(regions(*lesions), regions(*marks), NONE, "IoU >= 0.2")
    one, other = rng.permutation(6), rng.permutation(9)
    again = match(regions(*[lesions[i] for i in one]), regions(*[marks[i] for i in other]), NONE, "IoU >= 0.2")
    assert again.score.tolist() == first.score[one].tolist()
    assert again.outcome.tolist() == first.outcome[other].tolist()


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_at_one_score_the_number_found_is_that_of_a_maximum_matching(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lesions, marks = regions(*_crowd(rng, 7, (np.nan,))), regions(*_crowd(rng, 7, (0.5,)))
    mark, lesion = hits(marks, lesions, "centre in box")
    graph = csr_array((np.ones(len(mark)), (mark, lesion)), shape=(7, 7))
    most = int((maximum_bipartite_matching(graph, "column") >= 0).sum())
    assert int(np.isfinite(match(lesions, marks, NONE, "centre in box").score).sum()) == most


def _crowd(rng: np.random.Generator, count: int,
           scores: tuple[float, ...]) -> list[tuple[int, tuple[float, float, float, float], str, float]]:
    """Boxes of 6 by 6 pixels close to each other; no two are the same."""
    corners = {(int(x), int(y)) for x, y in rng.integers(0, 10, (60, 2))}
    chosen = rng.permutation(np.array(sorted(corners)))[:count]
    return [(0, (float(x), float(y), float(x) + 6, float(y) + 6), str(rng.choice(["m", "b"])),
             float(rng.choice(scores))) for x, y in chosen]
