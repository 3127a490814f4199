"""The ladder's figure: the ellipse holds 95 % of such draws, and every model is in it, hollow without the gate."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.path import Path as Outline

from xaimed.viz.figures import svg
from xaimed.viz.ladder import joint_ellipse, ladder_figure

ROW = {"method": "occlusion", "primary": True, "accuracy_name": "image AUC pneumonia", "gate": "pass",
       "accuracy_sd": 0.02, "gain_sd": 0.05, "gain_correlation": 0.3}
TABLE = pd.DataFrame([
    {**ROW, "model": "readable", "accuracy": 0.8, "gain": 0.4},
    {**ROW, "model": "failed", "accuracy": 0.9, "gain": math.nan, "gate": "fail"},
    {**ROW, "model": "unknown", "accuracy": 0.85, "gain": 0.1, "gate": "NOT ASSESSED"},
    {**ROW, "model": "readable", "method": "sobel", "primary": False, "accuracy": 0.8, "gain": 7.0}])


@pytest.mark.parametrize("correlation", [0.0, 0.7, -0.95])
def test_the_ellipse_holds_95_per_cent_of_such_draws(correlation: float) -> None:
    spread = (0.02, 0.3)
    cross = correlation * spread[0] * spread[1]
    drawn = np.random.default_rng(0).multivariate_normal(
        [0.8, 0.2], [[spread[0] ** 2, cross], [cross, spread[1] ** 2]], 20_000)
    edge = joint_ellipse((0.8, 0.2), spread, correlation)
    assert Outline(edge).contains_points(drawn).mean() == pytest.approx(0.95, abs=0.006)


def test_every_model_has_its_point_by_the_primary_method_alone() -> None:
    axes = ladder_figure(TABLE).axes[0]
    marks = {str(line.get_label()): line for line in axes.get_lines() if not str(line.get_label()).startswith("_")}
    assert list(marks) == ["1 readable", "2 failed (gate: fail)", "3 unknown (gate: NOT ASSESSED)"]
    assert [line.get_markerfacecolor() == "none" for line in marks.values()] == [False, True, True]
    assert np.asarray(marks["1 readable"].get_xydata()).tolist() == [[0.8, 0.4]]
    # Off the scale of skill, in shares of the axes.
    assert marks["2 failed (gate: fail)"].get_transform() == axes.get_xaxis_transform()
    assert axes.get_ylim()[1] < 1


def test_the_same_table_gives_the_same_bytes() -> None:
    assert svg(ladder_figure(TABLE)) == svg(ladder_figure(TABLE))
