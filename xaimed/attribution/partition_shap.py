"""Partition SHAP: Owen values over a hierarchy of rectangles, refined where the score depends on the image.

Owen G (1977) "Values of games with a priori unions", Essays in Mathematical Economics and Game Theory, 76-88;
applied to images by the partition explainer of the library shap.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from xaimed.attribution.baseline import baseline
from xaimed.attribution.method import Map
from xaimed.attribution.perturbation import Outputs, Perturbation
from xaimed.attribution.regions import additive_facts
from xaimed.errors import PlanError
from xaimed.perturb import shown

ROUND = 4


class Rectangle(NamedTuple):
    """Rows y0 to y1 and columns x0 to x1 of the image."""

    y0: int
    y1: int
    x0: int
    x1: int

    @property
    def inside(self) -> tuple[slice, slice]:
        """The index of its pixels."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def halves(self) -> tuple[Rectangle, Rectangle]:
        """The two halves across the longer side."""
        if self.y1 - self.y0 >= self.x1 - self.x0:
            middle = (self.y0 + self.y1) // 2
            return self._replace(y1=middle), self._replace(y0=middle)
        middle = (self.x0 + self.x1) // 2
        return self._replace(x1=middle), self._replace(x0=middle)


@dataclass(frozen=True, eq=False)
class Node:
    """A rectangle on top of others that are seen: the outputs without and with it, and its share of all orders."""

    rectangle: Rectangle
    seen: tuple[Rectangle, ...]
    without: float
    with_it: float
    share: float

    @property
    def gain(self) -> float:
        """What the rectangle adds here, times the share."""
        return (self.with_it - self.without) * self.share


@dataclass(frozen=True)
class PartitionSHAP(Perturbation):
    """Owen values of rectangles that are halved again and again, largest gain first; the sum is exact.

    evaluations: how many masked images at most. smallest: rectangles of a side of so many pixels are not
    halved. baseline: "black", "blur", "tissue_median" or "noise". seed: of the noise. A rectangle that was not
    halved, for want of evaluations or gain, spreads its value evenly over the pixels that the baseline changes.
    """

    name: ClassVar[str] = "partition_shap"
    additive: ClassVar[bool] = True
    evaluations: int = 256
    smallest: int = 1
    baseline: str = "blur"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.evaluations < 2 or self.smallest < 1:
            raise PlanError(
                f"partition_shap: evaluations {self.evaluations}, smallest {self.smallest}; expected "
                "evaluations >= 2 and smallest >= 1"
            )

    def maps(self, outputs: Outputs) -> list[Map]:
        """The map of each column; facts: exact (1 or 0), completeness_error, f_input, f_baseline.

        Which rectangles are halved depends on the column, so that the columns share no masked images.
        """
        content = baseline(outputs.scene, self.baseline, self.seed)
        return [_Hierarchy(outputs, content, column).map(self) for column in range(outputs.size)]


class _Hierarchy:
    """The halving of one image for one column of the outputs."""

    def __init__(self, outputs: Outputs, content: Tensor, column: int) -> None:
        self.outputs, self.content, self.column = outputs, content, column
        self.differs = (content != outputs.scene.image).any(1)[0].cpu().numpy()
        self.plane = np.zeros(self.differs.shape)
        self.heap: list[tuple[float, int, Node]] = []
        self.used, self.pushed, self.complete = 0, 0, True

    def map(self, method: PartitionSHAP) -> Map:
        height, width = self.differs.shape
        whole = Rectangle(0, height, 0, width)
        empty, full = self._worth([(), (whole,)])
        self._push(Node(whole, (), empty, full, 1.0))
        while self.heap:
            room = (method.evaluations - self.used) // 2
            nodes = [heapq.heappop(self.heap)[2] for _ in range(min(max(1, min(ROUND, room)), len(self.heap)))]
            split = [node for node in nodes if room and not self._whole(node, method.smallest)]
            self.complete &= room > 0 or all(self._whole(node, method.smallest) for node in nodes)
            for node in nodes:
                if node not in split:
                    self._spread(node)
            self._split(split)
        values = self.plane.astype(np.float32)
        return Map(values, {"exact": float(self.complete), **additive_facts(values, full, empty)})

    def _whole(self, node: Node, smallest: int) -> bool:
        """Whether a rectangle is not to be halved: small, with one pixel that counts, or not finite."""
        y0, y1, x0, x1 = node.rectangle
        few = self.differs[node.rectangle.inside].sum() <= 1
        return bool(few) or max(y1 - y0, x1 - x0) <= smallest or not np.isfinite(node.gain)

    def _split(self, nodes: list[Node]) -> None:
        # A half in which the baseline shows the same as the image changes nothing and is not asked for.
        halves = {node: [half for half in node.rectangle.halves() if self.differs[half.inside].any()] for node in nodes}
        both = [node for node in nodes if len(halves[node]) == 2]
        found = iter(self._worth([(*node.seen, half) for node in both for half in halves[node]]))
        for node in nodes:
            if len(halves[node]) == 2:
                for child in _children(node, next(found), next(found)):
                    self._push(child)
            else:
                self._push(replace(node, rectangle=halves[node][0]))

    def _push(self, node: Node) -> None:
        self.pushed += 1
        # Nodes of equal gain come in the order in which they were found; one that is not finite comes first.
        order = -abs(node.gain) if np.isfinite(node.gain) else -np.inf
        heapq.heappush(self.heap, (order, self.pushed, node))

    def _spread(self, node: Node) -> None:
        inside, changed = self.plane[node.rectangle.inside], self.differs[node.rectangle.inside]
        inside[changed if changed.any() else np.ones_like(changed)] += node.gain / (changed.sum() or changed.size)

    def _worth(self, seen: list[tuple[Rectangle, ...]]) -> list[float]:
        self.used += len(seen)
        if not seen:
            return []
        masks = np.zeros((len(seen), *self.differs.shape), bool)
        for mask, rectangles in zip(masks, seen, strict=True):
            for rectangle in rectangles:
                mask[rectangle.inside] = True
        images = shown(self.outputs.scene.image, self.content, torch.from_numpy(masks).to(self.content.device))
        return [float(value) for value in self.outputs(images)[:, self.column]]


def _children(node: Node, first: float, second: float) -> Iterator[Node]:
    """Each half, with the other half seen or not: half of the orders each."""
    one, other = node.rectangle.halves()
    share = node.share / 2
    yield Node(one, node.seen, node.without, first, share)
    yield Node(other, node.seen, node.without, second, share)
    yield Node(one, (*node.seen, other), second, node.with_it, share)
    yield Node(other, (*node.seen, one), first, node.with_it, share)


METHOD = PartitionSHAP
