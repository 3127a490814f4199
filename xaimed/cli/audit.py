"""Audit a model on a dataset: predictions, explanations, their measures, findings and a report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xaimed.cli.asking import expect_place
from xaimed.cli.ending import tell
from xaimed.errors import InputError, unknown
from xaimed.types import NAME

if TYPE_CHECKING:
    from xaimed.adapters.model import Model
    from xaimed.cli.progress import Step
    from xaimed.data.dataset import Selection
    from xaimed.plan import Plan
    from xaimed.run import Run

EPILOG = """examples:
  xaimed audit models/mammogram-detector/model.pt --dataset test
  xaimed audit models/mammogram-detector-mias/model.pt --dataset mini-mias --split test --data ../shared/data
  xaimed audit model.pt --dataset films/ --annotations films/boxes.csv --split all --plan full
  xaimed audit model.pt --dataset test --out runs/today --resume
  xaimed audit --predictions scores.csv --truth truth.csv --operating-point 0.4
  xaimed audit --all --data ../shared/data
  xaimed audit --all models/ other/model.pt --dataset pneumoniamnist --plan ladder --out runs/ladder
  xaimed audit --paper audits/paper/hadush-2020.toml
  xaimed audit --reproduce runs/today

--dataset is a dataset's name, a folder of images, or a split ("test") of the dataset that the model's card names.
--predictions and --truth judge any model by its outputs alone. truth: a row a box (case, label, x0, y0, x1, y1), or a
row a case without boxes; also patient, split, lesion, and any other column as a group. predictions: a row a box or a
class score (case, label, x0, y0, x1, y1, score); columns score_A, score_B ... are several models, compared in pairs;
columns named after the classes are one model. An image without a mark has a row with score 0 and no box.
--all audits several models of one dataset by the same plan (default: ladder, with the models that it names) and draws
explainability against accuracy; give the same --out again to go on.
--paper finds the confusion matrices that fit the figures of a publication, and what in it contradicts.
--reproduce runs the plan of a run again and compares every stored value; MODEL by default the one with its digest.
exit code: 0 all criteria met (a paper: no contradiction; --reproduce: all values the same), 1 not, 2 usage or a known
error.
"""
SPLITS = ("train", "val", "test", "all")
SOON = 2000  # cases of tables that are judged before a bar could be read


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `audit`."""
    parser = subparsers.add_parser("audit", help="audit a model on a dataset", description=__doc__, epilog=EPILOG,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", nargs="?", help="a model.pt")
    parser.add_argument("--dataset", default="test", metavar="NAME|SPLIT|FOLDER",
                        help="a dataset, a split of the model's own dataset, or a folder of images (default: test)")
    parser.add_argument("--split", choices=SPLITS, help="default: the plan's, or all of a folder")
    parser.add_argument("--data", metavar="ROOT", help="folder that holds the datasets (default: XAIMED_DATA)")
    parser.add_argument("--annotations", metavar="FILE", help="boxes of a folder: COCO .json, VOC .xml or .csv")
    parser.add_argument("--dataset-option", action="append", default=[], metavar="KEY=VALUE",
                        help="an option of the dataset's reader (default: those that the model was trained with)")
    parser.add_argument("--plan", metavar="NAME|FILE",
                        help="quick, full ... or a TOML file (default: quick for detection, else quick-TASK, of some "
                             "networks quick-TASK-ARCHITECTURE; tables: "
                             "no criteria)")
    parser.add_argument("--out", metavar="RUN", help="the run folder to write (default: runs/MODEL-DATASET-TIME)")
    parser.add_argument("--methods", metavar="A,B", help="attribution methods, in place of the plan's")
    parser.add_argument("--limit", type=int, metavar="N", help="at most so many cases")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto",
                        help="where the model runs (default: auto, a GPU if there is one)")
    parser.add_argument("--seed", type=int, help="in place of the plan's")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was cut off")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    parser.add_argument("--junit", metavar="FILE.xml", type=Path, help="write criteria and checks as JUnit XML")
    parser.add_argument("--all", nargs="*", metavar="MODELS",
                        help="compare models of one dataset: files, folders of models, or none for the plan's")
    parser.add_argument("--paper", metavar="FILE.toml", help="audit what a publication reports; --out FILE.pdf")
    parser.add_argument("--reproduce", metavar="RUN", help="run a run's plan again and compare every stored value")
    parser.add_argument("--tolerance", type=float, metavar="SHARE",
                        help="of a stored value by which it may differ with --reproduce (default: 0.001)")
    _add_tables(parser)


def _add_tables(parser: argparse.ArgumentParser) -> None:
    tables = parser.add_argument_group("tables instead of a model")
    tables.add_argument("--predictions", metavar="FILE.csv", help="what the model said of each case")
    tables.add_argument("--truth", metavar="FILE.csv", help="what is true of each case")
    tables.add_argument("--positive", default="", metavar="CLASS",
                        help="the class to be found (default: malignant, 1 ...)")
    tables.add_argument("--score-column", action="append", default=[], metavar="NAME",
                        help="a column of scores, one a model; may be given again; the first is audited")
    tables.add_argument("--reader-column", action="append", default=[], metavar="NAME",
                        help="a score column that is a person's (default: those that begin with reader)")
    tables.add_argument("--operating-point", action="append", default=[], metavar="[NAME=]SCORE",
                        help="the score from which a case or box counts, set before the test (default: 0.5, and said); "
                             "NAME=SCORE for one model or reader, may be given again")
    tables.add_argument("--margin", type=float, metavar="AUC",
                        help="margin of non-inferiority in AUC of the first model to the others, as you declare it")
    tables.add_argument("--prevalence", type=float, metavar="SHARE",
                        help="share of positives where the model will be used, for predictive values")


def run(options: argparse.Namespace) -> int:
    """Carry out the audit; 0 if it is done and no criterion refuses it, 1 if one does or names no measure."""
    _check_junit(options)
    if options.paper is not None:
        from xaimed.cli.paper import run_paper

        return run_paper(options)
    if options.all is not None:
        if options.limit == 0:
            raise InputError("--limit 0 with --all; expected 1 or more: models are compared on cases")
        from xaimed.cli.ladder import run_all

        return run_all(options, _plan(options, "ladder"))
    if options.reproduce is not None:
        from xaimed.cli.reproduce import run_reproduction

        return run_reproduction(options)
    if options.predictions or options.truth:
        return _run_tables(options)
    if options.model is None:
        raise InputError("no MODEL; expected a model.pt, or --predictions FILE.csv and --truth FILE.csv")
    if options.resume and not options.out:
        raise InputError("--resume without --out; expected the folder that was cut off: --out RUN --resume")
    from xaimed.adapters.loading import load_model
    from xaimed.audit import Audit, run_audit
    from xaimed.cli.progress import progress_bar
    from xaimed.data.split import manifest_digest
    from xaimed.foresight import check_criteria, of_model
    from xaimed.reuse import note_use, used_before
    from xaimed.surroundings import surroundings

    plan = None if options.plan is None else _plan(options)
    model = load_model(options.model, options.device)
    own = plan is None and options.methods is None
    plan = plan or _usual(options, model)
    cases = _cases(options, model, plan)
    check_criteria(options.plan, plan, of_model(model.file, cases, plan))
    out = Path(options.out) if options.out else _default_out(model, cases.name)
    use = (out.parent, manifest_digest(cases.rows), model.file.digest)
    with progress_bar(options.json, out) as progress:
        # Trying the methods of a plan that nobody named may take minutes of its own.
        plan, left_out = _able(model, cases, plan) if own and len(cases) else (plan, {})
        facts = {"device": getattr(model, "device", "cpu"), "left_out": left_out,
                 "request": _request(options, cases), "reuse": used_before(*use)}
        audit = Audit(model, cases, plan, out, options.resume, {**facts, **surroundings()})
        finished = run_audit(audit, progress)
        if len(finished.cases):
            note_use(*use, out.name)
        reports = _reported(finished, plan, progress)
    return tell(finished, reports, options)


def _reported(run: Run, plan: Plan, progress: Step) -> list[Path]:
    from xaimed.report.write import write_reports

    return write_reports(run, _explained(run) if plan.explaining.cases else None,
                         lambda done, total: progress("report", done, total))


def _check_junit(options: argparse.Namespace) -> None:
    """What is to be written at the end has a place before the work begins."""
    if options.junit is None:
        return
    if options.reproduce is not None or options.paper is not None or options.all is not None:
        which = next(name for name in ("reproduce", "paper", "all") if getattr(options, name) is not None)
        raise InputError(f"--junit with --{which}; expected the audit of one model: JUnit XML holds its criteria and "
                         "checks")
    expect_place(options.junit)


def _able(model: Model, cases: Selection, plan: Plan) -> tuple[Plan, dict[str, str]]:
    """The plan that nobody named with the methods that can explain the network, and why each other one cannot."""
    from dataclasses import replace

    from xaimed.refusals import offered, refused

    if (more := offered(model, plan)) != plan:
        print(f"added      {more.explaining.methods[0]}: the network gives a map of its own", file=sys.stderr)
        plan = more
    left_out = refused(model, cases, plan)
    for name, why in left_out.items():
        print(f"left out   {name}: {why}", file=sys.stderr)
    methods = tuple(name for name in plan.explaining.methods if name not in left_out)
    return replace(plan, explaining=replace(plan.explaining, methods=methods)), left_out


def _request(options: argparse.Namespace, cases: Selection) -> dict[str, object]:
    """What was asked for, so that the run can be made again; a folder of this machine is not named."""
    given = dict(text.split("=", 1) for text in options.dataset_option)
    return {"dataset": cases.name, "split": cases.split, "limit": options.limit, "options": given}


def _explained(run: Run) -> list[str]:
    """The cases that have a map: the pages of the others are made by `xaimed report` when they are wanted."""
    rows = run.scores[run.scores["method"].fillna("") != ""]
    return sorted({str(case) for case in rows["case"] if case} & {str(case) for case in run.cases["case"]})


def _run_tables(options: argparse.Namespace) -> int:
    """The audit of outputs alone."""
    from dataclasses import replace

    from xaimed.cli.progress import progress_bar
    from xaimed.data.scoresheet import SheetRequest, read_scoresheet
    from xaimed.foresight import check_criteria, of_sheet
    from xaimed.judging_tables import TableAudit, run_table_audit
    from xaimed.ledger import sha256_file
    from xaimed.metrics.judged import JudgeOptions
    from xaimed.plan import Explaining, Plan, plan_text
    from xaimed.report.write import write_reports
    from xaimed.reuse import note_use, used_before
    from xaimed.surroundings import surroundings

    _check_tables(options)
    plan = _plan(options) if options.plan else Plan(name="tables", seed=options.seed or 0)
    files = (Path(options.predictions), Path(options.truth))
    given = options.positive or (plan.judging.positive if options.plan else "")
    readers, columns = tuple(options.reader_column), tuple(options.score_column)
    sheet = read_scoresheet(SheetRequest(*files, given, (*columns, *(readers if columns else ())), readers))
    if plan.judging.margin is not None and len(sheet.models) < 2:
        note = f"the plan's margin of non-inferiority, {plan.judging.margin:g}, is of no use: there is one model"
        sheet = replace(sheet, notes=(*sheet.notes, note))
    points = _points(options.operating_point, [*sheet.models, *sheet.readers])
    for note in sheet.notes:
        print(f"note       {note}", file=sys.stderr)
    if options.margin is not None and len(sheet.models) < 2:
        raise InputError(f"--margin {options.margin} and one model, {sheet.first}; expected a second one to compare it "
                         "with: name its column with --score-column")
    judging = replace(plan.judging, positive=sheet.positive,
                      prevalence=plan.judging.prevalence if options.prevalence is None else options.prevalence,
                      margin=plan.judging.margin if options.margin is None else options.margin)
    if len(sheet.cases):
        check_criteria(options.plan, plan, of_sheet(sheet, judging))
    judge_options = JudgeOptions(judging.hit_rules, judging.resamples, plan.seed, sheet.positive,
                                 smallest_cell=judging.smallest_cell, prevalence=judging.prevalence)
    text = plan_text(replace(plan, judging=judging, explaining=Explaining(methods=(), gate_scenes=0)))
    out = Path(options.out) if options.out else Path("runs") / f"{files[0].stem}-{_now()}"
    point = points.pop("", None)
    use = (out.parent, sheet.manifest, sha256_file(files[0]))
    audit = TableAudit(sheet, judge_options, text, out, files, point, judging.margin,
                       {"reuse": used_before(*use), **surroundings()}, points)
    with progress_bar(options.json or len(sheet.cases) < SOON, out) as progress:
        finished = run_table_audit(audit, progress)
        if len(finished.cases):
            note_use(*use, out.name)
        progress("report", 0, 1)
        reports = write_reports(finished, cases=())
        progress("report", 1, 1)
    return tell(finished, reports, options)


def _points(given: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """The operating points by model or reader, "" for all others."""
    found: dict[str, float] = {}
    for text in given:
        name, _, score = text.rpartition("=")
        try:
            value = float(score)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:
            raise InputError(f"--operating-point {text}; expected a number in [0, 1], or NAME=number")
        if name and name not in names:
            raise unknown("model or reader (--operating-point)", name, names)
        if name in found:
            raise InputError(f"--operating-point {text} and {found[name]:g} before; expected one for each model")
        found[name] = value
    return found


def _check_tables(options: argparse.Namespace) -> None:
    if not (options.predictions and options.truth):
        missing = "--truth" if options.predictions else "--predictions"
        raise InputError(f"no {missing}; expected both --predictions FILE.csv and --truth FILE.csv")
    if options.model is not None:
        raise InputError(f"a model {options.model!r} and tables of outputs; expected one or the other")
    for name in ("prevalence", "margin"):
        value = getattr(options, name)
        if value is not None and not 0 < value < 1:
            raise InputError(f"--{name} {value}; expected a number above 0 and below 1")


def _plan(options: argparse.Namespace, default: str = "quick") -> Plan:
    from dataclasses import replace

    from xaimed.plan import open_plan

    plan = open_plan(options.plan or default)
    if options.methods is not None:
        names = tuple(name.strip().replace("-", "_") for name in options.methods.split(",") if name.strip())
        plan = replace(plan, explaining=replace(plan.explaining, methods=names))
    if options.limit is not None and options.limit < 0:
        raise InputError(f"--limit {options.limit}; expected 0 or more")
    return plan if options.seed is None else replace(plan, seed=options.seed)


def _usual(options: argparse.Namespace, model: Model) -> Plan:
    """The plan of the model's task, for whoever names none."""
    from xaimed.plan import plan_for, suited

    return suited(_plan(options, plan_for(model.file.task, model.file.architecture)), model.classes, model.file.card)


def _cases(options: argparse.Namespace, model: Model, plan: Plan) -> Selection:
    from xaimed.data.dataset import DataRequest, opened
    from xaimed.misfit import expect_fit, expect_input
    from xaimed.registry import names

    name, split = options.dataset, options.split
    if name in SPLITS and not Path(name).is_dir():
        name, split = str(model.file.training.get("dataset", "")), split or name
        if not name:
            raise InputError(f"--dataset {options.dataset!r} is a split, and the model's card names no dataset; "
                             "expected the name of a dataset or a folder")
        if name.replace("_", "-") not in names("data"):
            # A model file must not choose a folder of this machine.
            raise InputError(f"the model's card names the dataset {name!r}; expected one of "
                             f"{', '.join(names('data'))}, or --dataset with a folder of yours")
    elif split is None:
        split = "all" if Path(name).is_dir() else plan.split
    own = _dataset_options(options.dataset_option, model, name)
    root, boxes = (Path(given) if given else None for given in (options.data, options.annotations))
    cases = opened(DataRequest(name, root, boxes, limit=options.limit, empty=True,
                               options=own), split)
    expect_fit(model.file, cases)
    expect_input(model, cases)
    if not len(cases):
        found = sorted({row.split for row in cases.dataset.rows})
        print(f"note       no case of split {cases.split!r} is audited; found splits: {', '.join(found) or 'none'}",
              file=sys.stderr)
    return cases


def _dataset_options(given: list[str], model: Model, name: str) -> dict[str, str]:
    """The options of the dataset: those that the model was trained with where it is the same, and the user's."""
    from xaimed.cli.asking import dataset_options

    training = model.file.training
    own = training.get("data_options", {}) if name == training.get("dataset") else {}
    return {**{str(k): str(v) for k, v in own.items()}, **dataset_options(given)}


def _default_out(model: Model, dataset: str) -> Path:
    name = str(model.file.card.get("name", ""))
    # The name comes with the file: it may choose a word of the path, not a place.
    name = name if NAME.match(name) else "model"
    return Path("runs") / f"{name}-{dataset.rsplit('/', maxsplit=1)[-1]}-{_now()}"


def _now() -> str:
    from datetime import UTC, datetime

    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
