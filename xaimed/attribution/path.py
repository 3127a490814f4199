"""Gradients integrated along straight paths from baselines to an image, with an estimate of the map's error.

The trapezoid rule on places that are added where they are needed. Networks are piecewise linear: along a path the
gradient is the sum of many small steps at places that nobody knows, so between two places it is taken for a random
walk. For that the straight line is the best guess, and the error of a gap of width w has the variance r w^3 / 12,
where r is the walk's variance per unit of path. How far a slope lies from the line through its two neighbours, at
distances l and m, gives r: the square of that is r l m / (l + m) on average. The errors of different gaps add in
squares. The gap with the largest error is halved first, as in adaptive quadrature (Piessens R et al (1983)
"QUADPACK"). A smooth gradient converges faster than the estimate does. The path is open at the baseline, which may be
constant, where a network's maxima are tied: below the first place the slope goes on along a straight line. At the
other end the gradient of the image serves all baselines.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, inf, isfinite, sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from xaimed.attribution.gradient import chunks, image_gradient, joint_gradients, joint_scores
from xaimed.attribution.memory import Batches
from xaimed.scene import Scene

TOGETHER = 8  # places added at once, at most
HELD = 2**31  # bytes of slopes kept; those of further places are computed again when they are needed


@dataclass(eq=False)
class Place:
    """A place on the path, in (0, 1]; slope (K, h, w): gradient times way there, None if it was not kept.

    rough: for each of the K scenes the variance of the slope per unit of path, summed over the pixels; inf while
    unknown.
    """

    at: float
    slope: Tensor | None
    rough: tuple[float, ...]


class Gap(NamedTuple):
    """The gap below place `upper` of the path from baseline `start`, and the place that would divide it best.

    squares: for each of K scenes the expected square of the L2 norm of its error.
    """

    start: int
    upper: int
    middle: float
    squares: tuple[float, ...]


class PathIntegral:
    """The mean over baselines (N, C, h, w) of the path integral, for K scenes that share image and joint.

    values: float64 (K, h, w), summed over channels. evaluations: gradients taken so far. steps: places on each path
    at first, the last of which is the image, the same for all paths.
    """

    def __init__(self, scenes: Sequence[Scene], starts: Tensor, steps: int) -> None:
        self.scenes, self.starts, self.evaluations = scenes, starts, 0
        self._batches = Batches(scenes[0].chunk)
        self._room = HELD
        # So that the first place stands for as much below it as above.
        inner = [(start, (number + 0.5) / (steps - 0.5)) for number in range(steps - 1) for start in range(len(starts))]
        *slopes, gradient = self._slopes(inner, image=True)
        self._paths: list[list[Place]] = [[] for _ in starts]
        for (start, at), slope in zip(inner, slopes, strict=True):
            self._paths[start].append(self._place(at, slope))
        for path, start in zip(self._paths, starts, strict=True):
            path.append(self._place(1.0, (gradient * (scenes[0].image - start)).sum(1)))
        self._sum = torch.stack([self._area(start) for start in range(len(starts))]).sum(0)
        for start, path in enumerate(self._paths):
            self._roughen(start, range(len(path)))
        self.values = self._means()

    def errors(self) -> list[float]:
        """For each scene the estimated relative L2 error of its map; inf where each path has but one place, nan where
        the slopes are not finite."""
        gaps = self._gaps()
        squares = [sum(gap.squares[k] for gap in gaps) / len(self.starts) ** 2 for k in range(len(self.scenes))]
        return [sqrt(square) / size if size != 0 else (inf if square > 0 else 0.0)
                for square, size in zip(squares, self._sizes(), strict=True)]

    def wanted(self, tolerance: float) -> int:
        """How many places to add next for errors of `tolerance`, which fall as one over all, at most TOGETHER.

        At least half of that, for in small batches an image costs twice as much.
        """
        worst = max(self.errors()) / max(tolerance, 1e-9)
        more = self.evaluations * (worst - 1)
        return min(TOGETHER, max(TOGETHER // 2, ceil(more))) if isfinite(more) else TOGETHER

    def refine(self, count: int = TOGETHER) -> None:
        """Add a place in each of the `count` gaps that make most of the error of any scene's map."""
        sizes = [max(size, 1e-30) ** 2 for size in self._sizes()]
        chosen = heapq.nlargest(count, self._gaps(), key=lambda gap: max(map(_ratio, gap.squares, sizes)))
        found = self._slopes([(gap.start, gap.middle) for gap in chosen])
        # From the far end, so that the numbers of the gaps that are left stay right.
        for gap, slope in sorted(zip(chosen, found, strict=True), key=lambda pair: -pair[0].upper):
            self._sum += self._change(gap, slope)
            self._paths[gap.start].insert(gap.upper, self._place(gap.middle, slope))
        for start in {gap.start for gap in chosen}:
            path = self._paths[start]
            new = [number for number, place in enumerate(path) if inf in place.rough]
            self._roughen(start, sorted({near for number in new for near in (number - 1, number, number + 1)}))
        self.values = self._means()

    def _means(self) -> Tensor:
        return (self._sum + sum(map(self._below, range(len(self.starts))))) / len(self.starts)

    def _change(self, gap: Gap, slope: Tensor) -> Tensor:
        """What a slope in the middle of a gap adds to the path's integral."""
        upper = self._paths[gap.start][gap.upper]
        above, middle = self._slope(gap.start, gap.upper).double(), slope.double()
        if gap.upper == 0:
            return (middle - above) * ((gap.middle + upper.at) / 2)
        below = self._slope(gap.start, gap.upper - 1).double()
        return (middle - (below + above) / 2) * (upper.at - gap.middle)

    def _area(self, start: int) -> Tensor:
        path = self._paths[start]
        edges = [0.0, *((low.at + high.at) / 2 for low, high in pairwise(path)), 1.0]
        area = torch.zeros_like(self._slope(start, 0), dtype=torch.float64)
        for number, (low, high) in enumerate(pairwise(edges)):
            area += self._slope(start, number).double() * (high - low)
        return area

    def _below(self, start: int) -> Tensor | float:
        """What a slope that goes on changing below the first place as it does above it adds to the integral."""
        path = self._paths[start]
        if len(path) == 1:
            return 0.0
        partner, first = _partner(path), path[0].at
        change = self._slope(start, partner).double() - self._slope(start, 0).double()
        return change * (-(first**2) / 2 / (path[partner].at - first))

    def _gaps(self) -> list[Gap]:
        return [gap for start, path in enumerate(self._paths) for gap in _gaps_of(start, path)]

    def _roughen(self, start: int, numbers: Sequence[int]) -> None:
        """Estimate the roughness at some places anew, from three slopes each, or from two if the path has no more."""
        path = self._paths[start]
        if len(path) == 2:
            apart = path[1].at - path[0].at
            path[0].rough = path[1].rough = _squares(self._slope(start, 1) - self._slope(start, 0), 1 / apart)
        if len(path) < 3:
            return
        for number in numbers:
            if 0 < number < len(path) - 1:
                low, high = path[number].at - path[number - 1].at, path[number + 1].at - path[number].at
                line = (self._slope(start, number - 1) * high + self._slope(start, number + 1) * low) / (low + high)
                path[number].rough = _squares(self._slope(start, number) - line, (low + high) / (low * high))
        path[0].rough, path[-1].rough = path[1].rough, path[-2].rough

    def _place(self, at: float, slope: Tensor) -> Place:
        kept = slope.nbytes <= self._room
        self._room -= slope.nbytes if kept else 0
        return Place(at, slope if kept else None, (inf,) * len(self.scenes))

    def _slope(self, start: int, number: int) -> Tensor:
        place = self._paths[start][number]
        return self._slopes([(start, place.at)])[0] if place.slope is None else place.slope

    def _slopes(self, places: Sequence[tuple[int, float]], image: bool = False) -> list[Tensor]:
        """For each (baseline, place on its path) the gradient times way, summed over channels: (K, h, w).

        image: after them the gradient of the image itself, (K, C, h, w), in the same batches.
        """
        def work(part: slice) -> list[Tensor]:
            some = places[part]
            starts = self.starts[[index for index, _ in some]]
            points, way = between(starts, self.scenes[0].image, [place for _, place in some])
            if part.stop > len(places):
                points = torch.cat([points, self.scenes[0].image])
            found = gradients(self.scenes, points)
            return [*(found[:len(some)] * way[:, None]).sum(2), *found[len(some):]]

        self.evaluations += len(places) + image
        return [one for batch in self._batches.run(len(places) + image, work) for one in batch]

    def _sizes(self) -> list[float]:
        return [float(one.norm()) for one in self.values]


def _gaps_of(start: int, path: Sequence[Place]) -> list[Gap]:
    # Open below: the walk's variance grows with the distance. A third leaves the parts with the smallest sum of errors.
    first = path[0].at
    share = first**3 / 3 + (first**4 / 4 / (path[_partner(path)].at - first) if len(path) > 1 else 0.0)
    found = [Gap(start, 0, first / 3, tuple(rough * share for rough in path[0].rough))]
    for number, (low, high) in enumerate(pairwise(path), start=1):
        share = (high.at - low.at) ** 3 / 24
        squares = tuple((below + above) * share for below, above in zip(low.rough, high.rough, strict=True))
        found.append(Gap(start, number, (low.at + high.at) / 2, squares))
    return found


def _partner(path: Sequence[Place]) -> int:
    """The place that gives the direction below the first: about as far above it as the baseline is below."""
    return next((number for number, place in enumerate(path) if place.at >= 2 * path[0].at), len(path) - 1)


def _squares(difference: Tensor, factor: float) -> tuple[float, ...]:
    """For each of K scenes the sum over the pixels of difference (K, h, w) squared, times factor."""
    return tuple(float(one.double().square().sum()) * factor for one in difference)


def _ratio(square: float, size: float) -> float:
    return square / size


def groups(scenes: Sequence[Scene], places: int) -> list[Sequence[Scene]]:
    """The scenes of one image in groups so small that their slopes at so many places can be kept."""
    image = scenes[0].image
    each = places * image[0, 0].numel() * image.element_size()
    return [scenes[part] for part in chunks(len(scenes), max(1, HELD // each))]


def gradients(scenes: Sequence[Scene], images: Tensor) -> Tensor:
    """(B, K, C, h, w): the gradients of K scenes' scores at images (B, C, h, w), by one forward pass for all."""
    if len(scenes) == 1:
        return image_gradient(scenes[0], images)[1][:, None]
    return joint_gradients(scenes, images)[1]


def end_scores(scenes: Sequence[Scene], images: Tensor) -> Tensor:
    """(B, K) float64: the scores of K scenes at images (B, C, h, w), without gradient, in chunks."""
    def work(part: slice) -> Tensor:
        with torch.no_grad():
            return joint_scores(scenes, images[part])

    return torch.cat(Batches(scenes[0].chunk).run(len(images), work)).double()


def between(starts: Tensor, image: Tensor, places: Sequence[float] | Tensor) -> tuple[Tensor, Tensor]:
    """Points (N, C, h, w) on the ways from starts (N, C, h, w) to the image, at places (N,) in [0, 1]; the ways."""
    way = image - starts
    share = torch.as_tensor(places, dtype=way.dtype, device=way.device)
    return starts + share.view(-1, *[1] * (way.ndim - 1)) * way, way
