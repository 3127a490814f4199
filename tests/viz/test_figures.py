"""Figures: what is drawn is what is stored, the same bytes each time, nothing left behind in matplotlib."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes

from xaimed.errors import InputError, NotFound
from xaimed.run import Run
from xaimed.types import Attribution
from xaimed.viz import figures
from xaimed.viz.ellipse import joint_ellipse


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


def bent(run: Run, curves: dict[str, dict[str, list[float]]]) -> Run:
    """The run with other curves."""
    other = Run(run.path, run.meta)
    other.__dict__["results"] = replace(run.results, curves=curves)
    return other


def test_a_long_froc_is_cut_at_four_and_says_where_it_ends(run: Run) -> None:
    from xaimed.report.blocks import Figure
    from xaimed.report.sections import detection

    curve = {"fppi": [0.0, 1.0, 20.5], "sensitivity": [0.0, 0.5, 1.0], "low": [0.0, 0.3, 0.0],
             "high": [1.0, 0.7, 1.0]}
    long = bent(run, {"froc[centre in box]": curve})
    axes = figures.froc_figure(long).axes[0]
    assert axes.get_xlim() == (0, 4)
    assert figures.froc_end(long) == 20.5
    caption = next(block.caption for block in detection.section(long) if isinstance(block, Figure))
    assert "up to 4 false positives per image; the curve goes on to 20.5" in caption
    curve["fppi"] = [0.0, 1.0, 2.0]
    assert figures.froc_figure(long).axes[0].get_xlim()[1] < 2.5


def test_an_interval_over_everything_draws_no_band(run: Run) -> None:
    curve = {"fppi": [0.0, 1.0, 2.0, 3.0], "sensitivity": [0.5] * 4, "low": [0.0, 0.4, 0.4, 0.0],
             "high": [1.0, 0.6, 0.6, 0.95]}
    axes = figures.froc_figure(bent(run, {"froc": curve})).axes[0]
    corners = np.concatenate([path.vertices for band in axes.collections for path in band.get_paths()])
    assert (corners[:, 1].min(), corners[:, 1].max()) == (0.4, 0.6)
    assert (corners[:, 0].min(), corners[:, 0].max()) == (1.0, 2.0)


def test_a_narrow_reliability_diagram_is_enlarged_and_says_so(run: Run) -> None:
    def axes(predicted: list[float]) -> Axes:
        return figures.reliability_figure(bent(run, {"reliability": {"predicted": predicted, "observed": [0.0, 1.0]}})
                                          ).axes[0]

    narrow, full = axes([0.13, 0.17]), axes([0.1, 0.9])
    assert narrow.get_xlim() == pytest.approx((0.1, 0.2))
    assert "axis cut: 0.1 to 0.2" in narrow.get_xlabel()
    assert full.get_xlim() == (0, 1)
    assert full.get_xlabel() == "predicted probability"


def test_axis_draws_every_method_and_hollows_failed_gates(run: Run) -> None:
    axes = figures.axis_figure(run).axes[0]
    points = {str(line.get_label()): line for line in axes.lines if not str(line.get_label()).startswith("_")}
    assert list(points) == ["Grad-CAM", "Integrated gradients", "Gradient SHAP (gate: fail)",
                            "Kernel SHAP (gate: NOT ASSESSED)"]
    assert points["Grad-CAM"].get_markerfacecolor() != "none"
    assert points["Gradient SHAP (gate: fail)"].get_markerfacecolor() == "none"
    row = run.axis.iloc[0]
    assert points["Grad-CAM"].get_xdata()[0] == row["accuracy"]
    assert points["Grad-CAM"].get_ydata()[0] == row["explainability"]
    assert points["Kernel SHAP (gate: NOT ASSESSED)"].get_markerfacecolor() == "none"
    assert len({line.get_marker() for line in points.values()}) == 4
    # Both intervals of the two methods that have them.
    assert sum(len(c.get_segments()) for c in axes.collections) == 4


def test_the_joint_region_is_the_one_of_the_dashboard(run: Run) -> None:
    table = run.axis.assign(correlation=0.4)
    axes = figures.axis_figure_of(table).axes[0]
    drawn = [line.get_xydata() for line in axes.lines if line.get_label() == "_joint region"]
    rows = table[table["explainability"].notna()].to_dict("records")
    assert len(drawn) == len(rows) == 2
    for outline, row in zip(drawn, rows, strict=True):
        assert np.allclose(outline, joint_ellipse({str(key): value for key, value in row.items()}))
    control = figures.axis_figure_of(table.assign(control=True)).axes[0]
    assert not [line for line in control.lines if line.get_label() == "_joint region"]


def test_a_curve_that_lies_flat_is_not_drawn(run: Run) -> None:
    flat = {"fpr": [0.0, 1.0], "tpr": [0.0, 0.0]}
    good = {"fpr": [0.0, 1.0], "tpr": [0.5, 1.0]}
    axes = figures.roc_figure(bent(run, {"roc[image]": flat, "roc[patient]": good})).axes[0]
    assert [str(line.get_label()) for line in axes.lines if not str(line.get_label()).startswith("_")] == ["patient"]


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


def test_a_note_stands_in_the_title_in_lines_that_fit() -> None:
    note = "fails the sanity gate; not converged: the estimated error of the map is 4 % after 256 steps"
    maps = tuple(np.eye(40, dtype=np.float32) for _ in range(2))
    figure = figures.attribution_figure(Attribution("m", "M(" + "x, " * 60 + ")", maps, ("a", "b"), ("d0", "d0"),
                                                    (note, "")))
    first, second = (axes.get_title().splitlines() for axes in figure.axes)
    assert " ".join(first[2:]) == note
    assert len(second) == 2
    figure.canvas.draw()
    for axes in figure.axes:
        box = axes.title.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1
    assert not figure.axes[0].title.get_window_extent().overlaps(figure.axes[1].title.get_window_extent())
    assert figure._suptitle.get_window_extent().x0 >= 0


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


def test_methods_without_a_number_stand_on_the_lines_of_a_band_under_all_that_has_one(run: Run) -> None:
    axes = figures.axis_figure(run).axes[0]
    marks = {str(line.get_label()): float(line.get_ydata()[0]) for line in axes.get_lines()
             if not str(line.get_label()).startswith("_")}
    below = sorted(height for name, height in marks.items() if "gate" in name)
    assert len(below) == 2
    assert below[1] < min(0.0, float(run.axis["explainability_low"].min()))
    lines = [float(line.get_ydata()[0]) for line in axes.get_lines() if line.get_label() == "_line"]
    assert sorted(lines) == below
    assert any(text.get_text() == "no explainability number" for text in axes.texts)


def test_without_an_accuracy_every_method_is_still_drawn(run: Run) -> None:
    axes = figures.axis_figure_of(run.axis.assign(accuracy=np.nan, accuracy_low=np.nan, accuracy_high=np.nan)).axes[0]
    assert axes.get_xlabel() == "accuracy: not measured"
    assert [float(line.get_xdata()[0]) for line in axes.get_lines()
            if not str(line.get_label()).startswith("_")] == [0.5] * 4
