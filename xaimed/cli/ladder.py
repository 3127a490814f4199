"""`xaimed audit --all [MODELS]`: the audits of several models on one dataset, and what they say together."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from xaimed.errors import InputError, NotFound

if TYPE_CHECKING:
    from xaimed.adapters.model import Model
    from xaimed.ladder import Progress
    from xaimed.metrics.rungs import Ladder, Rung
    from xaimed.plan import Plan

SPLITS = ("train", "val", "test", "all")


def run_all(options: argparse.Namespace, plan: Plan) -> int:
    """Carry out the ladder; 0 if every criterion is met by every model, 1 if one is not."""
    from xaimed.data.dataset import open_dataset
    from xaimed.foresight import check_criteria, of_model
    from xaimed.ladder import LadderAudit, run_ladder
    from xaimed.metrics.criteria import verdict
    from xaimed.metrics.rungs import ladder_of
    from xaimed.report.ladder import write_ladder

    if options.model is not None or options.predictions or options.truth or options.annotations:
        raise InputError("--all with a single model, tables or annotations; expected the models after --all alone")
    named = options.dataset if options.dataset not in SPLITS else ""
    name, split = named or plan.ladder.dataset, options.split or (plan.split if named else options.dataset)
    models = chosen(options.all, plan, name, options.device)
    cases = open_dataset(name, split, options.data, limit=options.limit)
    for model in models.values():
        check_criteria(options.plan, plan, of_model(model.file, cases, plan))
    out = Path(options.out or Path("runs") / plan.name)
    with progress_of(len(models), options.json, out) as progress:
        rungs = run_ladder(LadderAudit(models, cases, plan, out), progress)
    write_missing_reports(rungs)
    ladder = ladder_of(rungs, plan.ladder.primary)
    paths = write_ladder(ladder, out)
    outcomes = {rung.name: verdict(rung.run) for rung in rungs}
    if options.json:
        print(json.dumps({"run": str(out), "correlation": ladder.correlation.to_json(),
                          "verdicts": {name: found.verdict for name, found in outcomes.items()}}))
    else:
        _tell(ladder, {name: found.verdict for name, found in outcomes.items()}, paths)
    return max(int(found.exit_code) for found in outcomes.values())


def chosen(given: Sequence[str], plan: Plan, dataset: str, device: str) -> dict[str, Model]:
    """The models by name: the files and those in the folders given, or the plan's steps, or all of the dataset.

    Raises NotFound for a path without a model, InputError for a model of another dataset that was named itself.
    """
    from xaimed.adapters.loading import load_model
    from xaimed.content import folder

    if not dataset:
        raise InputError("no dataset; expected --dataset NAME, or a plan with ladder.dataset")
    steps = [str(folder("models") / step / "model.pt") for step in plan.ladder.steps]
    found: dict[str, Model] = {}
    for path, alone in _files(given or steps or [str(folder("models"))]):
        model = load_model(path, device)
        trained_on = str(model.file.training.get("dataset", ""))
        if trained_on.replace("_", "-") == dataset.replace("_", "-"):
            found[_name(path, found)] = model
        elif alone:
            raise InputError(f"{path} was trained on {trained_on or 'an unknown dataset'}; expected models of "
                             f"{dataset}")
    return _ordered(found, plan.ladder.steps)


def _files(given: Sequence[str]) -> Iterator[tuple[Path, bool]]:
    """Each model.pt with whether it was named itself."""
    for text in given:
        path = Path(text)
        below = sorted(path.glob("*/model.pt")) if path.is_dir() else []
        own = [path / "model.pt"] if path.is_dir() and (path / "model.pt").is_file() else below
        if path.is_dir() and not own:
            raise NotFound(f"{path}: no model.pt there; expected NAME/model.pt, or a folder with one")
        yield from ((file, False) for file in own) if path.is_dir() else [(path, True)]


def _name(path: Path, taken: dict[str, Model]) -> str:
    name = path.parent.name if path.name == "model.pt" and path.parent.name else path.stem
    if name in taken:
        raise InputError(f"two models are named {name!r}; expected different names of their folders")
    return name


def _ordered(found: dict[str, Model], steps: Sequence[str]) -> dict[str, Model]:
    """The plan's steps first, in its order; others by the numbers that they have learnt."""
    def place(name: str) -> tuple[int, int]:
        size = sum(value.numel() for value in found[name].file.state.values())
        return (steps.index(name), 0) if name in steps else (len(steps), size)

    return {name: found[name] for name in sorted(found, key=place)}


@contextmanager
def progress_of(count: int, quiet: bool, out: Path) -> Iterator[Callable[[str], Progress]]:
    """A function that gives the progress of the next model: one bar after the other, each under the model's name."""
    from xaimed.cli.progress import progress_bar

    with ExitStack() as last:
        done = [0]

        def following(name: str) -> Progress:
            last.close()
            done[0] += 1
            if not quiet:
                print(f"{done[0]}/{count} {name}", file=sys.stderr, flush=True)
            return last.enter_context(progress_bar(quiet, out / name))

        yield following


def write_missing_reports(rungs: Sequence[Rung]) -> None:
    """report.pdf in every run that has none; no pages of single cases."""
    from xaimed.report.write import REPORT, write_reports

    for rung in rungs:
        if not (rung.run.path / REPORT).is_file():
            write_reports(rung.run, cases=())


def _tell(ladder: Ladder, verdicts: dict[str, str], paths: Sequence[Path]) -> None:
    from xaimed.report.ladder import correlation_text, primary_table

    print(primary_table(ladder))
    print(correlation_text(ladder))
    for name, verdict in verdicts.items():
        print(f"verdict    {verdict}  {name}")
    for path in paths:
        print(f"written    {path}")
