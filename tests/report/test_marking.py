"""The side of the body and the signs of a map on the pictures of a case."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests import example_run as example
from xaimed.report.marking import hatched, lowering, side_mark
from xaimed.report.panels import image_panel, map_panel, view_of
from xaimed.report.reading import read_case, side_of
from xaimed.report.recipes import recipes
from xaimed.run import Run


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))


@pytest.mark.parametrize(("wall", "right"), [("left", True), ("right", False), ("", False)])
def test_the_side_stands_in_the_upper_corner_away_from_the_breast(wall: str, right: bool) -> None:
    plain = np.full((240, 200, 3), 90, np.uint8)
    rows, columns = np.nonzero((side_mark(plain, "R MLO", wall) != plain).any(axis=2))
    assert rows.max() < 60
    assert (columns.min() > 100) if right else (columns.max() < 100)
    assert (side_mark(plain, "", wall) == plain).all()
    plain[:60] = 255  # a marker of lead in both upper corners
    assert (side_mark(plain, "R MLO", wall)[:60] == 255).all()
    plain[-60:] = 255
    assert (side_mark(plain, "R MLO", wall)[:60] != 255).any()


def test_what_lowers_the_score_is_hatched_and_can_be_told_without_colours() -> None:
    values = np.zeros((40, 60), np.float32)
    values[:, :20], values[:, 40:] = -1, 1
    where = lowering(values, 1.0)
    assert where[:, :20].all()
    assert not where[:, 20:].any()
    drawn = hatched(np.full((420, 630, 3), 128, np.uint8), where)
    grey = cv2.cvtColor(drawn, cv2.COLOR_RGB2GRAY)
    assert grey[:, :200].std() > 40
    assert grey[:, 220:].std() == 0


def test_maps_have_a_scale_bar_and_pictures_the_side(tmp_path: Path) -> None:
    run = Run.open(example.example_run(tmp_path, 1))
    reading = replace(read_case(run, "ex000"), groups=(("side", "R"), ("view", "MLO")), spacing_mm=0.2)
    assert side_of(reading) == "R MLO"
    entries = run.entries("ex000")
    view = view_of(run, reading, entries)
    bare = replace(view, side="", spacing_mm=float("nan"))
    for panel, other in ((image_panel(view, "t", ()), image_panel(bare, "t", ())),
                         (map_panel(view, entries[0], ()), map_panel(bare, entries[0], ()))):
        changed = (decoded(panel.picture.data) != decoded(other.picture.data)).any(axis=2)
        tall = changed.shape[0]
        assert changed[:tall // 4].any()  # the side
        assert changed[-tall // 5:].any()  # the bar
        assert "; scale bar " in panel.picture.alt


def test_the_names_of_layers_and_baselines_are_told_where_nobody_set_them(tmp_path: Path) -> None:
    run = Run.open(example.example_run(tmp_path, 1))
    kept = Run(run.path, {**run.meta, "methods": {
        "grad_cam": {"layer": None, "relu": False},
        "integrated_gradients": {"baselines": ["blur"], "steps": 15},
        "kernel_shap": {"shape": "slic", "baseline": "blur", "seed": 0}}})
    said = recipes(kept, run.entries("ex000"))
    assert "layer by default (the last, or the level of the box)" in said
    assert "baselines blur" in said
    assert "shape slic, baseline blur" in said
