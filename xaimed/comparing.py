"""compare_runs: an earlier and a new model on the same cases: paired tests, discordant cases, drift of explanations."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from xaimed.answers import TOLD
from xaimed.discordance import EARLIER, NEW, Discordant, Duel, discordant, lesion_differences
from xaimed.drift import Drift, agreements, drifts
from xaimed.errors import InputError
from xaimed.metrics.comparison import corrected, paired
from xaimed.metrics.evidence import Evidence, evidence
from xaimed.metrics.judged import JudgeOptions
from xaimed.metrics.operating import called_positive
from xaimed.metrics.pixelwise import directions
from xaimed.stats import Array, Estimate, Resampling, mean_interval, ratio
from xaimed.unanswered import INTENDED, Answers, Asked, compare_answers

if TYPE_CHECKING:
    import pandas as pd

    from xaimed.run import Run

EDGES = ["x0", "y0", "x1", "y1"]
SAME_MODEL = "both runs are of the same model, by its digest"
Answer = Literal["superior", "not inferior", "not shown", "inferior", "NOT ASSESSED"]
IN_SETTINGS = ("plan", "code", "versions", "device", "platform", "seeds")


@dataclass(frozen=True, eq=False)
class RunComparison:
    """What two runs of the same cases say of each other; every difference is new minus earlier.

    answer: on non-inferiority in image AUC by the margin, NOT ASSESSED without margin or AUC. settings: what of the
    two runs' set-up differs, name to (earlier, new). drift: a row a map that both made.
    """

    earlier: Run
    new: Run
    positive: str
    margin: float | None
    estimates: tuple[Estimate, ...]
    discordant: tuple[Discordant, ...]
    drift: tuple[Drift, ...]
    settings: Mapping[str, tuple[str, str]]

    @property
    def main(self) -> Estimate | None:
        """The first difference that has a number: in image AUC, else in the first measure of the task."""
        return next((e for e in self.estimates if e.name.startswith("difference in ") and math.isfinite(e.value)), None)

    @property
    def answer(self) -> Answer:
        """What the margin says of the main difference."""
        found = next((e for e in self.estimates if e.name.startswith("non-inferiority")), None)
        if found is None or "NOT ASSESSED" in found.rule:
            return "NOT ASSESSED"
        said = found.rule.rpartition("non-inferiority ")[2]
        known: Mapping[str, Answer] = {"shown": "not inferior", "not shown": "not shown", "inferior": "inferior"}
        return known.get(said, "superior")

    @property
    def worse(self) -> tuple[Estimate, ...]:
        """The differences whose whole interval says that the new model is worse."""
        return tuple(e for e in self.estimates if e.name.startswith("difference in ") and (
            e.low > 0 if _lower_is_better(e.name) else e.high < 0))

    @property
    def exit_code(self) -> int:
        """0: non-inferiority is shown, or without a margin no difference shows the new model to be worse; else 1."""
        if self.margin is None:
            return int(bool(self.worse))
        return int(self.answer not in ("superior", "not inferior"))

    @property
    def verdict(self) -> str:
        """The outcome in one line, with what else is shown to be worse, and whether it is the same model twice."""
        also = f"; shown to be worse in: {', '.join(self._worse_names)}" if self.worse and self.margin else ""
        also += f" ({self.multiplicity})" if self.worse and self.multiplicity else ""
        return f"{self._by_margin}{also}{'; ' + SAME_MODEL if self.same_model else ''}"

    @property
    def same_model(self) -> bool:
        """Whether both runs are of one model, by its digest."""
        one, other = (str(run.meta.get("model", {}).get("digest") or "") for run in (self.earlier, self.new))
        return bool(one) and one == other

    @property
    def _worse_names(self) -> list[str]:
        return list(dict.fromkeys(measure_of(e) for e in self.worse))

    @property
    def intervals(self) -> int:
        """How many differences have an interval."""
        return sum(e.name.startswith("difference in ") and math.isfinite(e.low) for e in self.estimates)

    @property
    def multiplicity(self) -> str:
        """What the number of intervals means for "shown to be worse", in one sentence; "" for a single one."""
        return "" if self.intervals < 2 else (
            f"{self.intervals} differences, each with its own 95 % interval and without correction for their number")

    @property
    def _by_margin(self) -> str:
        if self.margin is None:
            text = f"worse in {len(self.worse)} measures" if self.worse else "no measure shows it to be worse"
            return f"the new model: {text}; non-inferiority NOT ASSESSED: no margin was set"
        words = {"superior": "superior", "not inferior": "not inferior", "inferior": "inferior",
                 "not shown": "non-inferiority not shown (inconclusive)", "NOT ASSESSED": "NOT ASSESSED"}
        return f"the new model by the margin {self.margin:g}: {words[self.answer]}"

    def to_json(self) -> dict[str, object]:
        """A dict for JSON; NaN becomes None."""
        rows = [{**asdict(d), "agreement": d.agreement} for d in self.drift]
        found = {"earlier": _identity(self.earlier), "new": _identity(self.new), "positive": self.positive,
                 "margin": self.margin, "verdict": self.verdict, "answer": self.answer, "exit": self.exit_code,
                 "multiplicity": self.multiplicity,
                 "estimates": [e.to_json() for e in self.estimates], "settings": {
                     name: {"earlier": a, "new": b} for name, (a, b) in self.settings.items()},
                 "discordant": [asdict(d) for d in self.discordant], "drift": rows}
        plain: dict[str, object] = json.loads(json.dumps(_finite(found)))
        return plain


def measure_of(difference: Estimate) -> str:
    """What a difference is in, and whether missing outputs count as wrong."""
    name = difference.name.removeprefix("difference in ").partition(":")[0]
    return f"{name} by intention to diagnose" if difference.rule.endswith(INTENDED) else name


def compare_runs(earlier: Run, new: Run, margin: float | None = None) -> RunComparison:
    """What the new run says against the earlier one. margin: of non-inferiority in AUC, by default the new plan's.

    Raises InputError, in one line, where the two are not of the same cases with the same reference.
    """
    refuse_other_data(earlier, new)
    chosen = new.plan.get("judging", {}).get("margin") if margin is None else margin
    if chosen is not None and not 0 < float(chosen) < 1:
        raise InputError(f"margin {chosen}; expected a number between 0 and 1, set before the data are seen")
    options = _options(new)
    duel = _duel(earlier, new, options)
    estimates = [] if duel is None else [*_scored(duel, chosen), *lesion_differences(duel)]
    estimates += _measures(earlier, new, options)
    drift = drifts(earlier, new)
    estimates += agreements(drift, options.resamples, options.seed)
    return RunComparison(earlier, new, options.positive, chosen, tuple(estimates),
                         () if duel is None else tuple(discordant(duel)), tuple(drift), _settings(earlier, new))


def _duel(earlier: Run, new: Run, options: JudgeOptions) -> Duel | None:
    """Both runs as evidence; None where one of them has no score of the positive class."""
    if not len(earlier.cases) or not (len(earlier.predictions) and len(new.predictions)):
        return None
    kept = _answered(earlier, options.positive) & _answered(new, options.positive)
    if not kept:
        return None
    old, now = (_evidence(run, kept, options) for run in (earlier, new))
    return Duel((earlier, new), (old, now), options)


def _evidence(run: Run, kept: set[str], options: JudgeOptions) -> Evidence:
    cases, truth, said = (table[table["case"].isin(kept)] for table in (run.cases, run.truth, run.predictions))
    return evidence(cases, truth, said, options.ignored_cases)


def _answered(run: Run, positive: str) -> set[str]:
    """The cases for which the run's model gave a score of the positive class."""
    rows = run.predictions[(run.predictions["condition"] == "clean") & run.predictions["x0"].isna()
                           & (run.predictions["target"] == positive) & run.predictions["score"].notna()]
    return set(rows["case"])


def refuse_other_data(earlier: Run, new: Run) -> None:
    """Raise InputError unless both runs hold the same cases, pixels and reference, and the same task."""
    names = [set(map(str, run.cases["case"])) for run in (earlier, new)]
    end = "expected two runs of the same cases: audit both models on the same data"
    where = f"{earlier.path} and {new.path}"
    if names[0] != names[1]:
        raise InputError(f"{where}: {len(names[0])} and {len(names[1])} cases, {len(names[0] & names[1])} of them "
                         f"shared; {end}")
    tasks = [str(run.meta.get("model", {}).get("task")) for run in (earlier, new)]
    if tasks[0] != tasks[1]:
        raise InputError(f"{where}: tasks {tasks[0]} and {tasks[1]}; expected two models of one task")
    for column in ("digest", "label", "patient"):
        other = _changed(earlier.cases, new.cases, column)
        if other:
            raise InputError(f"{where}: {len(other)} of {len(names[0])} cases have another {column}, such as "
                             f"{other[0]}; {end}")
    if not _references(earlier).equals(_references(new)):
        raise InputError(f"{where}: the reference boxes or labels differ; {end}")


def _changed(first: pd.DataFrame, second: pd.DataFrame, column: str) -> list[str]:
    a, b = (table.sort_values("case")[["case", column]].fillna("").astype(str) for table in (first, second))
    both = zip(a["case"], a[column], b[column], strict=True)
    return [case for case, one, other in both if one and other and one != other]


def _references(run: Run) -> pd.DataFrame:
    columns = ["case", "label", *EDGES]
    table = run.truth[columns].sort_values(columns).reset_index(drop=True)
    return table.round(6)


def _options(run: Run) -> JudgeOptions:
    plan, usual = run.plan.get("judging", {}), JudgeOptions()
    return JudgeOptions(hit_rules=tuple(plan.get("hit_rules", usual.hit_rules)),
                        resamples=int(plan.get("resamples", usual.resamples)), seed=int(run.plan.get("seed", 0)),
                        positive=_positive(run), ignored_cases=_unplaced(run))


def _positive(run: Run) -> str:
    """The plan's positive class; where a run was made without one, malignant or the model's last class."""
    classes = [str(name) for name in run.meta.get("model", {}).get("classes", ())]
    given = str(run.plan.get("judging", {}).get("positive", ""))
    return given or (classes[-1] if classes and "malignant" not in classes else JudgeOptions().positive)


def _unplaced(run: Run) -> tuple[str, ...]:
    cases = run.cases
    return tuple(cases[cases["group_localisation"] == "ignore"]["case"]) if "group_localisation" in cases else ()


def operating_point(run: Run) -> float:
    """The score from which the run's model counts a case or box as positive; 0.5 where it has none."""
    point = run.meta.get("model", {}).get("operating_point")
    return float(point) if isinstance(point, int | float) else 0.5


def _scored(duel: Duel, margin: float | None) -> list[Estimate]:
    """Differences in AUC, sensitivity, specificity and Brier score, and what outputs that are missing leave open."""
    options, cases = duel.options, duel.runs[1].cases.sort_values("case", kind="stable")
    known = cases[cases["label"].notna() & (cases["label"] != "")]
    if not len(known):
        return []
    old, new = (_answers(duel, i, list(map(str, known["case"]))) for i in (0, 1))
    bars = [f"{bar:g}" for bar in duel.bars]
    text = f"positive from {bars[0]} up" if bars[0] == bars[1] else (
        f"positive from each one's own score up ({NEW} {bars[1]}, {EARLIER} {bars[0]})")
    return compare_answers([new, old], Asked(
        (known["label"] == options.positive).to_numpy(bool), [str(p) for p in known["patient"]], options.positive,
        options.resamples, options.seed, margin, text))


def _answers(duel: Duel, which: int, cases: list[str]) -> Answers:
    """What one of the runs' models said of the cases, NaN where it gave no output."""
    run, positive = duel.runs[which], duel.options.positive
    found = _evidence(run, _answered(run, positive), duel.options)
    said = dict(zip(found.cases, zip(found.score(positive), called_positive(found, positive, duel.bars[which]),
                                     strict=True), strict=True))
    rows = [said.get(case, (math.nan, False)) for case in cases]
    return Answers((EARLIER, NEW)[which], np.array([score for score, _ in rows], np.float64),
                   np.array([call for _, call in rows], bool))


def _measures(earlier: Run, new: Run, options: JudgeOptions) -> list[Estimate]:
    """The mean paired difference of every measure that both runs have for a case without a method (Dice, SSIM ...)."""
    first, second = (_by_case(run) for run in (earlier, new))
    out: list[Estimate] = []
    for metric in first.columns.intersection(second.columns, sort=False):
        change = (second[metric] - first[metric]).dropna()
        if change.empty:
            continue
        owner = dict(zip(new.cases["case"], new.cases["patient"].astype(str), strict=True))
        patients, values = [owner[case] for case in change.index], change.to_numpy(np.float64)
        draws = Resampling.of(patients, options.resamples, options.seed)
        name = f"difference in {metric}: {NEW} - {EARLIER}"
        found, p = paired(name, _mean_of(values), patients, draws)
        low, high, how = mean_interval(values, patients, draws)
        out += corrected([(replace(found, low=low, high=high, interval=how), p)])
    return out


def _mean_of(values: Array) -> Callable[[Array], Array]:
    return lambda w: ratio(w @ values, w.sum(axis=1))


def _by_case(run: Run) -> pd.DataFrame:
    rows = run.scores[(run.scores["method"].fillna("") == "") & (run.scores["case"] != "")
                      & (run.scores["condition"] == "clean")
                      & ~run.scores["metric"].astype(str).str.startswith(TOLD)]
    return rows.pivot_table(index="case", columns="metric", values="value", aggfunc="mean", sort=False)


def _lower_is_better(name: str) -> bool:
    measure = name.removeprefix("difference in ").partition(": ")[0]
    return measure == "Brier score" or directions().get(measure) == "lower"


def _identity(run: Run) -> dict[str, str]:
    model = run.meta.get("model", {})
    return {"run": run.path.name, "log_head": str(run.meta.get("log", {}).get("head", "")),
            "model": str(model.get("name", "")), "digest": str(model.get("digest", "")),
            "created": str(run.meta.get("created", ""))}


def _settings(earlier: Run, new: Run) -> dict[str, tuple[str, str]]:
    """What of the two runs' set-up differs: the plan key by key, code, versions, device, operating point."""
    first, second = (_flat({"plan": run.plan, **{k: run.meta.get(k) for k in IN_SETTINGS[1:]}, "operating_point": (
        run.meta.get("model", {}).get("operating_point"))}) for run in (earlier, new))
    return {name: (first.get(name, "absent"), second.get(name, "absent"))
            for name in dict.fromkeys([*first, *second]) if first.get(name) != second.get(name)}


def _flat(value: object, above: str = "") -> dict[str, str]:
    if isinstance(value, Mapping):
        return {name: text for key, item in value.items()
                for name, text in _flat(item, f"{above}.{key}" if above else str(key)).items()}
    return {above: json.dumps(value, default=str)}


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
