"""How much of the explainability axis a figure shows, and what it says of the rest."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest

from xaimed.viz import charts, extent, figures
from xaimed.viz.ellipse import joint_ellipse


def row(number: float, low: float, high: float, method: str = "gradient_shap", **more: object) -> dict[str, object]:
    return {"method": method, "gate": "pass", "accuracy": 0.9, "accuracy_low": 0.8, "accuracy_high": 0.95,
            "accuracy_name": "image AUC", "explainability": number, "explainability_low": low,
            "explainability_high": high, "correlation": 0.0, "agreement": 0.9, "cases": 5, **more}


def test_an_interval_that_can_be_read_is_drawn_whole() -> None:
    one = row(0.4, 0.1, 0.7)
    assert extent.drawn_interval(one) == (0.1, 0.7)
    assert extent.drawn_region(one) == pytest.approx(joint_ellipse(one))
    assert extent.beyond([one]) == ""


def test_a_wide_interval_is_cut_and_the_figures_say_its_ends() -> None:
    wide, control = row(0.12, -1.98, 2.23), row(-0.2, -3.0, 3.0, "random_map", control=True)
    assert extent.drawn_interval(wide) == (extent.LOWEST, extent.HIGHEST)
    outline = extent.drawn_region(wide)
    assert outline is not None
    assert (outline[:, 1].min(), outline[:, 1].max()) == (extent.LOWEST, extent.HIGHEST)
    words = extent.beyond([wide, control])
    assert re.findall(r"-?\d\.\d\d", words) == ["-1.98", "2.23"]
    assert "Gradient SHAP" in words
    table = pd.DataFrame([wide, control])
    chart, drawn = charts.axis_chart(table), figures.axis_figure_of(table)
    assert [note.text for note in chart.layout.annotations] == [words]
    assert words in [text.get_text() for text in drawn.axes[0].texts]
    for low, high in (chart.layout.yaxis.range, drawn.axes[0].get_ylim()):
        assert -1.3 < low < extent.LOWEST
        assert extent.HIGHEST < high < 1.5


def test_the_number_itself_is_seen_wherever_it_lies() -> None:
    low = row(-3.0, -4.0, 0.5)
    shown = extent.window([low])
    assert extent.drawn_interval(low) == (-3.0, 0.5)
    assert shown is not None
    assert shown[0] < -3.0
    assert extent.window([row(math.nan, math.nan, math.nan)]) is None
    assert np.isfinite(extent.heights(row(0.3, math.nan, math.nan))).sum() == 1


def test_the_words_on_many_cut_intervals_leave_the_figure_its_room() -> None:
    names = ("grad_cam", "gradient_shap", "integrated_gradients", "kernel_shap", "own_evidence", "occlusion")
    figure = figures.axis_figure_of(pd.DataFrame([row(0.3, -3.66, 4.23, name) for name in names]))
    figures.svg(figure)
    assert figure.axes[0].get_position().width > 0.3
