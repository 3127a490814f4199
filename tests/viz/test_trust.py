"""Trust badges, disagreement, failures, conditions and joint regions against counts by hand."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest

from tests.dashboards.crowds import crowd_run
from xaimed.errors import NotFound
from xaimed.run import Run
from xaimed.stats import Results
from xaimed.viz import charts, conditions, failures, forest, looks, trust, worklist
from xaimed.viz.ellipse import joint_ellipse
from xaimed.viz.worklist import Filter


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return crowd_run(tmp_path_factory.mktemp("crowd") / "crowd", 60)


@pytest.fixture(scope="module")
def drawn(example_run: Path) -> Run:
    return Run.open(example_run)


def test_methods_that_differ_are_told_with_their_rank_correlation(run: Run) -> None:
    table = trust.trust(run)
    for case, own in run.scores[run.scores["metric"] == "rank_correlation_with_other_methods"].groupby("case"):
        (value,) = own["value"].unique()
        assert table.loc[case, "rank_correlation"] == pytest.approx(value)
        told = table.loc[case, "trust"]
        assert told.startswith("gate 2 of 2")
        assert told.endswith(f"methods differ (rank correlation {value:.2f})") == (value < 0.2)
    assert 0 < table["low_trust"].sum() < len(table)
    assert (table["low_trust"] == table["trust"].str.contains("differ")).all()


def test_a_run_that_did_not_measure_it_has_no_rank_correlation_and_no_badge_for_it(drawn: Run) -> None:
    table = trust.trust(drawn)
    assert table["rank_correlation"].isna().all()
    assert not table["trust"].str.contains("differ").any()


def test_a_case_without_maps_says_so_and_is_not_called_low(drawn: Run) -> None:
    table = trust.trust(drawn)
    bare = set(drawn.cases["case"]) - set(drawn.scores["case"])
    assert bare
    assert (table.loc[sorted(bare), "trust"] == "no map judged").all()
    assert not table.loc[sorted(bare), "low_trust"].any()
    # Of the four methods of the drawn run two pass the gate, one fails, and one had none.
    assert table.loc["ex000", "trust"].startswith("gate 2 of 3, 1 not assessed")


def test_a_gate_that_nobody_asked_for_is_not_one_that_was_failed(drawn: Run) -> None:
    scores = drawn.scores.assign(value=drawn.scores["value"].where(drawn.scores["metric"] != "gate"))
    table = trust.trust(cast(Run, SimpleNamespace(cases=drawn.cases, scores=scores, meta=drawn.meta)))
    told = table.loc["ex000", "trust"]
    assert told.startswith("gate NOT ASSESSED")
    assert "no method passed" not in told
    assert table.loc["ex000", "low_trust"], "nothing speaks for the map either"


def test_half_of_the_methods_failing_is_low_trust_and_they_are_named(drawn: Run) -> None:
    gates = {"grad_cam": 0.0, "integrated_gradients": 1.0, "gradient_shap": 0.0, "kernel_shap": 1.0}
    scores = drawn.scores.copy()
    rows = scores["metric"] == "gate"
    scores.loc[rows, "value"] = scores.loc[rows, "method"].map(gates)
    row = trust.trust(cast(Run, SimpleNamespace(cases=drawn.cases, scores=scores, meta=drawn.meta))).loc["ex000"]
    assert row["trust"].startswith("gate 2 of 4; failed: grad cam, gradient shap")
    assert "half of the methods or more failed their gate" in row["trust"]
    assert row["low_trust"]


@pytest.mark.parametrize(("metric", "value", "told"), [("pointing_game", 0.0, "maps miss the lesion"),
                                                       ("completeness", -0.3, "attributions do not add up")])
def test_what_speaks_against_the_maps(drawn: Run, metric: str, value: float, told: str) -> None:
    run = Run(drawn.path, drawn.meta)
    scores = drawn.scores.copy()
    scores.loc[(scores["case"] == "ex000") & (scores["metric"] == metric), "value"] = value
    run.__dict__["scores"] = scores
    row = trust.trust(run).loc["ex000"]
    assert told in row["trust"]
    assert row["low_trust"]


def test_gravest_first_and_columns_in_both_directions(run: Run) -> None:
    table = worklist.worklist(run)
    first = worklist.ordered(table)
    assert first["missed"].is_monotonic_decreasing
    none = first[first["missed"] == 0]
    assert none["false_positives"].is_monotonic_decreasing
    column = "rank_correlation"
    up, down = worklist.ordered(table, column), worklist.ordered(table, column, descending=True)
    assert up[column].is_monotonic_increasing
    assert down[column].is_monotonic_decreasing
    with pytest.raises(NotFound, match="unknown order"):
        worklist.ordered(table, "beauty")


def test_pages_hold_every_place_once() -> None:
    places = np.arange(103)[::-1]
    pages = worklist.page(places, 1, 25)[1]
    assert pages == 5
    assert np.concatenate([worklist.page(places, n, 25)[0] for n in range(1, 6)]).tolist() == places.tolist()
    assert worklist.page(places, 99, 25)[0].tolist() == [2, 1, 0]
    assert worklist.page(places[:0], 1, 25)[1] == 1


def test_kinds_of_cases(run: Run) -> None:
    table = worklist.worklist(run).assign(feedback="")
    table.loc[table["case"] == "c000003", "feedback"] = "wrong place 1"
    kept = {kind: set(worklist.filtered(table, Filter(kind))["case"]) for kind in worklist.KINDS}
    assert kept["false negatives"] == set(table["case"][table["missed"] > 0])
    assert kept["false positives"] == set(table["case"][table["false_positives"] > 0])
    assert kept["low trust"] == set(table["case"][table["low_trust"]])
    assert kept["with feedback"] == kept["readers do not agree"] == {"c000003"}
    with pytest.raises(NotFound):
        worklist.filtered(table, Filter("odd ones"))
    assert set(worklist.filtered(table, Filter(text="MLO"))["group_view"]) == {"MLO"}


def test_the_ellipse_holds_95_percent_of_draws() -> None:
    rng, rho = np.random.default_rng(0), -0.6
    drawn = rng.multivariate_normal([0.5, 0.2], [[0.01, rho * 0.1 * 0.3], [rho * 0.1 * 0.3, 0.09]], 20000)
    row = {"accuracy_low": 0.5 - 0.196, "accuracy_high": 0.5 + 0.196, "explainability_low": 0.2 - 0.588,
           "explainability_high": 0.2 + 0.588, "correlation": rho}
    outline = joint_ellipse(row, 721)
    assert outline is not None
    angles = np.arctan2(outline[:, 1] - 0.2, outline[:, 0] - 0.5)
    order = np.argsort(angles)
    reach = np.interp(np.arctan2(drawn[:, 1] - 0.2, drawn[:, 0] - 0.5), angles[order],
                      np.hypot(outline[:, 0] - 0.5, outline[:, 1] - 0.2)[order])
    assert np.mean(np.hypot(drawn[:, 0] - 0.5, drawn[:, 1] - 0.2) <= reach) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("gone", ["accuracy_low", "explainability_high", "correlation"])
def test_no_ellipse_without_its_parts(gone: str) -> None:
    row = {"accuracy_low": 0.1, "accuracy_high": 0.2, "explainability_low": 0.1, "explainability_high": 0.2,
           "correlation": 0.0}
    assert joint_ellipse({**row, gone: math.nan}) is None
    assert joint_ellipse({key: value for key, value in row.items() if key != gone}) is None


def test_metrics_that_disagree_grey_the_axis_and_say_so(drawn: Run) -> None:
    figure = charts.axis_chart(drawn.axis.assign(agreement=0.2))
    assert "disagree" in figure.layout.yaxis.title.text
    assert figure.layout.yaxis.color == looks.QUIET
    assert "disagree" not in charts.axis_chart(drawn.axis.assign(agreement=0.9)).layout.yaxis.title.text


def test_an_accuracy_that_was_not_measured_hides_no_method(drawn: Run) -> None:
    nothing = dict.fromkeys(("accuracy", "accuracy_low", "accuracy_high"), math.nan)
    figure = charts.axis_chart(drawn.axis.assign(**nothing))
    assert figure.layout.xaxis.title.text == "accuracy: not measured"
    assert all(trace.x == (0.5,) for trace in figure.data)


def test_a_flat_curve_is_not_drawn_but_its_numbers_can_be_taken_along() -> None:
    flat = Results((), {"roc[image]": {"fpr": [0.0, 1.0], "tpr": [0.0, 0.0]},
                        "froc[centre in box]": {"fppi": [0.1, 2.0], "sensitivity": [math.nan, math.nan]}})
    assert charts.drawable(flat, "roc") == []
    assert charts.drawable(flat, "froc") == []
    table = charts.curve_table(flat, "roc")
    assert table.to_dict("list") == {"curve": ["image", "image"], "fpr": [0.0, 1.0], "tpr": [0.0, 0.0]}


def test_the_share_of_failures_by_group_is_a_count(run: Run) -> None:
    table = worklist.worklist(run)
    found = failures.by_group(table)
    for row in found.to_dict("records"):
        own = table[table[f"group_{row['group']}"] == row["value_of_group"]]
        wrong = sum(m > 0 or f > 0 for m, f in zip(own["missed"], own["false_positives"], strict=True))
        assert (row["failed"], row["cases"]) == (wrong, len(own))
    assert found["value"].is_monotonic_decreasing
    few = failures.by_group(table, least=1000)
    assert few["value"].isna().all()
    assert set(few["why"]) == {"fewer than 1000 cases"}


def test_a_condition_is_compared_case_by_case(run: Run) -> None:
    other = Run(run.path, run.meta)
    clean = run.predictions
    noisy = clean.assign(condition="noise 0.05", score=clean["score"] - 0.25)
    other.__dict__["predictions"] = pd.concat([clean, noisy], ignore_index=True)
    best = clean.groupby("case")["score"].max()
    (row,) = conditions.changes(other).to_dict("records")
    assert row["value"] == pytest.approx(-0.25)
    assert math.isnan(row["low"]), "the same change in every patient has no interval"
    assert row["flipped"] == int(((best >= 0.5) & (best - 0.25 < 0.5)).sum())
    assert conditions.changes(run).empty


def test_a_forest_says_why_a_row_is_empty() -> None:
    rows = pd.DataFrame([("site A", 0.5, 0.4, 0.7, "10 cases", ""), ("site B", math.nan, math.nan, math.nan, "",
                                                                     "suppressed: 3")],
                        columns=["name", "value", "low", "high", "count", "why"])
    figure = forest.forest_chart(rows, 0.6, "share")
    assert list(figure.data[0].error_x.array) == pytest.approx([0.2, 0.0])
    assert [note.text for note in figure.layout.annotations] == ["suppressed: 3"]
