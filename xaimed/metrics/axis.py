"""The axis: how faithful each method's maps are on this model, against how accurate the model is.

For each target and each faithfulness metric, skill = (m - null) / (ceiling - null): m is the metric of the method's
map, the null that of the same method's maps of other patients laid on this target box on box (mean over donors), the
ceiling that of a greedy superpixel search of the model itself. 0 is a map that says nothing about this image, 1 as
good as the search; it is not clipped. A case has the mean over its metrics and targets. A method that fails the
randomisation gate gets no number, and where the metrics do not agree in which method is better (Kendall's W below
0.5) no point is to be trusted. How well a map meets the lesion is kept apart as plausibility.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from xaimed.metrics.evidence import evidence
from xaimed.metrics.judged import JudgeOptions
from xaimed.metrics.roc import Ranking, area, images
from xaimed.stats import FEW, Array, Resampling, auc, mean_interval, ratio, wilson

if TYPE_CHECKING:
    import pandas as pd

    from xaimed.run import Run

CLEAN, OTHER, ORACLE = "clean", "other patient", "oracle"
CONTROLS = ("random_map", "sobel", "centre_blob")
FAITHFUL = ("deletion", "insertion", "road")
FAITHFULNESS = r"^(?:(?:insertion|deletion)_auc\[.+\]|road)$"
PLAUSIBLE = "pointing_game"
# Where the search itself gains less than this over another patient's map, there is nothing to find faithfully.
ROOM = 0.05
# A metric with room in fewer of the methods' maps than this share is left out for every method and every control: else
# each method would be scored by metrics of its own.
MOST = 0.5
AGREED = 0.5
# What stands for accuracy where no class is right or wrong, the mean over cases.
IN_PIXELS = {"Dice": "mean Dice", "SSIM": "mean SSIM",
             "target registration error": "mean target registration error (lower is better)"}
SAME = 1e-9  # an interval narrower than this is none
UNMEASURED = "not measured"
KEYS = ["case", "target", "method", "metric"]
COLUMNS = ("method", "accuracy", "accuracy_low", "accuracy_high", "accuracy_name", "explainability",
           "explainability_low", "explainability_high", "gate", "cases", "correlation", "null", "control", "agreement",
           "no_room", "left_out", "plausibility", "plausibility_low", "plausibility_high", "plausibility_name")


@dataclass(frozen=True, eq=False)
class _Accuracy:
    """The image AUC and its values on the shared draws."""

    name: str
    value: float
    low: float
    high: float
    drawn: Array


@dataclass(frozen=True, eq=False)
class _Basis:
    """What all rows share: who owns a case, the draws of patients, the accuracy on them, the skills of all."""

    owner: dict[str, str]
    draws: Resampling
    accuracy: _Accuracy
    skills: pd.DataFrame
    plausible: pd.DataFrame
    agreement: float
    cramped: pd.DataFrame


def axis(run: Run, options: JudgeOptions | None = None) -> pd.DataFrame:
    """One row a method with the columns COLUMNS; no row for a run without maps that were tested.

    accuracy: image AUC of the positive class, or one of IN_PIXELS. explainability: mean skill over cases, NaN if the
    gate failed or there is no null or no ceiling. gate: "pass", "fail" or "NOT ASSESSED". cases: those that gave a
    skill. correlation: of both values over the same draws of patients, for a joint ellipse. null: "other patient", or
    "none" where that was not measured. control: random, edge and centre maps, which keep their number to show where
    knowing nothing stands. agreement: Kendall's W of the metrics over the methods that are no controls, NaN with fewer
    than 3. no_room: the share of values whose ceiling lies less than ROOM above the null. left_out: the metrics that
    this takes out altogether, because so few maps have room in them; the same for every method. plausibility: the
    pointing game. options: by default those of the run's plan.
    """
    import pandas as pd

    chosen = options or _options(run)
    tested = _faithful(run.scores)
    names = sorted(set(tested.loc[tested["condition"] == CLEAN, "method"].astype(str)))
    basis = _basis(run, chosen) if names else None
    rows = [] if basis is None else [_row(name, gate_of(run.scores, name), basis) for name in names]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    hidden = (table["gate"] == "fail") & (table["control"] == False)  # noqa: E712
    table.loc[hidden, ["explainability", "explainability_low", "explainability_high", "correlation"]] = np.nan
    return table


@dataclass(frozen=True, eq=False)
class Drawn:
    """A run's accuracy and a method's mean gain over cases with its interval, and both on the same draws of patients.

    accuracies, gains: (resamples,). cases: those that gave a gain.
    """

    accuracy: float
    gain: float
    low: float
    high: float
    cases: int
    accuracies: Array
    gains: Array


def drawn(run: Run) -> dict[str, Drawn]:
    """Accuracy and gain of each method of a run, on the run's own draws of patients, whatever the gate says."""
    basis = _basis(run, _options(run))
    found = {}
    for method, own in gain_table(run.scores).rename(columns={"gain": "skill"}).groupby("method"):
        mean = _mean_of(_by_case(own), basis)
        found[str(method)] = Drawn(basis.accuracy.value, mean.value, mean.low, mean.high, mean.cases,
                                   basis.accuracy.drawn, mean.drawn)
    return found


def _options(run: Run) -> JudgeOptions:
    plan, usual = run.plan.get("judging", {}), JudgeOptions()
    return JudgeOptions(resamples=int(plan.get("resamples", usual.resamples)),
                        seed=int(run.plan.get("seed", usual.seed)),
                        positive=str(plan.get("positive", usual.positive)))


def _basis(run: Run, options: JudgeOptions) -> _Basis:
    draws = Resampling.of([str(p) for p in run.cases["patient"]], options.resamples, options.seed)
    skills, cramped = skill_table(run.scores), _with_room(run.scores)
    owner = dict(zip(map(str, run.cases["case"]), map(str, run.cases["patient"]), strict=True))
    return _Basis(owner, draws, _accuracy(run, options, draws), skills, _plausible(run.scores), agreement(skills),
                  cramped)


def _faithful(scores: pd.DataFrame) -> pd.DataFrame:
    rows = scores[scores["case"] != ""]
    return rows[rows["metric"].str.contains(FAITHFULNESS, regex=True)]


def skill_table(scores: pd.DataFrame) -> pd.DataFrame:
    """The skill of each map in each faithfulness metric: columns case, target, method, metric, skill.

    Only where null and ceiling are known. A map that gave no number where the null did has skill 0: no better than
    another patient's. NaN where the ceiling lies less than ROOM above the null, and wherever the metric is one of
    `left_out`.
    """
    found = _with_room(scores)
    return found.assign(skill=found["skill"].mask(found["metric"].isin(left_out(found))))[[*KEYS, "skill"]]


def left_out(skills: pd.DataFrame) -> list[str]:
    """The metrics in which fewer than MOST of the methods' maps have room, controls apart; sorted."""
    own = skills[~skills["method"].isin(CONTROLS)]
    roomy = (own if len(own) else skills).groupby("metric")["skill"].agg(lambda values: values.notna().mean())
    return sorted(map(str, roomy.index[roomy < MOST]))


def _with_room(scores: pd.DataFrame) -> pd.DataFrame:
    """The skill of each map in each metric, NaN only where that map has no room."""
    rows = _faithful(scores)
    own, null, best = (rows[rows["condition"] == name].groupby(keys)["value"].mean().rename(column).reset_index()
                       for name, keys, column in ((CLEAN, KEYS, "m"), (OTHER, KEYS, "null"),
                                                  (ORACLE, ["case", "target", "metric"], "ceiling")))
    found = null.merge(best, on=["case", "target", "metric"]).merge(own, on=KEYS, how="left")
    found = found.dropna(subset=["null", "ceiling"])
    sign = np.where(found["metric"].str.startswith("deletion"), -1.0, 1.0)
    base, top = sign * found["null"].to_numpy(np.float64), sign * found["ceiling"].to_numpy(np.float64)
    m = sign * found["m"].to_numpy(np.float64)
    gain, room = np.where(np.isfinite(m), m, base) - base, top - base
    skill = np.divide(gain, room, out=np.full(len(found), np.nan), where=room >= ROOM)
    return found.assign(gain=gain, skill=skill)[[*KEYS, "gain", "skill"]]


def gain_table(scores: pd.DataFrame) -> pd.DataFrame:
    """The numerator of skill alone: columns case, target, method, metric, gain, positive where the map is better.

    It needs no ceiling with room, so that no metric is left out, and is the same quantity for every model.
    """
    return _with_room(scores)[[*KEYS, "gain"]]


def case_skills(scores: pd.DataFrame) -> pd.DataFrame:
    """The skill of each method on each case: columns method, case, skill, the mean over metrics, then targets."""
    return _by_case(skill_table(scores))


def _by_case(skills: pd.DataFrame) -> pd.DataFrame:
    known = skills.dropna(subset=["skill"])
    by_target = known.groupby(["method", "case", "target"])["skill"].mean()
    return by_target.groupby(level=["method", "case"]).mean().rename("skill").reset_index()


def agreement(skills: pd.DataFrame) -> float:
    """Kendall's W of the metrics over the methods' mean skills; NaN with fewer than 2 metrics or 3 methods.

    A metric without room for some method ranks none. Controls are left out: every metric puts noise last, which
    would make any metrics agree.
    """
    own = skills[~skills["method"].isin(CONTROLS)].dropna(subset=["skill"])
    table = own.pivot_table(index="metric", columns="method", values="skill", aggfunc="mean").dropna(axis=0)
    return concordance(table.to_numpy(np.float64))


def concordance(values: Array) -> float:
    """Kendall's W in [0, 1] of m rows that each rank n columns, with the correction for ties; NaN below 2 x 3.

    Kendall MG, Babington Smith B (1939) "The problem of m rankings", Ann Math Stat 10:275.
    """
    from scipy.stats import rankdata

    judges, items = values.shape
    if judges < 2 or items < 3:
        return math.nan
    ranks = np.apply_along_axis(rankdata, 1, values)
    spread = ((ranks.sum(0) - judges * (items + 1) / 2) ** 2).sum()
    tied = sum(float((count**3 - count).sum()) for count in (np.unique(r, return_counts=True)[1] for r in ranks))
    most = judges**2 * (items**3 - items) - judges * tied
    return float(12 * spread / most) if most > 0 else math.nan


def _plausible(scores: pd.DataFrame) -> pd.DataFrame:
    """The pointing game of each method on each case with a lesion: columns method, case, skill."""
    rows = scores[(scores["metric"] == PLAUSIBLE) & (scores["condition"] == CLEAN) & (scores["case"] != "")]
    return _by_case(rows.rename(columns={"value": "skill"}))


def gate_of(scores: pd.DataFrame, method: str) -> str:
    """What the randomisation gate said of a method: "pass", "fail" or "NOT ASSESSED"."""
    rows = scores[(scores["method"] == method) & (scores["metric"] == "gate") & (scores["condition"] == CLEAN)]
    values = rows["value"].to_numpy(np.float64)
    if not len(values) or not np.isfinite(values).all():
        return "NOT ASSESSED"
    return "pass" if values.min() >= 1 else "fail"


def _accuracy(run: Run, options: JudgeOptions, draws: Resampling) -> _Accuracy:
    """That of the answers in pixels where they were measured, for a segmenter's classes are those of pixels."""
    in_pixels = _of_cases(run, draws)
    found = evidence(run.cases, run.truth, run.predictions, options.ignored_cases, options.ignored_labels)
    if in_pixels.name != UNMEASURED or options.positive not in found.classes:
        return in_pixels
    ranking: Ranking = images(found, options.positive)
    whole = area(f"image AUC {options.positive}", ranking, draws)
    drawn = draws.run(ranking.patients, lambda w: auc(ranking.scores, ranking.positive, w))
    return _Accuracy(whole.name, whole.value, whole.low, whole.high, drawn)


def _of_cases(run: Run, draws: Resampling) -> _Accuracy:
    """The mean over cases of the first of IN_PIXELS that was measured, of a model that gives no class; NaN for none."""
    own = run.scores[(run.scores["method"].fillna("") == "") & (run.scores["case"] != "")
                     & (run.scores["condition"] == CLEAN)]
    for name, words in IN_PIXELS.items():
        measured = own[own["metric"] == name].groupby("case")["value"].mean().dropna()
        if len(measured):
            owner = dict(zip(map(str, run.cases["case"]), map(str, run.cases["patient"]), strict=True))
            values, patients = measured.to_numpy(np.float64), [owner[str(case)] for case in measured.index]
            drawn = draws.run(patients, _weighted(values))
            return _Accuracy(words, float(values.mean()), *mean_interval(values, patients, draws)[:2], drawn)
    return _Accuracy(UNMEASURED, math.nan, math.nan, math.nan, np.full(draws.resamples, np.nan))


def _weighted(values: Array) -> Callable[[Array], Array]:
    return lambda weights: ratio(weights @ values, weights.sum(axis=1))


def _row(method: str, gate: str, basis: _Basis) -> dict[str, str | float | int | bool]:
    own = basis.skills[basis.skills["method"] == method]
    skill, accuracy = _mean_of(_by_case(own), basis), basis.accuracy
    point = _share_of(basis.plausible[basis.plausible["method"] == method], basis)
    return {"method": method, "accuracy": accuracy.value, "accuracy_low": accuracy.low,
            "accuracy_high": accuracy.high, "accuracy_name": accuracy.name,
            "explainability": skill.value, "explainability_low": skill.low, "explainability_high": skill.high,
            "gate": gate, "cases": skill.cases, "correlation": correlation(accuracy.drawn, skill.drawn),
            "null": OTHER if len(own) else "none", "control": method in CONTROLS, "agreement": basis.agreement,
            "no_room": _share_without(basis.cramped, method), "left_out": ", ".join(left_out(basis.cramped)),
            "plausibility": point.value, "plausibility_low": point.low, "plausibility_high": point.high,
            "plausibility_cases": point.cases,
            "plausibility_name": PLAUSIBLE.replace("_", " ")}


def _share_without(skills: pd.DataFrame, method: str) -> float:
    """The share of a method's values without room; NaN for none."""
    own = skills.loc[skills["method"] == method, "skill"]
    return float(own.isna().mean()) if len(own) else math.nan


@dataclass(frozen=True, eq=False)
class _Mean:
    """A mean over cases with the interval of `stats.mean_interval`, which fewer than two patients do not have."""

    value: float
    low: float
    high: float
    cases: int
    drawn: Array


def _mean_of(own: pd.DataFrame, basis: _Basis) -> _Mean:
    values = own["skill"].to_numpy(np.float64)
    patients = [basis.owner[str(case)] for case in own["case"]]
    if not len(values):
        return _Mean(math.nan, math.nan, math.nan, 0, np.full(len(basis.accuracy.drawn), np.nan))
    drawn = basis.draws.run(patients, lambda w: ratio(w @ values, w.sum(axis=1)))
    low, high, _ = mean_interval(values, patients, basis.draws)
    return _Mean(float(values.mean()), low, high, len(values), drawn)


def _share_of(own: pd.DataFrame, basis: _Basis) -> _Mean:
    """As _mean_of for values of 0 to 1; of few patients, or of one value in all, Wilson's with patients as trials."""
    found, people = _mean_of(own, basis), len({basis.owner[str(case)] for case in own["case"]})
    if people < 2 or (people >= FEW and found.low == found.low):
        return found
    low, high = wilson(found.value * people, people)
    return replace(found, low=low, high=high)


def correlation(a: Array, b: Array) -> float:
    """The correlation of two statistics over the draws on which both are finite; NaN where one does not vary."""
    kept = np.isfinite(a) & np.isfinite(b)
    if kept.sum() < 3 or np.ptp(a[kept]) == 0 or np.ptp(b[kept]) == 0:
        return math.nan
    return float(np.corrcoef(a[kept], b[kept])[0, 1])
