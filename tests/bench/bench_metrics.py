"""What the explanation suite costs beyond its model passes, and against Quantus; run by hand.

    python -m tests.bench.bench_metrics [--quantus QUANTUS/bin/python] [--repeats 3] [--threads 2]

First: every explanation metric on one detection of models/mammogram-detector in a phantom of 512 px, against the
passes alone: the same images through the same functions in the same batches, network in channels-last order.
Second, with --quantus: the same classifier and settings in the interpreter that has Quantus 0.6.0.
On one thread the clock counts this process alone, which holds on a machine that others load too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tests.bench.quantus_peer import DRAWS, LAYERS, RADIUS, SQUARES, STEPS, Data, data, network
from tests.bench.timing import Work, medians
from xaimed.attribution import GradCAM, Saliency
from xaimed.hooks import channels_last, frozen
from xaimed.metrics.explained import ExplanationMetric
from xaimed.metrics.explaining import Ground, explanation_metrics, measure_on
from xaimed.sanity import Gate, gate
from xaimed.scene import Scene
from xaimed.types import Floats

FIELDS: dict[str, dict[str, object]] = {
    "deletion": {"fills": ["tissue_median"], "steps": STEPS}, "insertion": {"fills": ["tissue_median"], "steps": STEPS},
    "infidelity": {"count": SQUARES, "side": 0.25}, "max_sensitivity": {"draws": DRAWS, "radius": RADIUS, "kept": 0.0}}
SHARED = ("deletion", "insertion", "infidelity", "max_sensitivity", "gini", "entropy", "energy_in_lesion",
          "pointing_game")


@dataclass(frozen=True, eq=False)
class Drawn:
    """A map that is at hand."""

    values: Floats
    facts: dict[str, float]


@dataclass(frozen=True, eq=False)
class Recorded:
    """The batches that a scene's functions were given, in order, each with the function."""

    scene: Scene
    calls: list[tuple[Callable[[Tensor], Tensor], Tensor]]

    @classmethod
    def of(cls, scene: Scene) -> Recorded:
        """A scene that notes what it is asked."""
        calls: list[tuple[Callable[[Tensor], Tensor], Tensor]] = []

        def noted(function: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
            calls.append((function, images.detach().clone(memory_format=torch.preserve_format)))
            return function(images)

        return cls(replace(scene, score=partial(noted, scene.score), similarity=partial(noted, scene.similarity)),
                   calls)

    def replay(self) -> None:
        """The passes alone."""
        with torch.no_grad(), frozen(self.scene.network), channels_last(self.scene.network):
            for function, images in self.calls:
                function(images)


def best(works: Mapping[str, Work], repeats: int) -> dict[str, float]:
    """Least seconds of each piece of work; all run once before, then in turn."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    return medians(works, repeats, clock, min)


def detection() -> tuple[Scene, Ground]:
    """The first detection of the phantoms' test split that hits a lesion."""
    from xaimed import load_model, open_dataset
    from xaimed.adapters.reference import reference_mask
    from xaimed.audit import tissue_of

    model = load_model("models/mammogram-detector/model.pt")
    for case in open_dataset("phantom", split="test"):
        for target in model.targets(case, model.predict([case])[0]):
            mask = reference_mask(case, target)
            if target.name.startswith("d") and mask is not None:
                return model.scenes(case, [target])[0], Ground(mask, tissue_of(model, case))
    raise SystemExit("no detection hits a lesion")


def over_passes(repeats: int) -> None:
    """Print the whole suite's time over its passes, and each metric's time beyond them."""
    scene, ground = detection()
    found, chosen = GradCAM().attribute(scene), explanation_metrics()
    ground = replace(ground, methods={"grad_cam": GradCAM()})

    def suite(of: Scene, metrics: Sequence[ExplanationMetric]) -> None:
        measure_on(of, {"grad_cam": found}, ground, metrics)

    for name, metrics in [("all", chosen), *((m.name, (m,)) for m in chosen)]:
        record = Recorded.of(scene)
        suite(record.scene, metrics)
        seconds = best({"suite": partial(suite, scene, metrics), "passes": record.replay}, repeats)
        ratio = f"{seconds['suite'] / seconds['passes']:8.2f}" if record.calls else 8 * " "
        sys.stdout.write(f"{name:32} {len(record.calls):4} passes {1e3 * seconds['suite']:9.1f} ms, "
                         f"passes alone {1e3 * seconds['passes']:9.1f} ms {ratio}\n")
        sys.stdout.flush()


def classified(known: Data) -> list[Scene]:
    """A scene an image: the classifier's first class."""
    model, layers = network(), dict[str, torch.nn.Module]()
    size = known.images.shape[-2:]

    def score(images: Tensor) -> Tensor:
        scores: Tensor = model(images)[:, 0]
        return scores

    return [Scene(f"c{i}", "x", torch.from_numpy(image)[None], torch.ones(size, dtype=torch.bool), score,
                  lambda x: score(x).sigmoid(), model, layers, lambda v: v, chunk=8)
            for i, image in enumerate(known.images)]


def ours(known: Data, repeats: int) -> dict[str, float]:
    """Seconds of each metric by itself, of the randomisation gate, and of all with shared passes ("all")."""
    scenes, method = classified(known), Saliency()

    def suite(names: Sequence[str]) -> None:
        chosen = explanation_metrics(names, {name: FIELDS.get(name, {}) for name in names})
        for scene, values, lesion in zip(scenes, known.maps, known.lesions, strict=True):
            ground = Ground(lesion, np.ones_like(lesion), methods={"m": method})
            measure_on(scene, {"m": Drawn(values, {})}, ground, chosen)

    def randomised() -> None:
        gate(scenes, method, rules=Gate(stages=LAYERS, cases=2, draws=1))

    def everything() -> None:
        suite(SHARED)
        randomised()

    works = {name: partial(suite, [name]) for name in SHARED}
    return best({**works, "randomisation": randomised, "all": everything}, repeats)


def against_quantus(python: str, images: int, repeats: int) -> None:
    """Print the seconds of both by metric, and of all."""
    peer = Path(__file__).with_name("quantus_peer.py")
    command = [python, str(peer), "--images", str(images), "--repeats", str(repeats), "--threads",
               str(torch.get_num_threads())]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    theirs: dict[str, float] = json.loads(told.splitlines()[-1])
    mine = ours(data(images, 224), repeats)
    for name, seconds in [*theirs.items(), ("all", sum(theirs.values()))]:
        sys.stdout.write(f"{name:32} Quantus {seconds:8.3f} s, ours {mine[name]:8.3f} s: "
                         f"{seconds / mine[name]:7.1f} times\n")


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quantus", metavar="PYTHON")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.images < 3:
        parser.error("the gate decides on 3 images or more")
    if options.quantus:
        against_quantus(options.quantus, options.images, options.repeats)
    else:
        over_passes(options.repeats)


if __name__ == "__main__":
    main()
