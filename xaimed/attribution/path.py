"""Gradients integrated along straight paths from baselines to an image, with an estimate of the map's error.

The midpoint rule, refined where it is needed: an interval is cut into three, which keeps its midpoint. The
networks are piecewise linear, so their gradient jumps along the path. For a jump anywhere in an interval of width
w the midpoint rule errs by a uniform draw in +-w/2 times the jump. Averaged over its place, the error left after
the cut is uncorrelated with the change d that the cut made, and its variance is an eighth of d's: |d| / sqrt(8)
estimates the error of a map. For a smooth gradient, where |d| / 8 would do, it is on the safe side. The errors of
different intervals are taken as independent. This is the local refinement of adaptive quadrature (Piessens R et
al. (1983) "QUADPACK"), with an error estimate for step functions and for maps.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt

import torch
from torch import Tensor

from xaimed.attribution.gradient import image_gradient, joint_gradients, joint_scores
from xaimed.attribution.memory import Batches
from xaimed.scene import Scene

TOGETHER = 4  # intervals cut in one round: eight evaluations
HELD = 2**28  # bytes of gradients kept; those of further midpoints are computed again when they are needed


@dataclass(frozen=True, eq=False)
class Interval:
    """An interval [low, low + width] of the path from baseline `start`; value (K, h, w): slope at its midpoint.

    errors: the estimated L2 error of each of the K maps that comes from here; inf while unknown.
    """

    start: int
    low: float
    width: float
    errors: tuple[float, ...]
    value: Tensor | None

    @property
    def middle(self) -> float:
        """The place of the midpoint on the path."""
        return self.low + self.width / 2

    def third(self, number: int, errors: tuple[float, ...], value: Tensor | None) -> Interval:
        """The left (0), middle (1) or right (2) third."""
        width = self.width / 3
        return Interval(self.start, self.low + number * width, width, errors, value)


class PathIntegral:
    """The mean over baselines (N, C, h, w) of the path integral, for K scenes that share image and joint.

    values: float64 (K, h, w), summed over channels. evaluations: gradients taken so far. steps: intervals of
    each path at first.
    """

    def __init__(self, scenes: Sequence[Scene], starts: Tensor, steps: int) -> None:
        self.scenes, self.starts, self.evaluations = scenes, starts, 0
        self._batches = Batches(scenes[0].chunk)
        self._held = 0
        places = [(start, number / steps) for number in range(steps) for start in range(len(starts))]
        unknown = (inf,) * len(scenes)
        cells = [Interval(start, low, 1 / steps, unknown, None) for start, low in places]
        found = self._slopes([(cell.start, cell.middle) for cell in cells])
        shape = (len(scenes), *scenes[0].image.shape[2:])
        self.values = torch.zeros(shape, dtype=torch.float64, device=starts.device)
        self._queue: list[tuple[float, int, Interval]] = []
        self._made = 0
        for cell, value in zip(cells, found, strict=True):
            self.values += value.double() * (cell.width / len(starts))
            self._push(Interval(cell.start, cell.low, cell.width, unknown, self._kept(value)))

    def errors(self) -> list[float]:
        """For each scene the estimated relative L2 error of its map; inf before every interval was cut once."""
        squares = [sum(cell.errors[k] ** 2 for _, _, cell in self._queue) for k in range(len(self.scenes))]
        return [sqrt(square) / size if size > 0 else (inf if square > 0 else 0.0)
                for square, size in zip(squares, self._sizes(), strict=True)]

    @property
    def unknown(self) -> int:
        """How many intervals were not cut yet, so that nothing is known of their error."""
        return sum(worst == -inf for worst, _, _ in self._queue)

    @property
    def next_cost(self) -> int:
        """The evaluations that `refine` takes, if every gradient is held."""
        return 2 * (self.unknown or min(TOGETHER, len(self._queue)))

    def refine(self, intervals: int = TOGETHER) -> None:
        """Cut every interval of unknown error into three; if there is none, the `intervals` with the largest."""
        count = self.unknown or min(intervals, len(self._queue))
        cells = [heapq.heappop(self._queue)[2] for _ in range(count)]
        again = [cell for cell in cells if cell.value is None]
        places = [(cell.start, cell.low + share * cell.width) for cell in cells for share in (1 / 6, 5 / 6)]
        found = self._slopes(places + [(cell.start, cell.middle) for cell in again])
        middles = iter(found[len(places):])
        for number, cell in enumerate(cells):
            middle = cell.value if cell.value is not None else next(middles)
            self._cut(cell, (found[2 * number], middle, found[2 * number + 1]))

    def _cut(self, cell: Interval, values: tuple[Tensor, Tensor, Tensor]) -> None:
        left, middle, right = values
        change = (left.double() + right.double() - 2 * middle.double()) * (cell.width / 3 / len(self.starts))
        self.values += change
        # |d| / sqrt(8) for the three thirds together.
        errors = tuple(float(one.norm()) / sqrt(24) for one in change)
        self._held -= 0 if cell.value is None else middle.nbytes
        for number, value in enumerate(values):
            self._push(cell.third(number, errors, self._kept(value)))

    def _push(self, cell: Interval) -> None:
        worst = max(error / max(size, 1e-30) for error, size in zip(cell.errors, self._sizes(), strict=True))
        self._made += 1
        heapq.heappush(self._queue, (-worst, self._made, cell))

    def _sizes(self) -> list[float]:
        return [float(one.norm()) for one in self.values]

    def _kept(self, value: Tensor) -> Tensor | None:
        if self._held + value.nbytes > HELD:
            return None
        self._held += value.nbytes
        return value

    def _slopes(self, places: Sequence[tuple[int, float]]) -> list[Tensor]:
        """For each (baseline, place on its path) the gradient times way, summed over channels: (K, h, w)."""
        def work(part: slice) -> Tensor:
            starts = self.starts[[index for index, _ in places[part]]]
            points, way = between(starts, self.scenes[0].image, [place for _, place in places[part]])
            return (gradients(self.scenes, points) * way[:, None]).sum(2)

        self.evaluations += len(places)
        return [one for batch in self._batches.run(len(places), work) for one in batch]


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
