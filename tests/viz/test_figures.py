"""Figures: what is drawn is what is stored, the same bytes each time, nothing left behind in matplotlib."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from xaimed.errors import InputError, NotFound
from xaimed.run import Run
from xaimed.types import Attribution
from xaimed.viz import figures


@pytest.fixture(scope="module")
def run(example_run: Path) -> Run:
    return Run.open(example_run)


@pytest.mark.parametrize("name", ["froc", "roc", "reliability", "axis"])
def test_svg_repeats_and_has_no_date(run: Run, name: str) -> None:
    before = dict(mpl.rcParams)
    make = getattr(figures, f"{name}_figure")
    first = figures.svg(make(run))
    assert first == figures.svg(make(run))
    assert b"<dc:date>" not in first
    assert dict(mpl.rcParams) == before


def test_froc_draws_the_stored_curves(run: Run) -> None:
    axes = figures.froc_figure(run).axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines) == ["centre in box", "IoU >= 0.2", "IoU >= 0.5"]
    for rule, line in lines.items():
        curve = run.results.curves[f"froc[{rule}]"]
        assert np.allclose(line.get_xdata(), curve["fppi"])
        assert np.allclose(line.get_ydata(), curve["sensitivity"])
        assert line.get_drawstyle() == "steps-post"


def test_axis_draws_every_method_and_hollows_failed_gates(run: Run) -> None:
    axes = figures.axis_figure(run).axes[0]
    points = {str(line.get_label()): line for line in axes.lines if not str(line.get_label()).startswith("_")}
    assert list(points) == ["grad cam", "integrated gradients", "gradient shap (gate: fail)",
                            "kernel shap (gate: NOT ASSESSED)"]
    assert points["grad cam"].get_markerfacecolor() != "none"
    assert points["gradient shap (gate: fail)"].get_markerfacecolor() == "none"
    row = run.axis.iloc[0]
    assert points["grad cam"].get_xdata()[0] == row["accuracy"]
    assert points["grad cam"].get_ydata()[0] == row["explainability"]
    assert len({line.get_marker() for line in points.values()}) == 4
    # Both intervals of the two methods that have them.
    assert sum(len(c.get_segments()) for c in axes.collections) == 4


def test_labels_are_never_read_as_mathematics(run: Run) -> None:
    table = run.axis.assign(method="$\\frac{1}{0}$", accuracy_name="$broken")
    assert figures.svg(figures.axis_figure_of(table))


def test_attribution_figure_shows_every_map() -> None:
    maps = tuple(np.full((4, 6), v, np.float32) + np.eye(4, 6, dtype=np.float32) for v in (0.0, 1.0, 2.0))
    images = tuple(np.zeros((1, 4, 6), np.float32) for _ in maps)
    found = Attribution("m", "M(steps=3)", maps, ("a", "b", "c"), ("d0", "d1", "cat"), images=images)
    figure = figures.attribution_figure(found, columns=2)
    titles = [axes.get_title() for axes in figure.axes if axes.images]
    assert [title.partition("\n")[0] for title in titles] == ["a · d0", "b · d1", "c · cat"]
    assert len(figure.axes) == 4
    with pytest.raises(InputError, match="no map"):
        figures.attribution_figure(Attribution("m", "", (), (), ()))


def test_case_figure_has_a_row_a_target(run: Run) -> None:
    entries = run.entries("ex001")
    figure = figures.case_figure(run, "ex001")
    assert len([axes for axes in figure.axes if axes.images]) == len(entries) + len({e.target for e in entries})
    with pytest.raises(NotFound):
        figures.case_figure(run, "nobody")


def test_figures_leave_pyplot_alone() -> None:
    import subprocess
    import sys

    code = ("import sys, numpy as np; from xaimed.viz import figures; from xaimed.types import Attribution; "
            "figures.attribution_figure(Attribution('m', '', (np.eye(3, dtype='f4'),), ('a',), ('b',))); "
            "sys.exit('matplotlib.pyplot' in sys.modules or 'torch' in sys.modules)")
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[2],
                          check=False).returncode == 0
