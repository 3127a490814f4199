"""Maps of many images of a plain network: one pass for several images, in the layout that is fastest for them.

Images of one network do not meet in it, so the gradient of the sum of their scores is the gradient of each. What is
out of the ordinary is left to the passes of one scene, which say what is wrong: None stands for that here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn

from xaimed.attribution.grid import Grid
from xaimed.attribution.layer_run import LayerRun, ran
from xaimed.attribution.memory import Batches
from xaimed.attribution.method import Map
from xaimed.hooks import channels_last, frozen, seeds_kept

# Activations of so many pixels still fit the cache: four images of 224 pixels, one of 512.
PIXELS = 2**18
# Turning a weight into another layout and back costs as much as this share of a pixel's pass saves.
PIXELS_A_WEIGHT = 1 / 64

Draw = Callable[[LayerRun, Tensor, Tensor], list[Map]]


@dataclass(frozen=True, eq=False)
class Batch:
    """Images (N, C, *s) of one network with a layer (name, module) and a class index each, or None for the best.

    draw: what the layer gave for a chunk (B, K, *s), the gradients there and the scores (B,), to B maps.
    """

    network: nn.Module
    images: Tensor
    layer: tuple[str, nn.Module]
    classes: tuple[int, ...] | None
    draw: Draw
    _grids: dict[str, Grid | None] = field(default_factory=dict, init=False)

    def maps(self) -> list[tuple[Map, int]] | None:
        """The map of each image with its class, or None where something calls for the passes of one scene."""
        with _traceless(self.network, self.images.device):
            for wide in (True, False):
                try:
                    return self._laid_out(wide and self._pays())
                except RuntimeError as error:
                    # The network views a feature map as rows, which only the default layout allows.
                    if not wide or "view size is not compatible" not in str(error):
                        raise
        return None

    def _pays(self) -> bool:
        weights = sum(weight.numel() for weight in self.network.parameters())
        return self.images[:, 0].numel() > weights * PIXELS_A_WEIGHT

    def _laid_out(self, moved: bool) -> list[tuple[Map, int]] | None:
        layout = torch.channels_last if self.images.ndim == 4 else torch.channels_last_3d
        chunks = math.ceil(len(self.images) / self._most())
        batches = Batches(math.ceil(len(self.images) / chunks))
        with channels_last(self.network) if moved else nullcontext():
            parts = batches.run(len(self.images), lambda part: self._part(
                part, layout if moved else torch.contiguous_format))
        return None if any(part is None for part in parts) else [pair for part in parts if part for pair in part]

    def _most(self) -> int:
        # Without running statistics the images of a batch would change each other's score.
        mixing = any(isinstance(part, nn.modules.batchnorm._BatchNorm) and part.running_mean is None
                     for part in self.network.modules())
        return 1 if mixing else max(1, PIXELS // self.images[0, 0].numel())

    def _part(self, part: slice, layout: torch.memory_format) -> list[tuple[Map, int]] | None:
        start, images = time.perf_counter(), self.images[part].clone(memory_format=layout)
        logits, (run,) = ran(images, [self.layer], lambda: self.network(images), self._grids)
        classes = self._classes(logits, part)
        if classes is None:
            return None
        scores = logits[torch.arange(len(images)), classes]
        if not bool(torch.isfinite(scores).all()):
            return None
        gradient: Tensor | None = torch.autograd.grad(scores.sum(), run.value, allow_unused=True)[0]
        if gradient is None:
            return None
        maps = self.draw(run, gradient, scores.detach())
        if not all(np.isfinite(one.values).all() for one in maps):
            return None
        cost = {"evaluations": 1.0, "seconds": (time.perf_counter() - start) / len(images)}
        return [(replace(one, facts={**one.facts, **cost}, note=one.note or _flat(one)), index)
                for one, index in zip(maps, classes.tolist(), strict=True)]

    def _classes(self, logits: object, part: slice) -> Tensor | None:
        """int64 (B,): the class of each image; None for a network that gives no differentiable logits (B, K)."""
        if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != part.stop - part.start:
            return None
        if not logits.requires_grad:
            return None
        chosen = logits.argmax(1) if self.classes is None else torch.tensor(self.classes[part], device=logits.device)
        return chosen if bool(((chosen >= 0) & (chosen < logits.shape[1])).all()) else None


def _flat(found: Map) -> str:
    return "constant" if np.ptp(found.values) == 0.0 else ""


@contextmanager
def _traceless(network: nn.Module, device: torch.device) -> Iterator[None]:
    with seeds_kept(device), torch.inference_mode(mode=False), torch.enable_grad(), frozen(network):
        yield
