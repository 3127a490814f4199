"""How much of a prediction is left when pixels are removed or put back in the order of a map."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xaimed.hooks import channels_last, frozen
from xaimed.perturb import fill, masked, prefixes, ranking, steps
from xaimed.scene import Scene
from xaimed.types import Floats

LEAST = 0.01


@dataclass(frozen=True)
class Sweep:
    """How a map is walked: the fill, how many steps, and the seed of the fill."""

    fill: str
    steps: int = 16
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Curve:
    """fraction: float64 (n,), the share of tissue pixels changed, 0 to 1. left: the similarity at each."""

    fraction: NDArray[np.float64]
    left: NDArray[np.float64]

    @property
    def area(self) -> float:
        """The area under the curve by the trapezoid rule."""
        return float(np.trapezoid(self.left, self.fraction))


class Removal:
    """The similarities of one scene: those that do not depend on a map are computed once for all maps.

    A similarity is divided by that of the untouched scene. Where the untouched scene's is below 0.01 there is
    no prediction to remove, and every curve is NaN, as in a window without tissue.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._fills: dict[tuple[str, int], tuple[Tensor, float]] = {}
        self._reordered = True

    @cached_property
    def untouched(self) -> float:
        """The similarity of the untouched scene, in [0, 1]."""
        return float(self._similar(self.scene.image.detach(), self._nothing[None])[0])

    @property
    def possible(self) -> bool:
        """Whether there is tissue to remove and a prediction to lose."""
        return bool(self.scene.tissue.any()) and self.untouched >= LEAST

    def filled(self, sweep: Sweep) -> tuple[Tensor, float]:
        """The scene with all tissue replaced (1, C, h, w), and its similarity."""
        key = (sweep.fill, sweep.seed)
        if key not in self._fills:
            content = fill(self.scene.image, self.scene.tissue, sweep.fill, sweep.seed)
            self._fills[key] = (content, float(self._similar(content, self._nothing[None])[0]))
        return self._fills[key]

    def deletion(self, values: Floats, sweep: Sweep) -> Curve:
        """The curve when the highest values of a map (h, w) are replaced first."""
        return self._curve(values, sweep, insert=False)

    def insertion(self, values: Floats, sweep: Sweep) -> Curve:
        """The curve when the highest values of a map (h, w) are put back first, from all tissue replaced."""
        return self._curve(values, sweep, insert=True)

    @property
    def _nothing(self) -> Tensor:
        return torch.zeros_like(self.scene.tissue)

    def _curve(self, values: Floats, sweep: Sweep, insert: bool) -> Curve:
        if not self.possible or not np.isfinite(values).all():
            return Curve(np.array([0.0, 1.0]), np.array([math.nan, math.nan]))
        order = ranking(values, self.scene.tissue)
        sizes = steps(order.numel(), sweep.steps)
        changed = prefixes(order, sizes[1:-1], (values.shape[0], values.shape[1]))
        content, gone = self.filled(sweep)
        start, end = (content, self.scene.image.detach()) if insert else (self.scene.image.detach(), content)
        inner = self._similar(start, changed, end)
        ends = (gone, self.untouched) if insert else (self.untouched, gone)
        left = np.concatenate([ends[:1], inner, ends[1:]]) / self.untouched
        return Curve(np.asarray(sizes, np.float64) / order.numel(), left)

    def _similar(self, image: Tensor, masks: Tensor, content: Tensor | None = None) -> NDArray[np.float64]:
        """float64 (N,): the similarity of `image` with `content` where a mask of (N, h, w) is True."""
        if not len(masks):
            return np.zeros(0)
        with torch.no_grad(), frozen(self.scene.network):
            batches = masked(image, image if content is None else content, masks, self.scene.chunk)
            found = [self._evaluated(batch).double().cpu() for batch in batches]
        return np.asarray(torch.cat(found).numpy())

    def _evaluated(self, batch: Tensor) -> Tensor:
        """The similarity of a batch; on a CPU in channels-last order, which is faster, where the network can."""
        if batch.device.type != "cpu" or not self._reordered:
            return self.scene.similarity(batch)
        try:
            with channels_last(self.scene.network):
                return self.scene.similarity(batch.contiguous(memory_format=torch.channels_last))
        except RuntimeError as error:
            if "view size is not compatible" not in str(error):
                raise
        self._reordered = False
        return self.scene.similarity(batch)
