"""How much of a prediction is left when pixels are removed or put back in the order of a map."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xaimed.hooks import channels_last, frozen
from xaimed.perturb import fill, grid_regions, masked, prefixes, ranking, steps
from xaimed.scene import Scene
from xaimed.types import Floats

LEAST = 0.01


@dataclass(frozen=True)
class Sweep:
    """How a map is walked: the fill, how many steps, the seed of the fill, and in what parts.

    regions: 0 ranks pixels; else about so many squares of the tissue, by the mean of the map in each.
    """

    fill: str
    steps: int = 16
    seed: int = 0
    regions: int = 0


@dataclass(frozen=True, eq=False)
class Curve:
    """fraction: float64 (n,), the share of tissue pixels changed, 0 to 1. left: the similarity at each."""

    fraction: NDArray[np.float64]
    left: NDArray[np.float64]

    @property
    def area(self) -> float:
        """The area under the curve by the trapezoid rule."""
        return float(np.trapezoid(self.left, self.fraction))


@dataclass(frozen=True)
class Patches:
    """Squares of the tissue: how many, the side as a share of the longer side of the scene, the fill, the seed."""

    count: int = 32
    side: float = 0.15
    fill: str = "tissue_median"
    seed: int = 0

    def drawn(self, tissue: Tensor) -> Tensor:
        """bool (count, h, w): squares whose centres are pixels of the tissue, cut to the tissue."""
        generator = torch.Generator().manual_seed(self.seed)
        places = tissue.cpu().nonzero()
        centres = places[torch.randint(len(places), (self.count,), generator=generator)]
        half = max(1, round(self.side * max(tissue.shape) / 2))
        rows, columns = (torch.arange(n)[None] - centres[:, i, None] for i, n in enumerate(tissue.shape))
        squares = (rows.abs() <= half)[:, :, None] & (columns.abs() <= half)[:, None, :]
        return squares.to(tissue.device) & tissue


@dataclass(frozen=True, eq=False)
class Drops:
    """masks: bool (n, h, w), the squares. fall: float64 (n,), by how much the score falls without each."""

    masks: Tensor
    fall: NDArray[np.float64]


def by_region(values: Floats, tissue: Tensor, count: int) -> Floats:
    """float32 (h, w): the mean of a map (h, w) in each of about `count` squares of the tissue; 0 in air.

    Pixels removed here and there disturb a network whatever they show, so that a grainy map that knows nothing loses
    the prediction as fast as the truth does. Whole squares leave room between the two.
    """
    labels = grid_regions(values.shape[0], values.shape[1], tissue, count).cpu().numpy()
    inside = labels >= 0
    sums, sizes = (np.bincount(labels[inside], weights) for weights in (values[inside].astype(np.float64), None))
    return np.where(inside, (sums / np.maximum(sizes, 1))[labels], 0).astype(np.float32)


class Removal:
    """The similarities of one scene: those that do not depend on a map are computed once for all maps.

    A similarity is divided by that of the untouched scene; passes counts the images that went through the model.
    A curve that two metrics ask for (deletion and SRG) runs once. Where the untouched scene's is below 0.01 there is
    no prediction to remove, and every curve is NaN, as in a window without tissue.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.passes = 0
        self._fills: dict[tuple[str, int], tuple[Tensor, float]] = {}
        self._curves: dict[tuple[bytes, Sweep, bool], Curve] = {}
        self._drops: dict[Patches, Drops] = {}
        self._reordered = True

    @cached_property
    def untouched(self) -> float:
        """The similarity of the untouched scene, in [0, 1]."""
        return float(self.similar(self.scene.image.detach(), self._nothing[None])[0])

    @property
    def possible(self) -> bool:
        """Whether there is tissue to remove and a prediction to lose."""
        return bool(self.scene.tissue.any()) and self.untouched >= LEAST

    @cached_property
    def gradient(self) -> Tensor | None:
        """The gradient of the score at the untouched image, of its shape; None for a score that has none."""
        leaf = self.scene.image.detach().clone().requires_grad_()
        with torch.enable_grad(), frozen(self.scene.network):
            score = self.scene.score(leaf)
            return torch.autograd.grad(score.sum(), leaf, allow_unused=True)[0] if score.requires_grad else None

    def filled(self, sweep: Sweep) -> tuple[Tensor, float]:
        """The scene with all tissue replaced (1, C, h, w), and its similarity."""
        key = (sweep.fill, sweep.seed)
        if key not in self._fills:
            content = fill(self.scene.image, self.scene.tissue, sweep.fill, sweep.seed)
            self._fills[key] = (content, float(self.similar(content, self._nothing[None])[0]))
        return self._fills[key]

    def deletion(self, values: Floats, sweep: Sweep) -> Curve:
        """The curve when the highest values of a map (h, w) are replaced first."""
        return self._once(values, sweep, insert=False)

    def insertion(self, values: Floats, sweep: Sweep) -> Curve:
        """The curve when the highest values of a map (h, w) are put back first, from all tissue replaced."""
        return self._once(values, sweep, insert=True)

    def drops(self, patches: Patches) -> Drops:
        """The squares of `patches` and how far the score falls where each is replaced; the same for all maps."""
        if patches not in self._drops:
            masks = patches.drawn(self.scene.tissue)
            content = self.filled(Sweep(patches.fill, seed=patches.seed))[0]
            image = self.scene.image.detach()
            scores = self._run(self.scene.score, masked(image, content, masks, self.scene.chunk))
            whole = self._run(self.scene.score, iter([image]))
            self._drops[patches] = Drops(masks, whole[0] - scores)
        return self._drops[patches]

    def seen(self, batches: Iterator[Tensor]) -> NDArray[np.float64]:
        """float64 (N,): the similarity of every image of the batches (B, C, h, w), divided by the untouched one."""
        return self._run(self.scene.similarity, batches) / self.untouched

    @property
    def _nothing(self) -> Tensor:
        return torch.zeros_like(self.scene.tissue)

    def _once(self, values: Floats, sweep: Sweep, insert: bool) -> Curve:
        key = (hashlib.sha256(np.ascontiguousarray(values).tobytes()).digest(), sweep, insert)
        if key not in self._curves:
            self._curves[key] = self._curve(values, sweep, insert)
        return self._curves[key]

    def _curve(self, values: Floats, sweep: Sweep, insert: bool) -> Curve:
        if not self.possible or not np.isfinite(values).all():
            return Curve(np.array([0.0, 1.0]), np.array([math.nan, math.nan]))
        ranked = values if sweep.regions < 1 else by_region(values, self.scene.tissue, sweep.regions)
        order = ranking(ranked, self.scene.tissue)
        sizes = steps(order.numel(), sweep.steps)
        changed = prefixes(order, sizes[1:-1], (values.shape[0], values.shape[1]))
        content, gone = self.filled(sweep)
        start, end = (content, self.scene.image.detach()) if insert else (self.scene.image.detach(), content)
        inner = self.similar(start, changed, end)
        ends = (gone, self.untouched) if insert else (self.untouched, gone)
        left = np.concatenate([ends[:1], inner, ends[1:]]) / self.untouched
        return Curve(np.asarray(sizes, np.float64) / order.numel(), left)

    def similar(self, image: Tensor, masks: Tensor, content: Tensor | None = None) -> NDArray[np.float64]:
        """float64 (N,): the similarity of `image` with `content` where a mask of (N, h, w) is True, undivided."""
        batches = masked(image, image if content is None else content, masks, self.scene.chunk)
        return self._run(self.scene.similarity, batches)

    def _run(self, function: Callable[[Tensor], Tensor], batches: Iterator[Tensor]) -> NDArray[np.float64]:
        with torch.no_grad(), frozen(self.scene.network):
            found = [self._evaluated(function, batch).double().cpu() for batch in batches if len(batch)]
        self.passes += sum(map(len, found))
        return np.asarray(torch.cat(found).numpy()) if found else np.zeros(0)

    def _evaluated(self, function: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
        """The values of a batch; on a CPU in channels-last order, which is faster, where the network can."""
        if batch.device.type != "cpu" or not self._reordered:
            return function(batch)
        try:
            with channels_last(self.scene.network):
                return function(batch.contiguous(memory_format=torch.channels_last))
        except RuntimeError as error:
            if "view size is not compatible" not in str(error):
                raise
        self._reordered = False
        return function(batch)
