"""Audit a model on a dataset: predictions, explanations, their measures, findings and a report."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from xaimed.errors import InputError

if TYPE_CHECKING:
    from xaimed.adapters.model import Model
    from xaimed.data.dataset import Selection
    from xaimed.plan import Plan
    from xaimed.run import Run

EPILOG = """examples:
  xaimed audit models/mammogram-detector/model.pt --dataset test
  xaimed audit models/mammogram-detector-mias/model.pt --dataset mini-mias --split test --data ../shared/data
  xaimed audit model.pt --dataset films/ --annotations films/boxes.csv --split all --plan full
  xaimed audit model.pt --dataset test --out runs/today --resume

--dataset is a dataset's name, a folder of images, or a split ("test") of the dataset that the model's card names.
exit code: 0 all criteria met, 1 a criterion not met, 2 usage or a known error.
"""
SPLITS = ("train", "val", "test", "all")


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `audit`."""
    parser = subparsers.add_parser("audit", help="audit a model on a dataset", description=__doc__, epilog=EPILOG,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", help="a model.pt")
    parser.add_argument("--dataset", default="test", metavar="NAME|SPLIT|FOLDER",
                        help="a dataset, a split of the model's own dataset, or a folder of images (default: test)")
    parser.add_argument("--split", choices=SPLITS, help="default: the plan's, or all of a folder")
    parser.add_argument("--data", metavar="ROOT", help="folder that holds the datasets (default: XAIMED_DATA)")
    parser.add_argument("--annotations", metavar="FILE", help="boxes of a folder: COCO .json, VOC .xml or .csv")
    parser.add_argument("--plan", default="quick", metavar="NAME|FILE", help="quick, full or a TOML file")
    parser.add_argument("--out", metavar="RUN", help="the run folder to write (default: runs/MODEL-DATASET-TIME)")
    parser.add_argument("--methods", metavar="A,B", help="attribution methods, in place of the plan's")
    parser.add_argument("--limit", type=int, metavar="N", help="at most so many cases")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto",
                        help="where the model runs (default: auto, a GPU if there is one)")
    parser.add_argument("--seed", type=int, help="in place of the plan's")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was cut off")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")


def run(options: argparse.Namespace) -> int:
    """Carry out the audit; 0 if every criterion is met, 1 if one is not."""
    from xaimed.adapters.loading import load_model
    from xaimed.audit import Audit, run_audit
    from xaimed.cli.progress import progress_bar
    from xaimed.report.write import write_reports

    plan = _plan(options)
    model = load_model(options.model, options.device)
    cases = _cases(options, model, plan)
    out = Path(options.out) if options.out else _default_out(model, cases.name)
    audit = Audit(model, cases, plan, out, options.resume, {"device": getattr(model, "device", "cpu")})
    with progress_bar(quiet=options.json) as progress:
        finished = run_audit(audit, progress)
    reports = write_reports(finished)
    return _tell(finished, reports, options.json)


def _plan(options: argparse.Namespace) -> Plan:
    from dataclasses import replace

    from xaimed.plan import open_plan

    plan = open_plan(options.plan)
    if options.methods is not None:
        names = tuple(name.strip().replace("-", "_") for name in options.methods.split(",") if name.strip())
        plan = replace(plan, explaining=replace(plan.explaining, methods=names))
    if options.limit is not None and options.limit < 1:
        raise InputError(f"--limit {options.limit}; expected 1 or more")
    return plan if options.seed is None else replace(plan, seed=options.seed)


def _cases(options: argparse.Namespace, model: Model, plan: Plan) -> Selection:
    from xaimed.data.dataset import open_dataset

    name, split = options.dataset, options.split
    if name in SPLITS and not Path(name).is_dir():
        name, split = str(model.file.training.get("dataset", "")), split or name
        if not name:
            raise InputError(f"--dataset {options.dataset!r} is a split, and the model's card names no dataset; "
                             "expected the name of a dataset or a folder")
    elif split is None:
        split = "all" if Path(name).is_dir() else plan.split
    return open_dataset(name, split, options.data, options.annotations, limit=options.limit)


def _default_out(model: Model, dataset: str) -> Path:
    from datetime import UTC, datetime

    name = str(model.file.card.get("name", "model"))
    return Path("runs") / f"{name}-{dataset.rsplit('/', maxsplit=1)[-1]}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def _tell(run: Run, reports: list[Path], as_json: bool) -> int:
    from xaimed.metrics.criteria import verdict

    outcome = verdict(run)
    if as_json:
        print(json.dumps({"run": str(run.path), "verdict": outcome.verdict, "exit": outcome.exit_code,
                          "results": run.results.to_json()}))
        return int(outcome.exit_code)
    print(f"verdict    {outcome.verdict}")
    for line in outcome.lines:
        print(f"           {line}")
    print(f"run        {run.path}")
    print(f"report     {reports[0] if reports else 'none'}")
    print(f"cases      {run.path / 'cases'} ({len(reports) - 1} PDF files)")
    print(f"dashboard  xaimed dashboard {run.path}")
    return int(outcome.exit_code)
