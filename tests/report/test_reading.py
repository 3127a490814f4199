"""Which detection finds which reference, against a count on a pixel grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.example_run import example_run
from xaimed.report.panels import told_boxes
from xaimed.report.reading import iou, read_case, size_mm
from xaimed.run import Run

EDGES = st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 15), st.integers(1, 15)).map(
    lambda v: (float(v[0]), float(v[1]), float(v[0] + v[2]), float(v[1] + v[3])))


@settings(max_examples=60, deadline=None)
@given(EDGES, EDGES)
def test_iou_is_the_share_of_pixels(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    grids = np.zeros((2, 40, 40), bool)
    for grid, (x0, y0, x1, y1) in zip(grids, (a, b), strict=True):
        grid[int(y0): int(y1), int(x0): int(x1)] = True
    assert abs(iou(a, b) - (grids[0] & grids[1]).sum() / (grids[0] | grids[1]).sum()) < 1e-12  # type: ignore[arg-type]


def test_hits_misses_and_false_positives_of_the_example(reported: Run) -> None:
    found = read_case(reported, "ex001")
    assert [(d.name, d.above, d.hit, d.false) for d in found.detections] == [
        ("d0", True, "t0", False), ("d1", True, "", True)]
    assert (found.references[0].found_by, found.references[0].missed) == ("d0", False)
    missed = read_case(reported, "ex003")
    assert (missed.references[0].found_by, missed.references[0].missed) == ("", True)
    assert read_case(reported, "ex002").references == ()


@pytest.mark.parametrize(("label", "false"), [("normal", True), ("malignant", False)])
def test_no_false_positive_where_the_place_of_a_lesion_is_unknown(tmp_path: Path, label: str, false: bool) -> None:
    run = Run.open(example_run(tmp_path, 4))
    run.__dict__["truth"] = run.truth[run.truth["case"] != "ex001"]
    run.__dict__["cases"] = run.cases.assign(label=label)
    assert [d.false for d in read_case(run, "ex001").detections if d.above] == [false, false]


def test_boxes_are_drawn_as_what_they_are(reported: Run) -> None:
    found, missed = read_case(reported, "ex001"), read_case(reported, "ex003")
    assert told_boxes(found.detections, found.references) == (
        "Detections (green, solid; false positive: double) and reference (magenta, dashed)")
    assert told_boxes((), missed.references).endswith("reference (magenta, dashed; missed: dotted)")


def test_a_size_without_spacing_is_not_assessed() -> None:
    assert size_mm((0, 0, 10, 5), 0.2) == "2.0 x 1.0"
    assert size_mm((0, 0, 10, 5), float("nan")) == "NOT ASSESSED"
