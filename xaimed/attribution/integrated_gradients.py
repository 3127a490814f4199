"""Integrated gradients: the gradient along the straight path from a baseline to the image.

Sundararajan M, Taly A, Yan Q (2017) "Axiomatic attribution for deep networks", ICML, arXiv:1703.01365.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

import torch
from torch import Tensor

from xaimed.attribution.baseline import baselines
from xaimed.attribution.gradient import chunks, image_gradient, plain_scores
from xaimed.attribution.method import Map, Method
from xaimed.errors import PlanError
from xaimed.scene import Scene

SMALLEST = 1e-6


@dataclass(frozen=True)
class IntegratedGradients(Method):
    """Integrated gradients by the midpoint rule, with as many steps as the map needs.

    baselines: "black", "blur", "tissue_median" or "noise"; the map is the mean over them. The default takes
    the structure out of the tissue but leaves its density: against black, bright tissue would be evidence
    merely for being bright, and a black breast is far from every image that the network was trained on.
    A large dense mass survives the blur in part; "tissue_median" beside it takes that away too.
    steps: evaluations on the first try; they are tripled, which keeps every earlier one, while no more than
    max_steps, until the map's sum is within `completeness` of the score's difference and the map changed by
    no more than `tolerance` (relative L2 norm). A map that got there neither way says so in its note.
    """

    name: ClassVar[str] = "integrated_gradients"
    additive: ClassVar[bool] = True
    baselines: tuple[str, ...] = ("blur",)
    steps: int = 8
    max_steps: int = 256
    completeness: float = 0.01
    tolerance: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.baselines or not 1 <= self.steps <= self.max_steps:
            raise PlanError(
                f"integrated_gradients: {len(self.baselines)} baselines, steps {self.steps}, "
                f"max_steps {self.max_steps}; expected a baseline or more and 1 <= steps <= max_steps"
            )

    def compute(self, scene: Scene) -> Map:
        """The map of one scene; facts: steps, completeness_error, map_change, f_input, f_baseline."""
        starts = baselines(scene, self.baselines, self.seed)
        ends = plain_scores(scene, torch.cat([starts, scene.image]))
        f_baseline, f_input = float(ends[:-1].double().mean()), float(ends[-1])
        total, steps = _summed(scene, starts, _midpoints(self.steps)), self.steps
        error, change = completeness_error(total / steps, f_input - f_baseline), float("inf")
        while isfinite(error) and not self._reached(error, change) and 3 * steps <= self.max_steps:
            before = total / steps
            total, steps = total + _summed(scene, starts, _added(steps)), 3 * steps
            change = _change(before, total / steps)
            error = completeness_error(total / steps, f_input - f_baseline)
        facts = {
            "steps": float(steps),
            "completeness_error": error,
            "map_change": change,
            "f_input": f_input,
            "f_baseline": f_baseline,
        }
        return Map((total / steps).float().cpu().numpy(), facts, self._note(error, change))

    def _reached(self, error: float, change: float) -> bool:
        return error <= self.completeness and change <= self.tolerance

    def _note(self, error: float, change: float) -> str:
        return (
            ""
            if self._reached(error, change)
            else (f"not converged: completeness error {error:.1%}, last change of the map {change:.1%}")
        )


def completeness_error(values: Tensor, difference: float) -> float:
    """|sum of the map (h, w) - difference| / |difference|: how far a map misses the score's difference."""
    return abs(float(values.double().sum()) - difference) / max(abs(difference), SMALLEST)


def _midpoints(steps: int) -> list[float]:
    return [(i + 0.5) / steps for i in range(steps)]


def _added(steps: int) -> list[float]:
    """The midpoints of 3 * steps that are none of steps: in the middle of each outer third."""
    return [(i + place) / steps for i in range(steps) for place in (1 / 6, 5 / 6)]


def _summed(scene: Scene, starts: Tensor, places: list[float]) -> Tensor:
    """(h, w) float64: gradient times way, summed over places and channels, mean over the baselines."""
    total = torch.zeros(scene.image.shape[-2:], dtype=torch.float64, device=scene.image.device)
    for number in range(len(starts)):
        start = starts[number : number + 1]
        way = scene.image - start
        gradients = torch.zeros_like(way)
        for part in chunks(len(places), scene.chunk):
            share = torch.tensor(places[part], dtype=way.dtype, device=way.device).view(-1, 1, 1, 1)
            gradients += image_gradient(scene, start + share * way)[1].sum(0, keepdim=True)
        total += (gradients * way)[0].sum(0).double()
    return total / len(starts)


def _change(before: Tensor, after: Tensor) -> float:
    size = float(after.norm())
    return float((after - before).norm()) / size if size > 0 else float(before.norm() > 0)


METHOD = IntegratedGradients
