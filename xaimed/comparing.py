"""compare_runs: an earlier and a new model on the same cases: paired tests, discordant cases, drift of explanations."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from xaimed.drift import Drift, agreements, drifts
from xaimed.errors import InputError
from xaimed.metrics.comparison import Contender, Contest, compare, corrected, paired
from xaimed.metrics.evidence import Evidence, evidence
from xaimed.metrics.froc import Steps
from xaimed.metrics.judged import Judged, JudgeOptions
from xaimed.metrics.matching import match
from xaimed.metrics.operating import called_positive
from xaimed.stats import Array, Estimate, Resampling, ratio

if TYPE_CHECKING:
    import pandas as pd

    from xaimed.run import Run

NEW, EARLIER = "new", "earlier"
RATES = (0.1, 0.25, 0.5, 1.0)
EDGES = ["x0", "y0", "x1", "y1"]
Answer = Literal["superior", "not inferior", "not shown", "inferior", "NOT ASSESSED"]
# Where the tasks of the two runs give no image score, nothing but their own measures is compared.
IN_SETTINGS = ("plan", "code", "versions", "device", "platform", "seeds")


@dataclass(frozen=True)
class Discordant:
    """A case on which the two models differ: what differs, and which of them is right. score: of the positive class."""

    case: str
    patient: str
    label: str
    what: str
    right: Literal["new", "earlier"]
    earlier: float
    new: float


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
        """The outcome in one line."""
        if self.margin is None:
            text = f"worse in {len(self.worse)} measures" if self.worse else "no measure shows it to be worse"
            return f"the new model: {text}; non-inferiority NOT ASSESSED: no margin was set beforehand"
        words = {"superior": "superior", "not inferior": "not inferior", "inferior": "inferior",
                 "not shown": "non-inferiority not shown (inconclusive)", "NOT ASSESSED": "NOT ASSESSED"}
        return f"the new model by the margin {self.margin:g}: {words[self.answer]}"

    def to_json(self) -> dict[str, object]:
        """A dict for JSON; NaN becomes None."""
        rows = [{**asdict(d), "agreement": d.agreement} for d in self.drift]
        found = {"earlier": _identity(self.earlier), "new": _identity(self.new), "positive": self.positive,
                 "margin": self.margin, "verdict": self.verdict, "answer": self.answer, "exit": self.exit_code,
                 "estimates": [e.to_json() for e in self.estimates], "settings": {
                     name: {"earlier": a, "new": b} for name, (a, b) in self.settings.items()},
                 "discordant": [asdict(d) for d in self.discordant], "drift": rows}
        plain: dict[str, object] = json.loads(json.dumps(_finite(found)))
        return plain


def compare_runs(earlier: Run, new: Run, margin: float | None = None) -> RunComparison:
    """What the new run says against the earlier one. margin: of non-inferiority in AUC, by default the new plan's.

    Raises InputError, in one line, where the two are not of the same cases with the same reference.
    """
    refuse_other_data(earlier, new)
    chosen = new.plan.get("judging", {}).get("margin") if margin is None else margin
    if chosen is not None and not 0 < float(chosen) < 1:
        raise InputError(f"margin {chosen}; expected a number between 0 and 1, set before the data are seen")
    options = _options(new)
    found = [evidence(run.cases, run.truth, run.predictions, _unplaced(run)) for run in (earlier, new)
             ] if len(new.predictions) else []
    scored = bool(found) and all(options.positive in e.classes for e in found)
    estimates = _scored(earlier, new, found, options, chosen) if scored else []
    estimates += _measures(earlier, new, options)
    drift = drifts(earlier, new)
    estimates += agreements(drift, options.resamples, options.seed)
    return RunComparison(earlier, new, options.positive, chosen, tuple(estimates),
                         tuple(_discordant(earlier, new, found, options)) if scored else (), tuple(drift),
                         _settings(earlier, new))


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
                        positive=str(plan.get("positive") or usual.positive), ignored_cases=_unplaced(run))


def _unplaced(run: Run) -> tuple[str, ...]:
    cases = run.cases
    return tuple(cases[cases["group_localisation"] == "ignore"]["case"]) if "group_localisation" in cases else ()


def operating_point(run: Run) -> float:
    """The score from which the run's model counts a case or box as positive; 0.5 where it has none."""
    point = run.meta.get("model", {}).get("operating_point")
    return float(point) if isinstance(point, int | float) else 0.5


def _scored(earlier: Run, new: Run, found: Sequence[Evidence], options: JudgeOptions, margin: float | None
            ) -> list[Estimate]:
    """Differences in AUC, sensitivity, specificity and Brier score, then in lesion sensitivity at each rate."""
    truth, known = found[0].truth_of(options.positive)
    kept = np.flatnonzero(known)
    if not len(kept):
        return []
    patients = [found[0].patients[i] for i in kept]
    contest = Contest(truth[kept], patients, options.positive,
                      Resampling.of(patients, options.resamples, options.seed))
    contenders = [Contender(name, e.score(options.positive)[kept],
                            called_positive(e, options.positive, operating_point(run))[kept])
                  for name, run, e in ((NEW, new, found[1]), (EARLIER, earlier, found[0]))]
    return [*compare(contenders, contest, margin), *_lesions((earlier, new), found, options)]


def _lesions(runs: tuple[Run, Run], found: Sequence[Evidence], options: JudgeOptions) -> list[Estimate]:
    """The difference in lesion sensitivity at the rates that both curves reach, by the first hit rule."""
    if not len(found[0].lesions):
        return []
    rule, owners = options.hit_rules[0], found[0].patients
    draws = Resampling.of(owners, options.resamples, options.seed)
    steps = []
    for run, e in zip(runs, found, strict=True):
        judged = Judged(e, operating_point(run), options, draws, _spacing(run))
        steps.append(Steps.of(match(*judged.regions(rule), rule), e.located, e.located))
    reached = [rate for rate in RATES if min(s.end[0] for s in steps) >= rate]
    tested = [paired(f"difference in sensitivity at {rate:g} false positives per image: {NEW} - {EARLIER}",
                     lambda w, rate=rate: steps[1].at([rate], w)[:, 0] - steps[0].at([rate], w)[:, 0],
                     owners, draws) for rate in reached]
    count = float(len(found[0].lesions))
    return [replace(e, unit="lesion", rule=f"{rule}, {e.rule}", denominator=count)
            for test in tested for e in corrected([test])]


def _spacing(run: Run) -> Array:
    spacing: Array = run.cases.sort_values("case", kind="stable")["spacing_mm"].to_numpy(np.float64)
    return spacing


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
        out += corrected([paired(name, lambda w, values=values: ratio(w @ values, w.sum(axis=1)), patients, draws)])
    return out


def _by_case(run: Run) -> pd.DataFrame:
    rows = run.scores[(run.scores["method"].fillna("") == "") & (run.scores["case"] != "")
                      & (run.scores["condition"] == "clean")]
    return rows.pivot_table(index="case", columns="metric", values="value", aggfunc="mean", sort=False)


def _lower_is_better(name: str) -> bool:
    from xaimed.registry import load, names

    measure = name.removeprefix("difference in ").partition(":")[0].lower()
    if measure.startswith(("brier", "hd95", "anomaly", "ncc_loss", "folding", "mse", "mae", "rmse")):
        return True
    stem = measure.partition("[")[0]
    return stem in names("metrics") and getattr(load("metrics", stem).METRIC, "better", "higher") == "lower"


def _discordant(earlier: Run, new: Run, found: Sequence[Evidence], options: JudgeOptions) -> list[Discordant]:
    """Images that one model calls right and the other wrong, then lesions that one finds and the other misses."""
    truth, known = found[0].truth_of(options.positive)
    scores = [e.score(options.positive) for e in found]
    called = [called_positive(e, options.positive, operating_point(run))
              for run, e in zip((earlier, new), found, strict=True)]
    rows = []
    for i in np.flatnonzero(known & (called[0] != called[1])):
        right: Literal["new", "earlier"] = "new" if called[1][i] == truth[i] else "earlier"
        said = "positive" if called[1][i] else "negative"
        rows.append(_row(found[0], int(i), f"called {said} by the new model only", right, scores))
    return rows + _lesion_rows((earlier, new), found, options, scores)


def _lesion_rows(runs: tuple[Run, Run], found: Sequence[Evidence], options: JudgeOptions, scores: Sequence[Array]
                 ) -> list[Discordant]:
    rule = options.hit_rules[0]
    draws = Resampling.of(found[0].patients, 1, 0)
    hits = []
    for run, e in zip(runs, found, strict=True):
        judged = Judged(e, operating_point(run), options, draws, _spacing(run))
        hits.append(match(*judged.regions(rule), rule).score >= operating_point(run))
    out = []
    for i in np.flatnonzero(hits[0] != hits[1]):
        right: Literal["new", "earlier"] = "new" if hits[1][i] else "earlier"
        lesion = found[0].lesions
        out.append(_row(found[0], int(lesion.image[i]),
                        f"{lesion.labels[i]} lesion found by the {right} model only ({rule})", right, scores))
    return out


def _row(found: Evidence, image: int, what: str, right: Literal["new", "earlier"], scores: Sequence[Array]
         ) -> Discordant:
    return Discordant(found.cases[image], found.patients[image], str(found.labels[image]), what, right,
                      float(scores[0][image]), float(scores[1][image]))


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
