"""run_table_audit: judge any model by its outputs alone; a run folder without images and without explanations."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import xaimed
from xaimed import ledger
from xaimed.checks.asking import run_checks
from xaimed.data.scores import ModelScores
from xaimed.data.scoresheet import Scoresheet, same_cases
from xaimed.errors import InputError
from xaimed.metrics.calibration import errors
from xaimed.metrics.comparison import Contender, Contest, compare, corrected, paired
from xaimed.metrics.evidence import Evidence, evidence
from xaimed.metrics.froc import Steps, sensitivities
from xaimed.metrics.judged import Judged
from xaimed.metrics.judging import JudgeOptions, judge
from xaimed.metrics.matching import match
from xaimed.metrics.operating import AMONG, called_positive, counts
from xaimed.metrics.readers import Panel, read_panel
from xaimed.metrics.roc import area, images
from xaimed.run import Run
from xaimed.software import code_digest, versions
from xaimed.stats import Array, Estimate, Resampling, Results, proportion
from xaimed.store import Store
from xaimed.types import Finding

if TYPE_CHECKING:
    import pandas as pd

NO_MAPS = ("Only outputs were given, no model and no image: no explanation could be made or tested, and nothing is "
           "known of why the model says what it says.")
ASSUMED = 0.5
BY_NOBODY = f"which nobody set: {ASSUMED:g} was taken"
RATES = (0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class TableAudit:
    """What is audited. point: the score from which a case or box counts, None if nobody set one (then 0.5).

    margin: of non-inferiority, set before the data were seen, or None. files: of predictions and truth.
    """

    sheet: Scoresheet
    options: JudgeOptions
    plan_text: str
    out: Path
    files: tuple[Path, Path]
    point: float | None = None
    margin: float | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def bar(self) -> float:
        """The operating point that is used."""
        return ASSUMED if self.point is None else self.point


def run_table_audit(audit: TableAudit) -> Run:
    """The finished run, with no map. Raises XaimedError for anything that a user can mend; nothing is left then."""
    with Store.create(audit.out, audit.plan_text, _meta(audit), resume=True) as store:
        results = judge_sheet(audit)
        store.add_rows(_rows(audit.sheet))
        store.log("tables", {"cases": len(audit.sheet.cases), "models": len(audit.sheet.models),
                             "readers": len(audit.sheet.readers)})
        return store.finish(results, _findings(audit, store.draft((), results)))


def judge_sheet(audit: TableAudit) -> Results:
    """All estimates: of the first model, what gave no output, of each other model (group "model=NAME"), and pairs."""
    sheet = audit.sheet
    everyone = {**sheet.models, **sheet.readers}
    estimates: list[Estimate] = []
    curves: dict[str, Mapping[str, list[float]]] = {}
    for name, scores in everyone.items():
        if not scores.answered:
            raise InputError(f"{name}: no case has an output; expected a score of class {sheet.positive!r} for some")
        if name == sheet.first:
            own = judge_model(sheet, scores, audit.bar, audit.options)
            estimates += own.estimates
            curves |= own.curves
        else:
            group = f"model={name}" if name in sheet.models else f"reader={name}"
            estimates += [replace(e, group=group) for e in headline(sheet, scores, audit.bar, audit.options)]
    return Results((*estimates, *_pairs(audit), *_readers(audit)), curves)


def judge_model(sheet: Scoresheet, scores: ModelScores, bar: float, options: JudgeOptions) -> Results:
    """The estimates and curves of one model on the cases it answered, and what it did not answer."""
    cases, truth = answered_tables(sheet, scores.answered)
    found = judge(cases, truth, scores.predictions, bar, options)
    return Results((*found.estimates, *unanswered(sheet, scores, bar, options)), found.curves)


def headline(sheet: Scoresheet, scores: ModelScores, bar: float, options: JudgeOptions) -> list[Estimate]:
    """The main measures of a model that is compared: AUC, the table at the operating point, Brier score and ECE,
    lesion sensitivity at each rate by the first hit rule, and what it did not answer.
    """
    found = evidence(*answered_tables(sheet, scores.answered), scores.predictions)
    draws = Resampling.of(found.patients, options.resamples, options.seed)
    judged = Judged(found, bar, options, draws, _spacing(sheet, found))
    ranking = images(found, sheet.positive)
    estimates = [area(f"image AUC {sheet.positive}", ranking, judged.draws),
                 *(replace(e, rule=AMONG) for e in counts(judged, AMONG).estimates(judged.draws)),
                 *errors(ranking, judged.draws)]
    if found.boxed:
        rule = options.hit_rules[0]
        matches = match(*judged.regions(rule), rule)
        steps = Steps.of(matches, found.located, found.located)
        estimates += [replace(e, rule=rule) for e in sensitivities(steps, found.patients, judged.draws)]
    return [*estimates, *unanswered(sheet, scores, bar, options)]


def answered_tables(sheet: Scoresheet, answered: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The cases and truth tables of some cases."""
    cases, truth = sheet.reference.cases, sheet.reference.truth
    chosen = set(answered)
    if len(chosen) == len(cases):
        return cases, truth
    return cases[cases["case"].isin(chosen)], truth[truth["case"].isin(chosen)]


def unanswered(sheet: Scoresheet, scores: ModelScores, bar: float, options: JudgeOptions) -> list[Estimate]:
    """Shares of missing and indeterminate outputs; and where there are some, how well all cases were answered.

    Intention to diagnose: a case without an output counts as a wrong answer.
    """
    every = sheet.cases
    owners = [str(p) for p in every["patient"]]
    draws = Resampling.of(owners, options.resamples, options.seed)
    ones = np.ones(len(every))
    shares = [replace(proportion(name, np.array([c in cases for c in every["case"]], float), ones, owners, draws),
                      rule="a case without a usable score")
              for name, cases in (("missing outputs", frozenset(scores.missing)),
                                  ("indeterminate outputs", frozenset(scores.indeterminate)))]
    if not scores.missing and not scores.indeterminate:
        return shares
    cases, truth = answered_tables(sheet, scores.answered)
    called = _called(evidence(cases, truth, scores.predictions), sheet.positive, bar)
    right = np.array([called.get(str(c)) is (label == sheet.positive)
                      for c, label in zip(every["case"], every["label"], strict=True)], np.float64)
    yes = (every["label"] == sheet.positive).to_numpy(np.float64)
    no = every["label"].notna().to_numpy(np.float64) - yes
    return shares + [replace(proportion(name, right * kind, kind, owners, draws),
                             rule="intention to diagnose: an output that is missing is wrong")
                     for name, kind in (("sensitivity", yes), ("specificity", no))]


def _called(found: Evidence, positive: str, bar: float) -> dict[str, bool]:
    return dict(zip(found.cases, map(bool, called_positive(found, positive, bar)), strict=True))


def _shared(sheet: Scoresheet, models: Sequence[ModelScores]) -> list[Evidence]:
    """The evidence of several models on the cases that all of them answered and that have a label."""
    known = set(sheet.cases.loc[sheet.cases["label"].notna(), "case"])
    common = [case for case in same_cases(models) if case in known]
    if not common:
        raise InputError(f"no case has an output of every one of {', '.join(m.name for m in models)}; expected some "
                         "to compare them on: name fewer with --score-column")
    cases, truth = answered_tables(sheet, common)
    return [evidence(cases, truth, m.predictions if len(common) == len(m.answered) else
                     m.predictions[m.predictions["case"].isin(set(common))]) for m in models]


def _contest(sheet: Scoresheet, found: Evidence, options: JudgeOptions) -> Contest:
    truth, _ = found.truth_of(sheet.positive)
    return Contest(truth, found.patients, sheet.positive,
                   Resampling.of(found.patients, options.resamples, options.seed))


def _pairs(audit: TableAudit) -> list[Estimate]:
    sheet = audit.sheet
    if len(sheet.models) < 2:
        return []
    found = _shared(sheet, list(sheet.models.values()))
    contenders = [Contender(name, e.score(sheet.positive), called_positive(e, sheet.positive, audit.bar))
                  for name, e in zip(sheet.models, found, strict=True)]
    contest = _contest(sheet, found[0], audit.options)
    return [*compare(contenders, contest, audit.margin), *_lesion_pairs(audit, found, contest)]


def _lesion_pairs(audit: TableAudit, found: Sequence[Evidence], contest: Contest) -> list[Estimate]:
    """The difference of every pair in lesion sensitivity at the rates that both curves reach, by the first hit rule."""
    if audit.sheet.task != "detection":
        return []
    rule = audit.options.hit_rules[0]
    curves = {name: _steps(audit, e, rule) for name, e in zip(audit.sheet.models, found, strict=True)}
    estimates: list[Estimate] = []
    for rate in RATES:
        tested = [paired(f"difference in sensitivity at {rate:g} false positives per image: {one} - {other}",
                         _gap_at(curves[one], curves[other], rate), contest.patients, contest.draws)
                  for one, other in combinations(curves, 2) if min(curves[one].end[0], curves[other].end[0]) >= rate]
        estimates += [replace(e, unit="lesion", rule=f"{rule}, {e.rule}",
                              denominator=float(len(found[0].lesions))) for e in corrected(tested)]
    return estimates


def _steps(audit: TableAudit, found: Evidence, rule: str) -> Steps:
    draws = Resampling.of(found.patients, audit.options.resamples, audit.options.seed)
    judged = Judged(found, audit.bar, audit.options, draws, _spacing(audit.sheet, found))
    return Steps.of(match(*judged.regions(rule), rule), found.located, found.located)


def _spacing(sheet: Scoresheet, found: Evidence) -> Array:
    known = dict(zip(sheet.cases["case"], sheet.cases["spacing_mm"], strict=True))
    return np.array([known[case] for case in found.cases], np.float64)


def _gap_at(one: Steps, other: Steps, rate: float) -> Callable[[Array], Array]:
    return lambda w: one.at([rate], w)[:, 0] - other.at([rate], w)[:, 0]


def _readers(audit: TableAudit) -> list[Estimate]:
    sheet = audit.sheet
    if len(sheet.readers) < 2:
        return []
    found = _shared(sheet, [*sheet.readers.values(), *sheet.models.values()])
    scores = np.stack([e.score(sheet.positive) for e in found])
    count = len(sheet.readers)
    models = dict(zip(sheet.models, scores[count:], strict=True))
    return read_panel(Panel(scores[:count], models, _contest(sheet, found[0], audit.options)))


def _findings(audit: TableAudit, draft: Run) -> list[Finding]:
    return [_told(audit, finding) for finding in run_checks(draft)]


def _told(audit: TableAudit, finding: Finding) -> Finding:
    """The finding, where explanations are NOT ASSESSED and an operating point that nobody set is named as such."""
    if finding.code.startswith("XM3"):
        return replace(finding, outcome="NOT ASSESSED", statement=NO_MAPS, evidence={"maps": 0})
    if finding.code == "XM102" and audit.point is None:
        return replace(finding, outcome="NOT ASSESSED",
                       statement=f"No operating point was given; {ASSUMED:g} was taken. "
                       "Set the one that was locked before the test with --operating-point.")
    return finding


def _rows(sheet: Scoresheet) -> dict[str, list[Any]]:
    """The rows of the tables; the outputs of other models and readers stand under the condition "model NAME"."""
    predictions = list(sheet.models[sheet.first].predictions.to_dict(orient="records"))
    for name, scores in {**sheet.models, **sheet.readers}.items():
        if name != sheet.first:
            predictions += scores.predictions.assign(condition=f"model {name}").to_dict(orient="records")
    cases = sheet.cases.astype(object).where(sheet.cases.notna(), None)
    return {"cases": cases.assign(spacing_mm=sheet.cases["spacing_mm"]).to_dict(orient="records"),
            "truth": sheet.reference.truth.drop(columns="lesion").to_dict(orient="records"), "predictions": predictions}


def _meta(audit: TableAudit) -> dict[str, Any]:
    sheet = audit.sheet
    outputs, truth = audit.files
    splits = sorted({str(s) for s in sheet.cases["split"]})
    return {
        "created": ledger.now(), "xaimed": xaimed.__version__, "code": code_digest(), "versions": versions(),
        "seeds": {"audit": audit.options.seed},
        "model": {"name": sheet.first, "digest": ledger.sha256_file(outputs), "architecture": "not given: outputs only",
                  "task": sheet.task, "classes": list(sheet.classes), "operating_point": audit.bar,
                  "operating_point_by": BY_NOBODY if audit.point is None else "as it was given to the audit",
                  "training": {}, "card": {}},
        "pictured": False, "device": "none: no model was run",
        "models": list(sheet.models), "readers": list(sheet.readers),
        "non_inferiority_margin": None if audit.margin is None or math.isnan(audit.margin) else audit.margin,
        "explanations": f"NOT ASSESSED: {NO_MAPS}",
        "data": {"name": truth.stem, "title": f"Tables {outputs.name} and {truth.name}", "split": ", ".join(splits),
                 "synthetic": False, "cases": len(sheet.cases), "patients": int(sheet.cases["patient"].nunique()),
                 "manifest": ledger.sha256_file(truth), "warnings": [*sheet.notes, NO_MAPS]},
        **audit.provenance}
