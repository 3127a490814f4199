"""Probed: what each probe of a run did to the model, judged against the clean answers on the same cases."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from xaimed.answers import DECIDING
from xaimed.metrics.axis import IN_PIXELS
from xaimed.metrics.criteria import PROBE
from xaimed.metrics.evidence import Regions, evidence
from xaimed.metrics.judged import Judged, JudgeOptions
from xaimed.metrics.matching import overlap, pairs
from xaimed.metrics.noninferiority import tango
from xaimed.metrics.operating import called_positive
from xaimed.metrics.weighed import Weighed, weighed
from xaimed.plural import plural
from xaimed.probes.schedule import labels_of
from xaimed.stats import Array, Bools, Estimate, Resampling, mean_interval, proportion, wilson

if TYPE_CHECKING:
    import pandas as pd

    from xaimed.run import Run

CHANGE = "change in "
SAME_BOX, WIDTH = 0.5, 1e-9
FLIPS, LOST, NEW = "answers that flip", "detections lost", "detections new"
RHO, TOP = "probe_rank_correlation", "probe_top_overlap"
DRIFT = {RHO: "rank correlation of the maps", TOP: "overlap of the top tenth of the maps"}
WITHIN = {DRIFT[RHO]: (-1.0, 1.0), DRIFT[TOP]: (0.0, 1.0)}  # what such a mean can be
REFUSED = "probe not served: "
NOT_VARIED = "not defined: no variance can be estimated from these cases"
ONE = "not defined: one patient"
ONE_SIDE = "none: its limit would be the estimate itself, for the draws of patients lie on one side of it"


def probed(run: Run, options: JudgeOptions, bar: float, wanted: Collection[str] = ()) -> list[Estimate]:
    """For each condition of the run its measures and how they differ from the clean ones on the same cases.

    Estimates of the group "probe=noise:0.05": a measure under the probe by its own name, "change in NAME" (probe minus
    clean, with the interval of the paired patient bootstrap), the shares of answers and detections that flip, and how
    alike the maps are. wanted: names of further measures. bar: the operating point. None for a run without probes.
    """
    found: list[Estimate] = []
    for label in conditions(run):
        own = [*_judged(run, label, options, bar, wanted), *_of_cases(run, label, options, wanted),
               *_drift(run, label, options)]
        found += [replace(estimate, group=PROBE + label) for estimate in own]
    return found


def conditions(run: Run) -> list[str]:
    """The conditions of the tables that are probes, in the order of the plan; those served on no case too."""
    named = [*map(str, dict.fromkeys(run.predictions["condition"])), *_scored(run)]
    found = [name for name in dict.fromkeys(named) if name != "clean" and not name.startswith("model ")]
    planned = {name: place for place, name in enumerate(labels_of(run.plan))}
    return sorted(found, key=lambda name: planned.get(name, len(planned)))


def _scored(run: Run) -> list[str]:
    rows = run.scores
    kept = rows["metric"].astype(str).str.startswith((REFUSED, *DRIFT)) | (rows["method"].fillna("") == "")
    return [str(name) for name in dict.fromkeys(rows.loc[kept & (rows["case"] != ""), "condition"])]


@dataclass(frozen=True, eq=False)
class _Both:
    """The same cases clean and under a probe."""

    clean: Judged
    probe: Judged

    @property
    def patients(self) -> tuple[str, ...]:
        return self.clean.evidence.patients


def _judged(run: Run, label: str, options: JudgeOptions, bar: float, wanted: Collection[str]) -> list[Estimate]:
    """The measures of classes and boxes; none where the model gives no class of an image."""
    both = _both(run, label, options, bar)
    if both is None:
        return []
    before, after = weighed(both.clean, wanted), weighed(both.probe, wanted)
    known = {(one.name, one.rule): one for one in before}
    measures = [(known[one.name, one.rule], one) for one in after if (one.name, one.rule) in known]
    found = [e for first, second in measures for e in _measure(both, first, second)]
    return [*found, *_flips(both)]


def _both(run: Run, label: str, options: JudgeOptions, bar: float) -> _Both | None:
    rows = run.predictions
    asked = set(rows.loc[(rows["condition"] == label) & rows["x0"].isna(), "case"])
    cases = run.cases[run.cases["case"].isin(asked)]
    task = str(run.meta.get("model", {}).get("task"))
    if cases.empty or task not in DECIDING:
        return None
    truth = run.truth[run.truth["case"].isin(asked)]
    truth = truth if task == "detection" else truth[truth["x0"].isna()]
    spacing = cases.sort_values("case", kind="stable")["spacing_mm"].to_numpy(np.float64)
    parts = []
    for name in ("clean", label):
        said = rows[rows["case"].isin(asked) & (rows["condition"] == name)].assign(condition="clean")
        found = evidence(cases, truth, said, options.ignored_cases, options.ignored_labels)
        draws = Resampling.of(found.patients, options.resamples, options.seed)
        parts.append(Judged(found, bar, options, draws, spacing))
    return _Both(*parts)


def _measure(both: _Both, clean: Weighed, probe: Weighed) -> Iterator[Estimate]:
    """The measure under the probe, then its change; both from the same draws of patients."""
    draws, patients = both.clean.draws, both.patients
    ones = np.ones((1, len(patients)))
    drawn = [draws.run(patients, one.statistic) for one in (clean, probe)]
    before, after = (float(one.statistic(ones)[0]) for one in (clean, probe))
    whole = Estimate(probe.name, after, unit=probe.unit, rule=probe.rule, denominator=probe.count)
    trials, people = probe.trials, len(set(patients))
    still = replace(whole, interval=NOT_VARIED)
    if trials:
        low, high = wilson(after * trials, trials) if after == after else (math.nan, math.nan)
        still = replace(whole, low=low, high=high, interval=f"Wilson on {plural(trials, 'patient')}")
    yield _limited(whole, drawn[1], draws, people, still)
    gap = replace(whole, name=CHANGE + probe.name, value=after - before)
    still = replace(gap, interval=NOT_VARIED)
    if trials and abs(gap.value) < WIDTH:
        low, high = tango(0, 0, trials)
        still = replace(gap, low=low, high=high, interval=f"Tango score, none of {plural(trials, 'patient')} changed")
    yield _limited(gap, drawn[1] - drawn[0], draws, people, still)


def _limited(estimate: Estimate, drawn: Array, draws: Resampling, people: int, still: Estimate) -> Estimate:
    """With its interval. Draws that all say the same say nothing of what could still happen: then `still`.

    None where a limit would be the estimate itself: draws on one side of it say nothing of the other.
    """
    if math.isnan(estimate.value) or people < 2:
        return replace(estimate, interval=ONE if people < 2 else "not defined: nothing to count")
    low, high, how = draws.interval(drawn)
    if high - low <= WIDTH:
        return still
    if low + WIDTH < estimate.value < high - WIDTH:
        return replace(estimate, low=low, high=high, interval=how)
    return still if math.isfinite(still.low) else replace(estimate, interval=ONE_SIDE if low == low else how)


def _flips(both: _Both) -> Iterator[Estimate]:
    """The share of images whose answer is another, and of boxes at the operating point without a partner."""
    first, second = (_answers(one) for one in (both.clean, both.probe))
    ones = np.ones(len(first))
    yield replace(proportion(FLIPS, np.asarray(first != second, np.float64), ones, both.patients, both.clean.draws),
                  rule="another class, or another side of the operating point")
    if both.clean.evidence.boxed or both.probe.evidence.boxed:
        marks = [_shown(one) for one in (both.clean, both.probe)]
        yield _unpaired(LOST, marks[0], marks[1], both)
        yield _unpaired(NEW, marks[1], marks[0], both)


def _answers(judged: Judged) -> Array | Bools:
    """(n,) the class with the highest score for classes that exclude each other, else whether it is positive."""
    found, positive = judged.evidence, judged.options.positive
    names = sorted(found.classes)
    labels = {label for label in found.labels if isinstance(label, str) and label}
    if not found.boxed and len(names) > 1 and labels <= set(names):
        best: Array = np.stack([found.score(name) for name in names]).argmax(axis=0).astype(np.float64)
        return best
    return called_positive(found, positive, judged.operating_point) if positive in names else np.zeros(len(found.cases))


def _shown(judged: Judged) -> Regions:
    marks = judged.evidence.marks
    return marks.where(marks.scores >= judged.operating_point)


def _unpaired(name: str, marks: Regions, others: Regions, both: _Both) -> Estimate:
    """The share of the marks that no other mark of the same class meets with an IoU of SAME_BOX."""
    mark, other = pairs(marks, others)
    same = (overlap(marks.boxes[mark], others.boxes[other]) >= SAME_BOX) & (marks.labels[mark] == others.labels[other])
    alone = np.ones(len(marks))
    alone[mark[same]] = 0
    owners = [both.patients[i] for i in marks.image]
    rule = f"no box of the same class with IoU >= {SAME_BOX:g}"
    if not owners:
        return Estimate(name, math.nan, unit="detection", rule=rule, denominator=0.0, interval="no detection")
    return replace(proportion(name, alone, np.ones(len(marks)), owners, both.clean.draws), unit="detection", rule=rule)


def _of_cases(run: Run, label: str, options: JudgeOptions, wanted: Collection[str]) -> list[Estimate]:
    """The mean of every measure of a case (Dice, SSIM ...) that is a headline or wanted, and its mean change."""
    clean, probe = (_by_case(run, name) for name in ("clean", label))
    names = [name for name in probe.columns if name in clean and (name in IN_PIXELS or name in wanted)]
    out: list[Estimate] = []
    for name in names:
        both = clean[[name]].assign(probe=probe[name]).dropna()
        if both.empty:
            continue
        before, after = (both[column].to_numpy(np.float64) for column in both)
        patients = _owners(run, both.index)
        out += [_mean(str(name), after, patients, options, "case"),
                _mean(CHANGE + str(name), after - before, patients, options, "case")]
    return out


def _by_case(run: Run, condition: str) -> pd.DataFrame:
    rows = run.scores[(run.scores["method"].fillna("") == "") & (run.scores["case"] != "")
                      & (run.scores["condition"] == condition)
                      & ~run.scores["metric"].astype(str).str.startswith(REFUSED)]
    return rows.pivot_table(index="case", columns="metric", values="value", aggfunc="mean", sort=False)


def _drift(run: Run, label: str, options: JudgeOptions) -> list[Estimate]:
    rows = run.scores[(run.scores["condition"] == label) & run.scores["value"].notna()]
    out = []
    for metric, words in DRIFT.items():
        own = rows[rows["metric"] == metric]
        if len(own):
            values = own["value"].to_numpy(np.float64)
            methods = ", ".join(dict.fromkeys(map(str, own["method"])))
            out.append(replace(_mean(words, values, _owners(run, own["case"]), options, "map"),
                               rule=f"{methods}, where the prediction still matches"))
    return out


def _mean(name: str, values: Array, patients: Sequence[str], options: JudgeOptions, unit: str) -> Estimate:
    draws = Resampling.of(patients, options.resamples, options.seed)
    estimate = Estimate(name, float(values.mean()), unit=unit, rule="mean over cases", denominator=float(len(values)))
    low, high, how = mean_interval(values, patients, draws, WITHIN.get(name, (-math.inf, math.inf)))
    return replace(estimate, low=low, high=high, interval=how)


def _owners(run: Run, cases: Sequence[str] | pd.Series[str] | pd.Index[str]) -> list[str]:
    known: Mapping[str, str] = dict(zip(run.cases["case"].astype(str), run.cases["patient"].astype(str), strict=True))
    return [known[str(case)] for case in cases]


def refusals(run: Run) -> dict[str, dict[str, int]]:
    """For each condition the reasons why it was not served, with the number of cases."""
    rows = run.scores[run.scores["metric"].astype(str).str.startswith(REFUSED)]
    found: dict[str, dict[str, int]] = {}
    for (label, metric), own in rows.groupby(["condition", "metric"], sort=False):
        found.setdefault(str(label), {})[str(metric).removeprefix(REFUSED)] = len(own)
    return found
