"""Answers in pixels and their references: named, stored with the case, and read back; old runs have none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import example_run as example
from xaimed.answers import masks_of, outlined, planes_of
from xaimed.errors import StoreError
from xaimed.mapfile import read_planes, write_case
from xaimed.run import Run
from xaimed.store import Store
from xaimed.types import Case, Prediction

DRAW = np.random.default_rng(0)
PIXELS = DRAW.random((1, 6, 8), dtype=np.float32)


def test_a_prediction_without_pixels_has_no_planes() -> None:
    case = Case("a", PIXELS, segments={"x": PIXELS[0] > 0.5})
    assert planes_of(case, Prediction("a", scores={"x": 0.4})) == {}


def test_every_kind_of_reference_has_its_name() -> None:
    wanted, field = DRAW.random((2, 6, 8), dtype=np.float32), DRAW.normal(size=(2, 6, 8)).astype(np.float32)
    case = Case("a", PIXELS, segments={"x": PIXELS[0] > 0.5}, wanted=wanted, displacement=field)
    planes = planes_of(case, Prediction("a", dense={"x": PIXELS[0]}))
    assert set(planes) == {"found:x", "reference:x", "reference:image 0", "reference:image 1", "reference:dx",
                           "reference:dy"}
    assert np.array_equal(planes["reference:dy"], field[1])
    alone = planes_of(Case("a", PIXELS, wanted=wanted[:1]), Prediction("a", dense={"image": PIXELS[0]}))
    assert np.array_equal(alone["reference:image"], wanted[0])


def test_one_class_is_found_above_one_half_and_several_where_they_are_likeliest() -> None:
    one = np.array([[0.5, 0.51, 0.2]], np.float32)
    assert masks_of({"x": one})["x"].tolist() == [[False, True, False]]
    # The background has what is left: 0.2, 0.4, 0.1.
    several = masks_of({"x": np.array([[0.5, 0.3, 0.2]], np.float32), "y": np.array([[0.3, 0.3, 0.7]], np.float32)})
    assert several["x"].tolist() == [[True, False, False]]
    assert several["y"].tolist() == [[False, False, True]]
    assert masks_of({}) == {}


def test_they_are_stored_with_the_case(tmp_path: Path) -> None:
    drawn = example.draw(0)
    height, width = drawn.case.height, drawn.case.width
    found = DRAW.random((height, width), dtype=np.float32)
    truth = found > 0.7
    case = Case("ex000", drawn.case.image, segments={"x": truth}, patient="p", split="test")
    with Store.create(tmp_path / "run", example.PLAN, example.meta([drawn], 0)) as store:
        store.add_case(case, Prediction("ex000", dense={"x": found}), (), ())
        store.finish(example.results(1), ())
    planes = Run.open(tmp_path / "run").planes("ex000")
    assert planes["found:x"] == pytest.approx(found, abs=6e-4)
    assert np.array_equal(planes["reference:x"] > 0.5, truth)
    [one] = outlined(planes)
    assert one.name == "x"
    assert one.found is not None
    assert float((one.found != (found > 0.5)).mean()) < 0.01


def test_a_run_without_them_is_read_as_before(example_run: Path) -> None:
    run = Run.open(example_run)
    assert run.planes(str(run.cases["case"][0])) == {}


def test_a_plane_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"\(5, 8\)"):
        write_case(tmp_path / "c", PIXELS, [], [], {"found:x": PIXELS[0, :5]})
    write_case(tmp_path / "d", PIXELS, [], [], {"found:dx": -30 * PIXELS[0]})
    assert read_planes(tmp_path / "d")["found:dx"] == pytest.approx(-30 * PIXELS[0], abs=0.02)
