"""How often each attribution method reveals the cause that was planted in SYNTHETIC images.

    python examples/planted_shortcut.py                                  the tables of docs/planted.md
    python examples/planted_shortcut.py --images 12 --methods grad_cam sobel
    python examples/planted_shortcut.py --train                          makes models/planted-*/model.pt again first

Three small networks learnt from the same images, each from another label: a ring burned into the air, the grain of
the tissue, or a mass. They are explained on images that hold all three, so the right explanation is known.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from xaimed import load_model
from xaimed.adapters.model import Model
from xaimed.attribution import (
    RISE,
    ExactShapley,
    GradientSHAP,
    IntegratedGradients,
    KernelSHAP,
    Method,
    Occlusion,
    PartitionSHAP,
    SmoothGrad,
)
from xaimed.content import folder
from xaimed.data.planted import CAUSES, Planted
from xaimed.errors import MissingExtra
from xaimed.explain import method_of
from xaimed.metrics.energy_in_lesion import energy_share
from xaimed.metrics.energy_lift import EnergyLift
from xaimed.metrics.explained import Explained
from xaimed.metrics.pointing_game import PointingGame
from xaimed.registry import names
from xaimed.sanity import Gate, gate
from xaimed.scene import Scene
from xaimed.stats import Estimate, Resampling, auc, percentile, proportion, wilson
from xaimed.training.course import Course, card_beside, run_course
from xaimed.training.recipe import read_recipe
from xaimed.types import Case, Mask

# Masked images and samples are the cost of these; the other methods keep their defaults.
SMALL: Mapping[str, Method] = {method.name: method for method in (
    ExactShapley(regions=5), GradientSHAP(samples=16), IntegratedGradients(max_steps=16),
    KernelSHAP(regions=24, evaluations=64), Occlusion(stride=1.0), PartitionSHAP(evaluations=64), RISE(masks=128),
    SmoothGrad(samples=8))}
# Made for boxes, for a class they are RISE and HiResCAM; and for networks that give evidence of their own.
OTHERS = ("d_rise", "odam", "own_evidence")
# A peak this near counts: one cell of the networks' last feature map.
MARGIN = 4
FIRST = 5000
COLUMNS = (
    "method", "reveals the marker", "(network of the lesion)", "reveals the lesion", "(network of the marker)",
    "reveals the texture", "tells marker from lesion, AUC", "lift: marker, texture, lesion", "sanity gate", "s a map")


@dataclass(frozen=True, eq=False)
class Picture:
    """An image with every trait. causes: where each is, bool (H, W), the ring and the mass widened by a margin."""

    case: Case
    causes: Mapping[str, Mask]


@dataclass(frozen=True, eq=False)
class Shown:
    """What a method's maps of one network show: (n,) for each cause the peak's hit, the energy's share and lift."""

    hit: Mapping[str, NDArray[np.float64]]
    share: Mapping[str, NDArray[np.float64]]
    lift: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Row:
    """A line of the table. peaks, lifts: by network and cause. told: the AUC. gate: of the marker's network."""

    method: str
    peaks: Mapping[tuple[str, str], Estimate]
    lifts: Mapping[tuple[str, str], float]
    told: Estimate
    gate: str
    seconds: float


def pictures(count: int, margin: int = MARGIN) -> list[Picture]:
    """The first images that hold marker, coarse texture and lesion, of patients that no training saw."""
    data = Planted(first=FIRST, patients=2 * count + 10)
    found: list[Picture] = []
    for index, row in enumerate(data.rows):
        if all(row.groups[cause] == "yes" for cause in CAUSES) and len(found) < count:
            masks = data.masks(index)
            near = {cause: widened(masks[cause], margin) for cause in ("marker", "lesion")}
            found.append(Picture(data[index], {**masks, **near}))
    return found


def widened(mask: Mask, margin: int) -> Mask:
    """The mask and everything within `margin` pixels of it."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc) > 0)


def methods_of(given: Sequence[str]) -> list[Method]:
    """The methods of the table: all that serve a class, or those given."""
    return [SMALL.get(name) or method_of(name) for name in given or names("attribution") if name not in OTHERS]


def shown(method: Method, scenes: Sequence[Scene], seen: Sequence[Picture]) -> Shown:
    """Each map's hit, share and lift for each cause, in the order of the pictures."""
    measures = ("hit", "share", "lift")
    table: dict[str, dict[str, list[float]]] = {key: {cause: [] for cause in CAUSES} for key in measures}
    for scene, picture in zip(scenes, seen, strict=True):
        found = method.attribute(scene)
        full, whole = scene.place(found.values), np.ones((picture.case.height, picture.case.width), bool)
        for cause, mask in picture.causes.items():
            view = Explained(scene, found.values, found.facts, full, mask, whole)
            table["hit"][cause].append(PointingGame()(view)[""])
            table["share"][cause].append(energy_share(view))
            table["lift"][cause].append(EnergyLift()(view)[""])
    return Shown(**{key: {cause: np.array(v) for cause, v in rows.items()} for key, rows in table.items()})


def told_apart(marker: Shown, lesion: Shown, patients: Sequence[str], draws: Resampling) -> Estimate:
    """The AUC of energy on the marker less energy on the lesion, the marker's network against the lesion's."""
    scores = np.concatenate([found.share["marker"] - found.share["lesion"] for found in (marker, lesion)])
    positive = np.arange(len(scores)) < len(patients)
    value = float(auc(scores, positive)[0])
    low, high = percentile(draws.run([*patients, *patients], lambda weights: auc(scores, positive, weights)))
    if value in (0.0, 1.0):
        low, high = wilson(value * len(draws.patients), len(draws.patients))
    return Estimate("told apart", value, low, high, interval=draws.text)


def row_of(method: Method, models: Mapping[str, Sequence[Scene]], seen: Sequence[Picture], gated: bool) -> Row:
    """The line of one method. Raises MissingExtra where the method's package is not here."""
    start, patients = time.perf_counter(), [picture.case.patient for picture in seen]
    draws, found = Resampling.of(patients), {name: shown(method, scenes, seen) for name, scenes in models.items()}
    seconds = (time.perf_counter() - start) / (len(models) * len(seen))
    peaks = {(name, cause): proportion("peak", hits, np.ones(len(hits)), patients, draws)
             for name, one in found.items() for cause, hits in one.hit.items()}
    lifts = {(name, cause): float(values.mean()) for name, one in found.items() for cause, values in one.lift.items()}
    told = told_apart(found["marker"], found["lesion"], patients, draws)
    return Row(method.name, peaks, lifts, told, judged(method, models["marker"]) if gated else "not run", seconds)


def judged(method: Method, scenes: Sequence[Scene]) -> str:
    """What the sanity gate says of a method on the first 12 scenes, all weights re-drawn at once."""
    passed = gate(scenes[:12], method, rules=Gate(stages=1)).passed
    return {True: "pass", False: "fail", None: "NOT ASSESSED"}[passed]


def interventions(models: Mapping[str, Model], seen: Sequence[Picture]) -> list[str]:
    """For each network and trait the mean fall of the logit, and the positives lost, when the trait is removed."""
    lines = ["| network of | " + " | ".join(f"without {cause}" for cause in CAUSES) + " |", "|---" * 4 + "|"]
    chosen = {picture.case.id for picture in seen}
    without = {cause: removed(cause, chosen, len(seen)) for cause in CAUSES}
    for name, model in models.items():
        before, cells = logits(model, [picture.case for picture in seen]), []
        for cause in CAUSES:
            after = logits(model, without[cause])
            lost = int(((before > 0) & (after <= 0)).sum())
            cells.append(f"{(before - after).mean():+.1f} ({lost} of {int((before > 0).sum())} lost)")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def removed(cause: str, chosen: set[str], count: int) -> list[Case]:
    """The same images without one trait, in the same order."""
    data = Planted(first=FIRST, patients=2 * count + 10, remove=cause)
    return [data[index] for index, row in enumerate(data.rows) if row.case in chosen]


def logits(model: Model, cases: Sequence[Case]) -> NDArray[np.float64]:
    """(n,) the logit of "positive"."""
    scenes = [model.scenes(case, ["positive"])[0] for case in cases]
    with torch.no_grad():
        return np.array([float(scene.score(scene.image)[0]) for scene in scenes])


def accuracies(models: Mapping[str, Model], count: int) -> list[str]:
    """For each network the share of right predictions on the data set's first patients, which no training saw."""
    data = Planted(patients=count)
    cases, patients = [data[i] for i in range(len(data))], [row.patient for row in data.rows]
    lines = []
    for cause, model in models.items():
        right = (logits(model, cases) > 0) == [row.groups[cause] == "yes" for row in data.rows]
        found = proportion("accuracy", right.astype(float), np.ones(len(right)), patients, Resampling.of(patients))
        lines.append(f"accuracy of the network of the {cause}: {written(found)}")
    return [*lines, f"({len(cases)} images of {data.patients} other patients)"]


def train(cause: str, work: Path) -> None:
    """Train the network of a cause from its recipe, and write its model.pt; checkpoints go to a folder below `work`."""
    models = folder("models")
    place = models / f"planted-{cause}"
    recipe = place / "recipe.toml"
    run_course(Course(read_recipe(recipe), place / "model.pt", work / cause, models=models, card=card_beside(recipe)),
               print)


def written(found: Estimate) -> str:
    """Value with its interval."""
    return f"{found.value:.2f} ({found.low:.2f}-{found.high:.2f})"


def table(rows: Sequence[Row]) -> list[str]:
    """The lines of the table, the methods that tell the networks apart best first."""
    ranked = sorted(rows, key=lambda row: (-row.told.value, -row.peaks["marker", "marker"].value))
    return ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|", *map(line_of, ranked)]


def line_of(row: Row) -> str:
    """A method's line of the table."""
    lifts = ", ".join(f"{row.lifts[cause, cause]:.1f}" for cause in CAUSES)
    cells = [row.method, written(row.peaks["marker", "marker"]), f"{row.peaks['lesion', 'marker'].value:.2f}",
             written(row.peaks["lesion", "lesion"]), f"{row.peaks['marker', 'lesion'].value:.2f}",
             written(row.peaks["texture", "texture"]), written(row.told), lifts, row.gate, f"{row.seconds:.2f}"]
    return "| " + " | ".join(cells) + " |"


def main(given: Sequence[str] | None = None) -> list[Row]:
    """Print the tables; the rows of the second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--margin", type=int, default=MARGIN, help="pixels round a cause in which a peak counts")
    parser.add_argument("--methods", nargs="*", default=[])
    parser.add_argument("--no-gate", action="store_true")
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--work", type=Path, default=Path("runs") / "planted", help="checkpoints of --train")
    chosen = parser.parse_args(given)
    start = time.perf_counter()
    for cause in CAUSES if chosen.train else ():
        train(cause, chosen.work)
    models = {cause: load_model(folder("models") / f"planted-{cause}" / "model.pt", "cpu") for cause in CAUSES}
    seen = pictures(chosen.images, chosen.margin)
    print(*accuracies(models, min(40, chosen.images)), "", *interventions(models, seen), "", sep="\n", flush=True)
    scenes = {cause: [model.scenes(p.case, ["positive"])[0] for p in seen] for cause, model in models.items()}
    rows = []
    for method in methods_of(chosen.methods):
        try:
            rows.append(row_of(method, scenes, seen, not chosen.no_gate and method.name not in SMALL))
            print(line_of(rows[-1]), flush=True)
        except MissingExtra as error:
            print(f"{method.name}: left out, {error}")
    print(*table(rows), "", f"{len(seen)} images of {len({p.case.patient for p in seen})} patients; "
          f"{time.perf_counter() - start:.0f} s", sep="\n")
    areas = {cause: float(np.mean([p.causes[cause].mean() for p in seen])) for cause in CAUSES}
    print("share of the image: " + ", ".join(f"{cause} {area:.3f}" for cause, area in areas.items()))
    return rows


if __name__ == "__main__":
    main()
