"""What is asked of a layer without its gradient: its output, its strongest channels, and what replacing it does."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from xaimed.attribution.gradient import chunks, joint_scores
from xaimed.attribution.layer_run import LayerRun, layer_runs
from xaimed.scene import Scene

# A network's first feature map has some 16 planes an image or more, so as much memory may be used behind the layer.
PLANES = 16


def strongest(strength: Tensor, count: int) -> Tensor:
    """int64 (n,), rising: the channels with the largest strength (K,), at most `count` of them (0: all).

    Channels of strength 0 are left out.
    """
    order = torch.sort(strength, descending=True, stable=True).indices
    order = order[strength[order] > 0]
    return (order[:count] if count else order).sort().values


@dataclass(frozen=True, eq=False)
class Held:
    """A layer's output in one forward pass without gradient, for n scenes of one image.

    scenes: the n scenes. run: what the layer gave. full: (n,), the scores of the image.
    """

    scenes: tuple[Scene, ...]
    run: LayerRun
    full: Tensor

    @property
    def value(self) -> Tensor:
        """(1, K, *s): the layer's output."""
        return self.run.value

    def scores(self, images: Tensor) -> Tensor:
        """(B, n) without gradient: the scores of images (B, C, h, w), in chunks of the scene."""
        with torch.no_grad():
            parts = chunks(len(images), self.scenes[0].chunk)
            return torch.cat([joint_scores(self.scenes, images[part]) for part in parts])

    def replaced(self, values: Callable[[slice], Tensor], count: int) -> Tensor:
        """(count, n) without gradient: the scores of the image with the layer's output replaced.

        values: a slice of range(count) to (B, K, *s), each of which stands for the output (1, K, *s). What lies before
        the layer is computed once a slice where torch can vectorise the network behind the layer (torch.func.vmap),
        and once a value otherwise; the scores are the same.
        """
        narrow = self.scenes[0].chunk
        wide = narrow * max(1, PLANES * self.scenes[0].image[0, 0].numel() // self.value.numel())
        with torch.no_grad():
            try:
                return torch.cat([self._vectorised(values(part)) for part in chunks(count, wide)])
            except (RuntimeError, ValueError, NotImplementedError):
                # An operation behind the layer that torch cannot vectorise; a true error comes again here.
                return torch.cat([self._repeated(values(part)) for part in chunks(count, narrow)])

    def _vectorised(self, values: Tensor) -> Tensor:
        image = self.scenes[0].image

        def one(value: Tensor) -> Tensor:
            with _replaced(self.run.module, self.run.runs, value[None]):
                return joint_scores(self.scenes, image)[0]

        with warnings.catch_warnings():
            # For a single operation, such as RoI pooling, torch falls back to a loop and says so.
            warnings.filterwarnings("ignore", message=".*batching rule.*")
            scores: Tensor = torch.func.vmap(one, randomness="same")(values)
        return scores

    def _repeated(self, values: Tensor) -> Tensor:
        image = self.scenes[0].image
        with _replaced(self.run.module, self.run.runs, values):
            return joint_scores(self.scenes, image.expand(len(values), *image.shape[1:]))


def held(scenes: Sequence[Scene], layer: str | None) -> list[Held]:
    """What scenes of one image, each alone or all with one joint, hold at a layer: one Held a layer.

    layer: its name; None: each scene's own choice, or the last before it with more than one cell. Raises ModelError
    for a layer that does not exist, does not run or gives no feature map.
    """
    with torch.no_grad():
        full, runs = layer_runs(scenes, layer, lambda: joint_scores(scenes, scenes[0].image)[0])
    return [Held(tuple(scenes[i] for i in run.members), replace(run, value=run.value.detach()), full[list(run.members)])
            for run in runs]


@contextmanager
def _replaced(module: nn.Module, run: int, value: Tensor) -> Iterator[None]:
    done = 0

    def hook(_: nn.Module, __: object, ___: object) -> Tensor | None:
        nonlocal done
        done += 1
        return value.clone() if done == run else None

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
