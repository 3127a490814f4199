"""Integrated gradients: the gradient along the straight path from a baseline to the image.

Sundararajan M, Taly A, Yan Q (2017) "Axiomatic attribution for deep networks", ICML, arXiv:1703.01365.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

import torch
from torch import Tensor

from xaimed.attribution.baseline import baselines
from xaimed.attribution.method import Map, Method
from xaimed.attribution.path import PathIntegral, end_scores, groups
from xaimed.errors import PlanError
from xaimed.scene import Scene

ROUNDING = 16 * 2.0**-23  # of a float32 score that has gone through a network


@dataclass(frozen=True)
class IntegratedGradients(Method):
    """Integrated gradients by the midpoint rule, with as many steps as the map needs, where it needs them.

    baselines: "black", "blur", "tissue_median" or "noise"; the map is the mean over them. The default takes
    the structure out of the tissue but leaves its density: against black, bright tissue would be evidence
    merely for being bright, and a black breast is far from every image that the network was trained on.
    A large dense mass survives the blur in part; "tissue_median" beside it takes that away too.
    steps: places on each path at first, the image's own among them; one gradient of the image serves all baselines.
    More are added where the gradient changes, up to max_steps evaluations a baseline, until the estimated error of the
    map (relative L2 norm, see path.py) is within `tolerance` and its sum within `completeness` of the score's
    difference. The sum alone says little: it can be right while the map is not. A map that got there neither way says
    so in its note.
    Scenes that share an image share every forward pass, and go on until all of them have converged.
    """

    name: ClassVar[str] = "integrated_gradients"
    additive: ClassVar[bool] = True
    volumes: ClassVar[bool] = True
    baselines: tuple[str, ...] = ("blur",)
    steps: int = 15
    max_steps: int = 256
    completeness: float = 0.01
    tolerance: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.baselines or not 1 <= self.steps <= self.max_steps:
            raise PlanError(
                f"integrated_gradients: {len(self.baselines)} baselines, steps {self.steps}, "
                f"max_steps {self.max_steps}; expected a baseline or more and 1 <= steps <= max_steps"
            )

    def compute(self, scene: Scene) -> Map:
        """The map of one scene; facts: steps (a baseline), completeness_error, map_error, f_input, f_baseline."""
        return self.compute_all([scene])[0]

    def compute_all(self, scenes: Sequence[Scene]) -> list[Map]:
        """The maps of scenes that share a joint, by the same evaluations; facts as for `compute`."""
        starts = baselines(scenes[0], self.baselines, self.seed)
        return [one for some in groups(scenes, self.max_steps * len(starts)) for one in self._of(some, starts)]

    def _of(self, scenes: Sequence[Scene], starts: Tensor) -> list[Map]:
        ends = end_scores(scenes, torch.cat([starts, scenes[0].image]))
        path = PathIntegral(scenes, starts, self.steps)
        while (count := self._wanted(path, ends)) > 0:
            path.refine(count)
        return [self._finished(path, ends[:, k], k) for k in range(len(scenes))]

    def _wanted(self, path: PathIntegral, ends: Tensor) -> int:
        errors = [completeness_error(path.values[k], *both_ends(ends[:, k])) for k in range(ends.shape[1])]
        if all(map(self._reached, errors, path.errors())) or not all(map(isfinite, errors)):
            return 0
        return min(path.wanted(self.tolerance), self.max_steps * len(path.starts) - path.evaluations)

    def _reached(self, completeness: float, error: float) -> bool:
        return completeness <= self.completeness and error <= self.tolerance

    def _finished(self, path: PathIntegral, ends: Tensor, column: int) -> Map:
        values = path.values[column]
        completeness, error = completeness_error(values, *both_ends(ends)), path.errors()[column]
        facts = {
            "steps": path.evaluations / len(path.starts),
            "completeness_error": completeness,
            "map_error": error,
            **dict(zip(("f_input", "f_baseline"), both_ends(ends), strict=True)),
        }
        note = (
            ""
            if self._reached(completeness, error)
            else f"not converged: completeness error {completeness:.1%} at max_steps {self.max_steps}, "
            f"estimated error of the map {error:.1%}"
        )
        return Map(values.float().cpu().numpy(), facts, note)


def completeness_error(values: Tensor, full: float, empty: float) -> float:
    """How far the sum of a map (h, w) misses full - empty, as a share of it, less what rounding of the scores explains.

    A small difference of two large scores has few true digits: no map can be held to the others.
    """
    difference, rounding = full - empty, ROUNDING * max(abs(full), abs(empty))
    missed = max(abs(float(values.double().sum()) - difference) - rounding, 0.0)
    return missed / max(abs(difference), rounding, 2.0**-126) if missed else missed


def both_ends(ends: Tensor) -> tuple[float, float]:
    """Of scores (N + 1,) the last, the image's, and the mean of the others, the baselines'."""
    return float(ends[-1]), float(ends[:-1].double().mean())


METHOD = IntegratedGradients
