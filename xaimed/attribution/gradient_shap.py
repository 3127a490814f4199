"""Gradient SHAP (expected gradients): integrated gradients, averaged over baselines.

Erion G, Janizek JD, Sturmfels P, Lundberg SM, Lee SI (2021) "Improving performance of deep learning models
with axiomatic attribution priors and expected gradients", Nature Machine Intelligence 3:620-631.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import ClassVar

import torch
from torch import Tensor

from xaimed.attribution.baseline import Background, baseline
from xaimed.attribution.integrated_gradients import both_ends, completeness_error
from xaimed.attribution.memory import Batches
from xaimed.attribution.method import Map, Method
from xaimed.attribution.path import TOGETHER, PathIntegral, between, end_scores, gradients, groups
from xaimed.errors import PlanError
from xaimed.scene import Scene

LEAST = 4  # evaluations a baseline; with fewer, strata were closer to the exact map than refined paths


@dataclass(frozen=True)
class GradientSHAP(Method):
    """The mean over K baselines of integrated gradients, within a given number of evaluations.

    With a background of images this is expected gradients; the published estimator draws baseline and place
    on the path at random, and its sum misses the score's difference by a fifth at 32 evaluations. Here half of the
    evaluations lie evenly on the paths, the others where the gradient changes most (path.py). No value is scaled to
    make the sum right, so that completeness_error stays a check. With fewer than four evaluations for each image of the
    background they are drawn instead: each image equally often or once, its place on the path from its own stratum,
    which is without bias.

    samples: evaluations, without those at the ends; with a large background raised to a multiple of its size.
    background: images to compare with; None: `baselines` fills of the image itself, in turn its blurred
    tissue, its median and noise, with normal noise of `noise` times the tissue's standard deviation. seed: of
    every draw.
    """

    name: ClassVar[str] = "gradient_shap"
    additive: ClassVar[bool] = True
    volumes: ClassVar[bool] = True
    samples: int = 48
    baselines: int = 6
    noise: float = 0.1
    background: Background | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 1 or self.baselines < 1 or self.noise < 0:
            raise PlanError(
                f"gradient_shap: samples {self.samples}, baselines {self.baselines}, noise {self.noise}; "
                "expected 1 or more of the first two and noise >= 0"
            )

    def compute(self, scene: Scene) -> Map:
        """The map of one scene; facts: samples, baselines, completeness_error, map_error, f_input, f_baseline.

        map_error: the estimated relative L2 error for these baselines; NaN where the paths were sampled.
        """
        return self.compute_all([scene])[0]

    def compute_all(self, scenes: Sequence[Scene]) -> list[Map]:
        """The maps of scenes that share a joint, by the same evaluations; facts as for `compute`."""
        starts = self._starts(scenes[0], torch.Generator().manual_seed(self.seed))
        return [one for some in groups(scenes, self.samples) for one in self._of(some, starts)]

    def _of(self, scenes: Sequence[Scene], starts: Tensor) -> list[Map]:
        ends = end_scores(scenes, torch.cat([starts, scenes[0].image]))
        if LEAST * len(starts) <= self.samples:
            values, errors, count = self._refined(scenes, starts)
        else:
            values, errors, count = self._sampled(scenes, starts)
        return [
            _finished(values[k], ends[:, k], {"samples": float(count), "map_error": errors[k]})
            for k in range(len(scenes))
        ]

    def _refined(self, scenes: Sequence[Scene], starts: Tensor) -> tuple[Tensor, list[float], int]:
        path = PathIntegral(scenes, starts, steps=1 + max(1, self.samples // (2 * len(starts))))
        while path.evaluations < self.samples:
            path.refine(min(TOGETHER, self.samples - path.evaluations))
        return path.values, path.errors(), path.evaluations

    def _sampled(self, scenes: Sequence[Scene], starts: Tensor) -> tuple[Tensor, list[float], int]:
        # The same draws for every group of scenes, and others than those of the baselines' noise.
        generator = torch.Generator().manual_seed(self.seed + 1)
        picks, places = _drawn(len(starts), -(-self.samples // len(starts)), generator)

        def work(part: slice) -> Tensor:
            points, way = between(starts[picks[part].to(starts.device)], scenes[0].image, places[part])
            return (gradients(scenes, points) * way[:, None]).sum((0, 2)).double()

        batches = Batches(scenes[0].chunk).run(len(picks), work)
        return torch.stack(batches).sum(0) / len(picks), [nan] * len(scenes), len(picks)

    def _starts(self, scene: Scene, generator: torch.Generator) -> Tensor:
        if self.background is not None:
            return self.background.fitting(scene)
        kinds = ("blur", "tissue_median", "noise")
        fills = torch.cat([baseline(scene, kinds[i % 3], self.seed + i) for i in range(self.baselines)])
        spread = float(scene.image[..., scene.tissue].std(correction=0)) if bool(scene.tissue.any()) else 0.0
        draw = torch.randn(fills.shape, generator=generator).to(fills)
        return torch.where(scene.tissue, fills + self.noise * spread * draw, fills)


def _finished(values: Tensor, ends: Tensor, facts: dict[str, float]) -> Map:
    found = {
        **facts,
        "baselines": float(len(ends) - 1),
        "completeness_error": completeness_error(values, *both_ends(ends)),
        **dict(zip(("f_input", "f_baseline"), both_ends(ends), strict=True)),
    }
    return Map(values.float().cpu().numpy(), found)


def _drawn(baselines: int, rounds: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """For each of baselines * rounds samples: which baseline, and the place on the path in [0, 1).

    Each place lies in its own stratum, and the places of one baseline in a stratum of 1 / rounds each.
    """
    count = baselines * rounds
    places = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    picks = torch.cat([torch.randperm(baselines, generator=generator) for _ in range(rounds)])
    return picks, places


METHOD = GradientSHAP
