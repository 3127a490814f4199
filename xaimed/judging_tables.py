"""run_table_audit: judge any model by its outputs alone; a run folder without images and without explanations."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import xaimed
from xaimed import ledger
from xaimed.checks.asking import run_checks
from xaimed.data.scores import ModelScores
from xaimed.data.scoresheet import Scoresheet, same_cases
from xaimed.discordance import patients_with
from xaimed.errors import InputError
from xaimed.metrics.calibration import errors
from xaimed.metrics.comparison import Contest, LesionContest, compare_lesions
from xaimed.metrics.evidence import Evidence, evidence
from xaimed.metrics.froc import Steps, sensitivities
from xaimed.metrics.judged import Judged
from xaimed.metrics.judging import JudgeOptions, judge
from xaimed.metrics.matching import match
from xaimed.metrics.one_kind import of_one_kind, only_kind
from xaimed.metrics.operating import AMONG, called_positive, counts
from xaimed.metrics.readers import Panel, read_panel
from xaimed.metrics.roc import area, images
from xaimed.run import Run
from xaimed.software import code_digest, versions
from xaimed.stats import Array, Estimate, Resampling, Results, proportion
from xaimed.store import Store
from xaimed.surroundings import components
from xaimed.types import Finding
from xaimed.unanswered import INTENDED, Answers, Asked, compare_answers, left_out

if TYPE_CHECKING:
    import pandas as pd

NO_MAPS = ("Only outputs were given, no model and no image: no explanation could be made or tested, and nothing is "
           "known of why the model says what it says.")
ASSUMED = 0.5
MOST = 4  # models whose operating points are spelt out beside a difference
SILENT = 0.2  # share of cases without a row from which nobody can say that no output is missing
Progress = Callable[[str, int, int], None]
BY_NOBODY = f"which nobody set: {ASSUMED:g} was taken"


@dataclass(frozen=True)
class TableAudit:
    """What is audited. point: the score from which a case or box counts, None if nobody set one (then 0.5).

    points: by name, of the models and readers that have an operating point of their own.
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
    points: Mapping[str, float] = field(default_factory=dict)

    def bar(self, name: str) -> float:
        """The operating point that is used for a model or reader."""
        return self.points.get(name, ASSUMED if self.point is None else self.point)

    def by_nobody(self, name: str) -> bool:
        """Whether nobody set the operating point of a model or reader."""
        return self.point is None and name not in self.points

    def bars(self, names: Sequence[str]) -> str:
        """The operating points of several models in words."""
        unset = ", which nobody set" if any(map(self.by_nobody, names)) else ""
        if len({self.bar(name) for name in names}) == 1:
            return f"positive from {self.bar(names[0]):g} up{unset}"
        listed = ", ".join(f"{name} {self.bar(name):g}" for name in names[:MOST])
        return f"positive from each one's own score up ({listed}{', ...' * (len(names) > MOST)}){unset}"


def silence(stage: str, done: int, total: int) -> None:
    """No progress."""


def run_table_audit(audit: TableAudit, say: Progress = silence) -> Run:
    """The finished run, with no map. say: told each stage, what is done of it and of how much.

    Raises XaimedError for anything that a user can mend; nothing is left then.
    """
    with Store.create(audit.out, audit.plan_text, _meta(audit), resume=True) as store:
        results = judge_sheet(audit, say)
        say("write", 0, 1)
        store.add_rows(_rows(audit.sheet))
        store.log("tables", {"cases": len(audit.sheet.cases), "models": len(audit.sheet.models),
                             "readers": len(audit.sheet.readers)})
        if "components" in store.meta:
            store.meta["components"] = components()
        run = store.finish(results, _findings(audit, store.draft((), results)))
        say("write", 1, 1)
        return run


def judge_sheet(audit: TableAudit, say: Progress = silence) -> Results:
    """All estimates: of the first model, what gave no output, of each other model (group "model=NAME"), and pairs.

    None where there is no case.
    """
    sheet = audit.sheet
    if not len(sheet.cases):
        return Results((), {})
    everyone = {**sheet.models, **sheet.readers}
    estimates: list[Estimate] = []
    curves: dict[str, Mapping[str, list[float]]] = {}
    for done, (name, scores) in enumerate(everyone.items()):
        say("judge", done, len(everyone))
        if not scores.answered:
            raise InputError(f"{name}: no case has an output; expected a score of class {sheet.positive!r} for some")
        if name == sheet.first:
            own = judge_model(sheet, scores, audit.bar(name), audit.options)
            estimates += own.estimates
            curves |= own.curves
        else:
            group = f"model={name}" if name in sheet.models else f"reader={name}"
            estimates += [replace(e, group=group) for e in headline(sheet, scores, audit.bar(name), audit.options)]
        if len(everyone) > 1:
            estimates.append(_point(audit, name, "all" if name == sheet.first else group))
    say("judge", len(everyone), len(everyone))
    say("compare", 0, 1)
    compared = (*_pairs(audit), *_readers(audit))
    say("compare", 1, 1)
    return of_one_kind(Results((*estimates, *compared), curves),
                       only_kind(sheet.cases, sheet.positive))


def _point(audit: TableAudit, name: str, group: str) -> Estimate:
    """The operating point of one of several models, as a number of its own without an interval."""
    how = "none: nobody set it" if audit.by_nobody(name) else "none: set before the test"
    return Estimate("operating point", audit.bar(name), math.nan, math.nan, group=group, interval=how)


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
    shares[0] = _unknown_share(shares[0], scores.silent)
    if not scores.missing and not scores.indeterminate:
        return shares
    cases, truth = answered_tables(sheet, scores.answered)
    called = _called(evidence(cases, truth, scores.predictions), sheet.positive, bar)
    right = np.array([called.get(str(c)) is (label == sheet.positive)
                      for c, label in zip(every["case"], every["label"], strict=True)], np.float64)
    yes = (every["label"] == sheet.positive).to_numpy(np.float64)
    no = every["label"].notna().to_numpy(np.float64) - yes
    return shares + [replace(proportion(name, right * kind, kind, owners, draws),
                             rule=INTENDED)
                     for name, kind in (("sensitivity", yes), ("specificity", no))]


def _unknown_share(missing: Estimate, silent: int) -> Estimate:
    """The share of missing outputs; no number where many cases have no row, which may be no mark or no output."""
    if silent <= SILENT * (missing.denominator or 0.0):
        return missing
    return replace(missing, value=math.nan, low=math.nan, high=math.nan, interval=f"NOT ASSESSED: {silent} of "
                   f"{missing.denominator:g} cases have no row, which is no mark or no output: give each image without "
                   "a mark a row with score 0 and no box")


def _answers(sheet: Scoresheet, name: str, scores: ModelScores, bar: float) -> Answers:
    """What a model said of every case with a label, NaN where it gave no output."""
    found = evidence(*answered_tables(sheet, scores.answered), scores.predictions)
    said = dict(zip(found.cases, zip(found.score(sheet.positive), called_positive(found, sheet.positive, bar),
                                     strict=True), strict=True))
    rows = [said.get(str(case), (math.nan, False)) for case in sheet.cases.loc[sheet.cases["label"].notna(), "case"]]
    return Answers(name, np.array([score for score, _ in rows], np.float64), np.array([call for _, call in rows], bool))


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
    known = sheet.cases[sheet.cases["label"].notna()]
    asked = Asked((known["label"] == sheet.positive).to_numpy(bool), [str(p) for p in known["patient"]], sheet.positive,
                  audit.options.resamples, audit.options.seed, audit.margin, audit.bars(list(sheet.models)))
    everyone = [_answers(sheet, name, scores, audit.bar(name)) for name, scores in sheet.models.items()]
    return [*compare_answers(everyone, asked), *_lesion_pairs(audit, found, _contest(sheet, found[0], audit.options))]


def _lesion_pairs(audit: TableAudit, found: Sequence[Evidence], contest: Contest) -> list[Estimate]:
    """The difference of every pair in lesion sensitivity, by the first hit rule."""
    if audit.sheet.task != "detection":
        return []
    rule = audit.options.hit_rules[0]
    curves = {name: _steps(audit, e, rule) for name, e in zip(audit.sheet.models, found, strict=True)}
    return compare_lesions(LesionContest(curves, rule, len(found[0].lesions), contest.patients, contest.draws,
                                         patients_with(found[0])))


def _steps(audit: TableAudit, found: Evidence, rule: str) -> Steps:
    draws = Resampling.of(found.patients, audit.options.resamples, audit.options.seed)
    judged = Judged(found, ASSUMED, audit.options, draws, _spacing(audit.sheet, found))
    return Steps.of(match(*judged.regions(rule), rule), found.located, found.located)


def _spacing(sheet: Scoresheet, found: Evidence) -> Array:
    known = dict(zip(sheet.cases["case"], sheet.cases["spacing_mm"], strict=True))
    return np.array([known[case] for case in found.cases], np.float64)


def _readers(audit: TableAudit) -> list[Estimate]:
    sheet = audit.sheet
    if len(sheet.readers) < 2:
        return []
    found = _shared(sheet, [*sheet.readers.values(), *sheet.models.values()])
    scores = np.stack([e.score(sheet.positive) for e in found])
    count = len(sheet.readers)
    models = dict(zip(sheet.models, scores[count:], strict=True))
    total = int(sheet.cases["label"].notna().sum())
    missing = [left_out(total - len(found[0].cases), total, len(found))] if len(found[0].cases) < total else []
    return [*missing, *read_panel(Panel(scores[:count], models, _contest(sheet, found[0], audit.options)))]


def _findings(audit: TableAudit, draft: Run) -> list[Finding]:
    return [_told(audit, finding) for finding in run_checks(draft)]


def _told(audit: TableAudit, finding: Finding) -> Finding:
    """The finding, where explanations are NOT ASSESSED and an operating point that nobody set is named as such."""
    if finding.code.startswith("XM3"):
        return replace(finding, outcome="NOT ASSESSED", statement=NO_MAPS, evidence={"maps": 0})
    if finding.code == "XM102" and audit.by_nobody(audit.sheet.first):
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
                  "task": sheet.task, "classes": list(sheet.classes), "operating_point": audit.bar(sheet.first),
                  "operating_point_by": BY_NOBODY if audit.by_nobody(sheet.first) else "as it was given to the audit",
                  "training": {}, "card": {}},
        "pictured": False, "device": "none: no model was run",
        "models": list(sheet.models), "readers": list(sheet.readers),
        "operating_points": {name: audit.bar(name) for name in (*sheet.models, *sheet.readers)},
        "columns": {"scores": dict(sheet.columns.models), "classes": dict(sheet.columns.classes),
                    "not_taken": list(sheet.columns.unused)},
        "non_inferiority_margin": None if audit.margin is None or math.isnan(audit.margin) else audit.margin,
        "explanations": f"NOT ASSESSED: {NO_MAPS}",
        "data": {"name": truth.stem, "title": f"Tables {outputs.name} and {truth.name}", "split": ", ".join(splits),
                 "synthetic": False, "cases": len(sheet.cases), "patients": int(sheet.cases["patient"].nunique()),
                 "manifest": ledger.sha256_file(truth), "warnings": [*sheet.notes, NO_MAPS]},
        **audit.provenance}
