"""Train a model from a recipe; a training that was cut off goes on after its last epoch."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xaimed.training.course import Course

EPILOG = """examples:
  xaimed train models/mammogram-detector/recipe.toml
  xaimed train models/mammogram-detector-mias/recipe.toml --data ../data --out model.pt
  xaimed train models/mammogram-detector-mias/recipe.toml --data ../data --folds 3   (cross-validation, no model.pt)

Checkpoints and the curve of the losses are kept in the work folder (default: runs/train-NAME); give the same
folder again to go on. model.pt is written when the last epoch is done.
"""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `train`."""
    parser = subparsers.add_parser("train", help="train a model from a recipe", description=__doc__, epilog=EPILOG,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe.toml")
    parser.add_argument("--out", metavar="FILE", help="the model.pt to write (default: WORK/model.pt)")
    parser.add_argument("--work", metavar="FOLDER", help="checkpoints and curve (default: runs/train-NAME)")
    parser.add_argument("--data", metavar="ROOT", help="folder that holds the datasets (default: XAIMED_DATA)")
    parser.add_argument("--folds", type=int, metavar="K",
                        help="cross-validate instead: K models, each judged on the patients that it did not see")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto",
                        help="where the network is trained (default: auto, a GPU if there is one)")


def run(options: argparse.Namespace) -> int:
    """Carry out the training; 0 when model.pt is written."""
    from xaimed.adapters.loading import device_of
    from xaimed.content import folder
    from xaimed.training.course import Course, card_beside, run_course
    from xaimed.training.recipe import read_recipe

    recipe = read_recipe(Path(options.recipe))
    work = Path(options.work) if options.work else Path("runs") / f"train-{recipe.name}"
    out = Path(options.out) if options.out else work / "model.pt"
    course = Course(recipe, out, work, Path(options.data) if options.data else None, device_of(options.device),
                    folder("models"), card_beside(Path(options.recipe)))
    if options.folds is not None:
        return _folds(course, options.folds)
    file = run_course(course, _say)
    print(f"model            {out}")
    print(f"operating point  {file.operating_point:.4f} ({_rule(recipe.task, recipe.fppi)})")
    return 0


def _rule(task: str, fppi: float) -> str:
    from xaimed.answers import DECIDING

    if task == "detection":
        return f"at most {fppi:g} false positives per image on the validation split"
    return "chosen on the validation split" if task in DECIDING else "not chosen: this task needs none"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _folds(course: Course, count: int) -> int:
    from xaimed.training.folds import cross_validate

    for found in cross_validate(course, count, _say):
        rule = f" ({found.rule})" if found.rule else ""
        print(f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})  {found.name}{rule}, {found.interval}")
    print(f"tables           {course.work / 'predictions.csv'}, {course.work / 'truth.csv'}")
    return 0
