"""Charts: what is drawn for known tables."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from xaimed.run import Run
from xaimed.stats import Results
from xaimed.viz import charts, figures
from xaimed.viz.looks import SYMBOLS, places


@pytest.fixture(scope="module")
def run(example_run: Path) -> Run:
    return Run.open(example_run)


def points(table: pd.DataFrame) -> dict[str, Any]:
    """The drawn points by method, whatever order they are drawn in."""
    return {trace.customdata[0][0]: trace for trace in charts.axis_chart(table).data if trace.customdata is not None}


def test_axis_has_one_point_a_row_with_both_intervals(run: Run) -> None:
    drawn = points(run.axis)
    assert len(charts.axis_chart(run.axis).data) == len(drawn) == len(run.axis) == 4
    for row in run.axis.to_dict(orient="records"):
        trace = drawn[row["method"]]
        assert list(trace.x) == [row["accuracy"]]
        assert trace.error_x.array[0] == pytest.approx(row["accuracy_high"] - row["accuracy"])
        assert trace.error_x.arrayminus[0] == pytest.approx(row["accuracy"] - row["accuracy_low"])
        if row["gate"] == "pass":
            assert list(trace.y) == [row["explainability"]]
            assert trace.error_y.array[0] == pytest.approx(row["explainability_high"] - row["explainability"])
            assert trace.error_y.arrayminus[0] == pytest.approx(row["explainability"] - row["explainability_low"])


def test_failed_gate_is_a_hollow_marker_below_the_plot_without_a_number(run: Run) -> None:
    figure, drawn = charts.axis_chart(run.axis), points(run.axis)
    assert drawn["grad_cam"].marker.symbol == "circle"
    for method in ("gradient_shap", "kernel_shap"):
        trace = drawn[method]
        assert trace.marker.symbol.endswith("-open")
        assert trace.error_y.array is None
        assert trace.y[0] < min(0.0, float(run.axis["explainability_low"].min()))
        assert "no explainability number" in trace.hovertemplate
        assert "gate" in trace.name
    assert drawn["gradient_shap"].y[0] != drawn["kernel_shap"].y[0], "none hides another"
    assert any("no explainability number" in note.text for note in figure.layout.annotations)


def test_a_number_is_not_drawn_if_the_gate_failed(run: Run) -> None:
    table = run.axis.assign(explainability=0.9, explainability_low=0.8, explainability_high=1.0, gate="fail")
    assert all(trace.marker.symbol.endswith("-open") and trace.y[0] < 0 for trace in charts.axis_chart(table).data)


def test_a_gate_that_was_not_assessed_keeps_its_number_but_is_hollow(run: Run) -> None:
    table = run.axis.assign(explainability=0.4, gate="NOT ASSESSED")
    for trace in charts.axis_chart(table).data:
        assert trace.marker.symbol.endswith("-open")
        assert list(trace.y) == [0.4]


def test_markers_differ_without_colour(run: Run) -> None:
    symbols = [trace.marker.symbol for trace in charts.axis_chart(run.axis).data]
    assert len({symbol.removesuffix("-open") for symbol in symbols}) == len(symbols)


def test_several_models_are_named(run: Run) -> None:
    table = pd.concat([run.axis.assign(model="one"), run.axis.assign(model="two")])
    figure = charts.axis_chart(table)
    assert len(figure.data) == 8
    assert sorted(trace.name[:5] for trace in figure.data) == ["1 one"] * 4 + ["2 two"] * 4
    assert {(trace.name[:5], trace.text[0]) for trace in figure.data} == {("1 one", "1"), ("2 two", "2")}
    looks = {trace.customdata[0][1]: trace.marker.color for trace in figure.data}
    assert looks["one"] != looks["two"], "the colour is the model's"


def test_a_method_looks_the_same_whatever_the_order_of_the_rows_and_the_figure(run: Run) -> None:
    table = pd.concat([run.axis, run.axis.iloc[:1].assign(method="centre_blob", control=True, explainability=0.5)])
    table["control"] = table["control"].eq(other=True)
    table = table.assign(plausibility=0.5, plausibility_low=0.4, plausibility_high=0.6)
    turned = table.iloc[::-1]

    def looks(one: pd.DataFrame) -> dict[str, tuple[str, str]]:
        return {name: (trace.marker.color, trace.marker.symbol) for name, trace in points(one).items()}

    assert looks(table) == looks(turned) == looks(table.sort_values("method"))
    bars = {trace.y[0].split(" (")[0]: trace.marker.color for trace in charts.plausibility_chart(turned).data}
    assert bars == {charts.plain_name(name): colour for name, (colour, _) in looks(table).items()}
    assert {charts.plain_name(name): figures._look(row, turned.to_dict("records"))[0] for name, row in zip(
        turned["method"], turned.to_dict("records"), strict=True)} == {
            charts.plain_name(name): "x" if name == "centre_blob" else figures.MARKERS[
                SYMBOLS.index(symbol.removesuffix("-open"))] for name, (_, symbol) in looks(table).items()}


def test_a_run_that_is_compared_changes_no_mark_of_the_first(run: Run) -> None:
    other = run.axis.assign(run="two", method=["a", "b", "c", "grad_cam"])
    both = places([*run.axis.assign(run="one").to_dict("records"), *other.to_dict("records")])
    alone = places(run.axis.assign(run="one").to_dict("records"))
    assert {name: both[name] for name in alone} == alone
    assert sorted(both.values()) == list(range(7))


def test_regions_of_one_run_are_told_apart_where_several_are_compared(run: Run) -> None:
    both = pd.concat([run.axis.assign(model=name, run=name, correlation=0.0, gate="pass", explainability=0.5,
                                      explainability_low=0.4, explainability_high=0.6) for name in ("one", "two")])
    regions = [trace for trace in charts.axis_chart(both).data if "joint 95 % region" in str(trace.name)]
    own = [(trace.line.color, trace.line.dash) for trace in regions]
    assert len(own) == len(set(own)) == 8
    assert len({colour for colour, _ in own}) == 2, "the colour is the model's"


def test_names_of_methods_stand_under_each_other_however_many(run: Run) -> None:
    table = run.axis.assign(plausibility=0.5, plausibility_low=0.4, plausibility_high=0.6)
    one, two = (charts.plausibility_chart(pd.concat([table.assign(model=str(i)) for i in range(n)])) for n in (1, 2))
    assert two.layout.height - one.layout.height == charts.ROW * len(table)
    assert two.layout.yaxis.type == "category"
    assert [tuple(trace.x) for trace in two.data] == [(0.5,)] * 2 * len(table)


def test_a_method_is_drawn_over_a_control_at_the_same_place(run: Run) -> None:
    control = run.axis.iloc[:1].assign(method="random_map", control=True)
    drawn = [trace.customdata[0][0] for trace in charts.axis_chart(pd.concat([run.axis, control])).data]
    assert drawn[0] == "random_map", "first, so at the bottom"
    assert set(drawn[-2:]) == {"grad_cam", "integrated_gradients"}, "those with a number are on top"


def test_no_mark_or_bar_is_left_to_a_fixed_dark_colour(run: Run) -> None:
    table = run.axis.assign(plausibility=0.5, plausibility_low=0.4, plausibility_high=0.6)
    for figure in (charts.axis_chart(table), charts.plausibility_chart(table), charts.reliability_chart(run.results)):
        for trace in figure.data:
            hue = trace.marker.color or trace.line.color
            for bar in (trace.error_x, trace.error_y):
                assert bar.array is None or bar.color in (hue, trace.line.color), trace.name
            assert trace.marker.line.width is None or trace.marker.line.color == hue


def test_missing_interval_gives_no_bar(run: Run) -> None:
    figure = charts.axis_chart(run.axis.assign(accuracy_low=math.nan))
    assert all(trace.error_x.array is None for trace in figure.data)


def test_empty_axis_is_an_empty_chart(run: Run) -> None:
    assert len(charts.axis_chart(run.axis.iloc[:0]).data) == 0


def test_froc_draws_steps_and_the_stored_bands(run: Run) -> None:
    figure = charts.froc_chart(run.results)
    lines = [trace for trace in figure.data if trace.showlegend is not False]
    assert [trace.name for trace in lines] == ["centre in box", "IoU >= 0.2", "IoU >= 0.5"]
    curve = run.results.curves["froc[IoU >= 0.2]"]
    assert list(lines[1].x) == curve["fppi"]
    assert list(lines[1].y) == curve["sensitivity"]
    assert all(trace.line.shape == "hv" for trace in figure.data)
    assert len({trace.line.dash for trace in lines}) == 3
    bands = [trace for trace in figure.data if trace.fill == "tonexty"]
    assert list(bands[1].y) == curve["high"]
    assert len(bands) == 3


def test_roc_and_reliability_draw_the_stored_points(run: Run) -> None:
    roc = charts.roc_chart(run.results)
    assert list(roc.data[0].y) == run.results.curves["roc[image]"]["tpr"]
    assert roc.data[-1].name == "chance"
    trace = charts.reliability_chart(run.results).data[0]
    curve = run.results.curves["reliability"]
    assert list(trace.y) == curve["observed"]
    for got, high, observed in zip(trace.error_y.array, curve["high"], curve["observed"], strict=True):
        assert got == pytest.approx(high - observed)


def test_no_curve_is_an_empty_chart() -> None:
    assert len(charts.froc_chart(Results((), {})).data) == 0


def test_interval_text() -> None:
    row = {"a": 0.5, "a_low": 0.4, "a_high": 0.625, "b": 0.5, "c": math.nan}
    assert charts.interval_text(row, "a") == "0.50 [0.40, 0.62]"
    assert charts.interval_text(row, "b") == "0.50 (no interval)"
    assert charts.interval_text(row, "c") == "not measured"
