"""The ladder's table and rank correlation against loops over the draws, and runs that cannot be compared."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from tests.metrics.test_axis import ends, faithful, gate
from xaimed.errors import InputError
from xaimed.metrics.axis import Drawn, axis, drawn, skill_table
from xaimed.metrics.evidence import EDGES
from xaimed.metrics.judged import JudgeOptions
from xaimed.metrics.rungs import Rung, chance, ladder_of, rank_correlation, spearman
from xaimed.run import Run
from xaimed.stats import Resampling

CASES, EXPLAINED, DRAWS = 30, 10, 120
LABELS = np.array(["normal", "malignant"])[np.arange(CASES) % 2]
NAMES = [f"c{i:03d}" for i in range(CASES)]
PLAN = {"seed": 3, "judging": {"resamples": DRAWS, "positive": "malignant"}}


def scores_of(model: int) -> np.ndarray:
    draw = np.random.default_rng(model)
    noise = (0.1 + 0.05 * model) * draw.normal(size=CASES)
    return np.asarray(np.clip(0.5 + 0.1 * (LABELS == "malignant") + noise, 0, 1))


def skills_of(model: int) -> np.ndarray:
    return np.random.default_rng(100 + model).normal(0.1 * model, 0.3, EXPLAINED)


def run_of(model: int, passed: float = 1.0, plan: dict[str, object] | None = None) -> Run:
    cases = pd.DataFrame({"case": NAMES, "patient": NAMES, "split": "test", "label": LABELS})
    truth = pd.DataFrame(columns=["case", "target", "label", *EDGES])
    said = pd.DataFrame([{"case": c, "target": "malignant", "label": "malignant", "score": s, "condition": "clean",
                          **dict.fromkeys(EDGES, math.nan)} for c, s in zip(NAMES, scores_of(model), strict=True)])
    rows = [gate("occlusion", passed)]
    for case, skill in zip(NAMES, skills_of(model), strict=False):
        # Null 0.5 with a ceiling of 1 (insertion) and 0 (deletion).
        rows += [*faithful(case, "occlusion", 0.5 + skill / 2, 0.5 - skill / 2), *ends(case, "occlusion", (0.5, 0.5))]
    found = pd.DataFrame(rows).drop_duplicates(["case", "target", "method", "metric", "condition"])
    run = SimpleNamespace(cases=cases, truth=truth, predictions=said, plan=plan or PLAN, scores=found)
    run.axis = axis(cast(Run, run), JudgeOptions(resamples=DRAWS, seed=3, positive="malignant"))
    return cast(Run, run)


def rungs(count: int = 5) -> list[Rung]:
    return [Rung(f"m{i}", run_of(i), 10 * i, {"grad_cam": "no feature map"} if i == 0 else {}) for i in range(count)]


def test_the_rank_correlation_is_that_of_a_loop_over_the_draws() -> None:
    found = ladder_of(rungs(), "occlusion").correlation
    positive = LABELS == "malignant"
    values = []
    for counts in Resampling.of(NAMES, DRAWS, 3).counts:
        rows = np.repeat(np.arange(CASES), counts)
        own = [i for i in rows if i < EXPLAINED]
        values.append(spearmanr([roc_auc_score(positive[rows], scores_of(m)[rows]) for m in range(5)],
                                [skills_of(m)[own].mean() for m in range(5)]).statistic)
    whole = spearmanr([roc_auc_score(positive, scores_of(m)) for m in range(5)],
                      [skills_of(m).mean() for m in range(5)]).statistic
    assert found.value == pytest.approx(whole)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])), abs=1e-9)
    assert found.denominator == 5
    assert "models fixed" in found.interval


def test_a_model_that_did_not_pass_has_a_row_and_no_rank() -> None:
    steps = [*rungs(4), Rung("failed", run_of(4, 0.0), 1), Rung("unknown", run_of(4, math.nan), 1)]
    found = ladder_of(steps, "occlusion")
    assert list(found.ranked) == ["m0", "m1", "m2", "m3"]
    assert found.correlation.denominator == 4
    table = found.table.set_index(["model", "method"])
    assert table.loc[("failed", "occlusion"), "gate"] == "fail"
    assert math.isnan(table.loc[("failed", "occlusion"), "gain"])
    assert table.loc[("unknown", "occlusion"), "gate"] == "NOT ASSESSED"


def test_the_table_holds_all_methods_and_why_one_is_missing() -> None:
    steps = rungs()
    found = ladder_of(steps, "occlusion")
    table = found.table
    assert list(table.loc[table["primary"], "model"]) == [f"m{i}" for i in range(5)]
    missing = table[table["gate"] == "not applicable"]
    assert list(missing["model"]) == ["m0"]
    assert list(missing["why"]) == ["no feature map"]
    own = table[table["primary"]].set_index("model")
    assert own["parameters"].tolist() == [0, 10, 20, 30, 40]
    # The null lies at 0.5, halfway to either end: the gain is half of the skill.
    assert own.loc["m2", "gain"] == pytest.approx(skills_of(2).mean() / 2)
    assert own.loc["m2", "explainability"] == pytest.approx(skills_of(2).mean())
    point = found.ranked["m2"]
    assert own.loc["m2", "accuracy_sd"] == pytest.approx(np.nanstd(point.accuracies, ddof=1))
    assert own.loc["m2", "gain_correlation"] == pytest.approx(np.corrcoef(point.accuracies, point.gains)[0, 1])


def test_the_gain_leaves_no_metric_out_where_the_search_finds_nothing() -> None:
    """The ceiling of insertion at the null: skill is by deletion alone, the gain by both as before."""
    run = run_of(0)
    scores = run.scores.copy()
    at = scores["metric"].str.startswith("insertion") & (scores["condition"] == "oracle")
    scores.loc[at, "value"] = 0.51
    before = drawn(run)["occlusion"]
    run.__dict__["scores"] = scores
    after = drawn(run)["occlusion"]
    assert after.gain == before.gain == pytest.approx(skills_of(0).mean() / 2)
    assert after.cases == EXPLAINED
    assert (after.gains == before.gains).all()
    assert skill_table(scores)["skill"].isna().any()


def test_the_chance_of_an_order_is_that_of_all_orders() -> None:
    from scipy.stats import permutation_test

    ranked = ladder_of(rungs(), "occlusion").ranked
    x, y = (np.array([getattr(one, name) for one in ranked.values()]) for name in ("accuracy", "gain"))
    exact = permutation_test((y,), lambda z: abs(spearmanr(x, z).statistic), permutation_type="pairings",
                             alternative="greater", n_resamples=math.inf)
    assert chance(ranked) == pytest.approx(exact.pvalue)
    none = np.array([math.nan])
    many = {str(i): Drawn(0.5 + i / 100, float(i), 0.0, 1.0, 9, none, none) for i in range(12)}
    assert chance(many) < 0.001


def test_too_few_models_give_no_number() -> None:
    found = ladder_of(rungs(3), "occlusion").correlation
    assert math.isnan(found.value)
    assert "3 models" in found.interval


def test_a_constant_gives_no_number() -> None:
    same = {str(i): Drawn(0.8, float(i), 0.0, 1.0, 9, np.full(9, 0.8), np.arange(9.0) + i) for i in range(5)}
    found = rank_correlation(same)
    assert math.isnan(found.value)
    assert math.isnan(found.low)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=8))
def test_spearman_is_scipys_with_ties(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, float).T
    found = spearman(x[None], y[None])[0]
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(spearmanr(x, y).statistic)


def test_runs_with_other_draws_are_refused() -> None:
    other = Rung("late", run_of(1, plan={**PLAN, "seed": 4}), 1)
    with pytest.raises(InputError, match="late was judged on other cases"):
        ladder_of([*rungs(1), other], "occlusion")


def test_accuracy_is_compared_with_the_most_accurate_model_on_the_same_draws() -> None:
    positive = LABELS == "malignant"
    whole = [roc_auc_score(positive, scores_of(i)) for i in range(5)]
    best = int(np.argmax(whole))
    found = {estimate.name: estimate for estimate in ladder_of(rungs(), "occlusion").behind}
    assert set(found) == {f"m{i}" for i in range(5)} - {f"m{best}"}
    weights = Resampling.of(NAMES, DRAWS, 3).counts
    for i in set(range(5)) - {best}:
        drawn = [roc_auc_score(positive, scores_of(i), sample_weight=w)
                 - roc_auc_score(positive, scores_of(best), sample_weight=w) for w in weights]
        estimate = found[f"m{i}"]
        assert estimate.value == pytest.approx(whole[i] - whole[best])
        assert (estimate.low, estimate.high) == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])), abs=0.02)
