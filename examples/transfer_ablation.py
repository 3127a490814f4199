"""How much of an ImageNet network has to be trained again, and how far the explanations move when it is.

    python examples/transfer_ablation.py models/busi-transfer/recipe.toml --data ../shared/data
    python examples/transfer_ablation.py models/mias-crops-transfer/recipe.toml --data ../shared/data --images 30

Four networks from one recipe: the linear layer alone on frozen ImageNet blocks (the network before), the recipe's first
layers frozen, nothing frozen, and random weights. Beside the accuracy stands the shift of the explanations: Spearman's
rank correlation of each map with that of the network before, for the same image and class. Random weights are the
yardstick: what they share with the network before is owed to the image and not to the transfer.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from xaimed.adapters.model import Model
from xaimed.attribution import GradCAM, IntegratedGradients, Method
from xaimed.data.dataset import Dataset
from xaimed.metrics.judging import JudgeOptions, judge
from xaimed.plan import positive_of
from xaimed.stats import Array, Estimate, Resampling, percentile
from xaimed.training.course import Course, model_file, opened, trained
from xaimed.training.recipe import Recipe, read_recipe
from xaimed.training.settling import model_of, outputs
from xaimed.types import Case

METHODS: Sequence[Method] = (GradCAM(), IntegratedGradients(max_steps=32))
BEFORE = "linear layer alone"
COLUMNS = ("network", "trained weights", "balanced accuracy", "AUC", *(f"shift: rank correlation, {method.name}"
                                                                       for method in METHODS))


@dataclass(frozen=True)
class Given:
    """The recipe, where the data and the checkpoints lie, and how many test images are explained."""

    recipe: Recipe
    data: Path | None
    work: Path
    images: int


@dataclass(frozen=True, eq=False)
class Row:
    """A line of the table. weights: those that were trained. shift: the mean rank correlation of each method."""

    name: str
    weights: int
    accuracy: Estimate
    area: Estimate
    shift: Mapping[str, Estimate]


def variants(recipe: Recipe) -> dict[str, Recipe]:
    """The recipes of the four networks, the network before first."""
    def with_frozen(count: object, start: str) -> Recipe:
        return replace(recipe, start=start, arguments={**recipe.arguments, "frozen": count})

    blocks, frozen = (int(str(recipe.arguments[key])) for key in ("blocks", "frozen"))
    return {BEFORE: with_frozen(blocks + 1, "imagenet"),
            f"first {frozen} layers frozen": with_frozen(frozen, "imagenet"),
            "nothing frozen": with_frozen(0, "imagenet"), "random weights": with_frozen(0, "")}


def model_from(recipe: Recipe, dataset: Dataset, name: str, given: Given) -> tuple[Model, int]:
    """The trained model of a variant and the number of weights that were trained; goes on from a checkpoint."""
    work = given.work / name.replace(" ", "-")
    course = Course(recipe, work / "model.pt", work, given.data)
    network = trained(course, dataset, lambda: None, lambda text: print(f"{name}: {text}", flush=True))
    weights = sum(p.numel() for p in network.parameters() if p.requires_grad)
    return model_of(model_file(recipe, dataset, network.state_dict()), "cpu"), weights


def measured(model: Model, cases: Sequence[Case]) -> tuple[Estimate, Estimate]:
    """The balanced accuracy, and the mean AUC of the classes or that of the second of two."""
    table, truth, predictions = outputs(model, cases)
    positive = positive_of("", model.classes, {})
    found = judge(table, truth[truth["x0"].isna()], predictions, 0.5, JudgeOptions(positive=positive))
    area = found.find("mean AUC of the classes") or found.find(f"image AUC {positive}")
    accuracy = found.find("balanced accuracy")
    if accuracy is None or area is None:
        raise SystemExit(f"no accuracy among {', '.join(e.name for e in found.estimates)}")
    return accuracy, area


def maps(model: Model, cases: Sequence[Case]) -> dict[str, list[Array]]:
    """For each method the map (h, w) of the reference class of every case."""
    scenes = [model.scenes(case, [str(case.label)])[0] for case in cases]
    return {method.name: [np.asarray(method.attribute(scene).values, np.float64) for scene in scenes]
            for method in METHODS}


def shift(before: Sequence[Array], after: Sequence[Array], patients: Sequence[str]) -> Estimate:
    """The mean over images of the rank correlation of two maps; an image with an even map counts as 0."""
    values = np.array([correlation(a, b) for a, b in zip(before, after, strict=True)])
    draws = Resampling.of(patients)
    low, high = percentile(draws.run(patients, lambda weights: weights @ values / weights.sum(axis=1)))
    return Estimate("rank correlation", float(values.mean()), low, high, interval=draws.text)


def correlation(before: Array, after: Array) -> float:
    """Spearman's rank correlation of two maps (h, w) over their pixels, 0 where one of them is even."""
    if np.ptp(before) == 0 or np.ptp(after) == 0:
        return 0.0
    return float(spearmanr(before.ravel(), after.ravel()).statistic)


def rows(given: Given) -> list[Row]:
    """A line for each of the four networks, printed as soon as it is there."""
    dataset = opened(given.recipe, given.data)
    cases = [dataset[i] for i, row in enumerate(dataset.rows) if row.split == "test"]
    chosen = [cases[i] for i in np.linspace(0, len(cases) - 1, min(given.images, len(cases))).round().astype(int)]
    first: dict[str, list[Array]] = {}
    out = []
    for name, recipe in variants(given.recipe).items():
        model, weights = model_from(recipe, dataset, name, given)
        found = maps(model, chosen)
        first = first or found
        moved = {key: shift(first[key], found[key], [case.patient for case in chosen]) for key in found}
        out.append(Row(name, weights, *measured(model, cases), moved))
        print(line_of(out[-1]), flush=True)
    known = getattr(dataset, "people", "known") == "known"
    print(f"{len(cases)} test images of {len({case.patient for case in cases})} "
          f"{'patients' if known else 'groups of the split (patients are not known)'}; maps of {len(chosen)}")
    return out


def line_of(row: Row) -> str:
    """A line of the table in Markdown."""
    cells = [row.name, str(row.weights), written(row.accuracy), written(row.area),
             *("1 (itself)" if row.name == BEFORE else written(found) for found in row.shift.values())]
    return "| " + " | ".join(cells) + " |"


def written(found: Estimate) -> str:
    """Value with its interval."""
    return f"{found.value:.2f} ({found.low:.2f}-{found.high:.2f})"


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    """Train or find the four networks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--work", type=Path, help="checkpoints (default: runs/ablation-NAME)")
    parser.add_argument("--images", type=int, default=40, help="test images that are explained")
    chosen = parser.parse_args(arguments)
    recipe = read_recipe(chosen.recipe)
    found = rows(Given(recipe, chosen.data, chosen.work or Path("runs") / f"ablation-{recipe.name}", chosen.images))
    print("| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|", *map(line_of, found), sep="\n")
    return found


if __name__ == "__main__":
    main()
