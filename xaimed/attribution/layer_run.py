"""What layers gave in one forward pass for the scenes of one image: the values, and where their cells lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor, nn

from xaimed.attribution.grid import Geometry, Grid
from xaimed.attribution.scenes import layer_of
from xaimed.errors import ModelError
from xaimed.hooks import captured
from xaimed.scene import Scene

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class LayerRun:
    """What one layer gave. members: numbers of the scenes whose layer it is.

    value: (B, K, *s) of B images, which is one for a scene; part of the graph of what followed. grid: where the cells
    lie on an image, None where that could not be followed. name, module, runs: the layer, and how often it ran; the
    last run is held.
    """

    members: tuple[int, ...]
    value: Tensor
    grid: Grid | None
    name: str
    module: nn.Module
    runs: int

    @property
    def note(self) -> str:
        """What to say of a layer that ran more than once; "" otherwise."""
        return f"layer {self.name} ran {self.runs} times, the last is explained" if self.runs > 1 else ""


def layer_runs(scenes: Sequence[Scene], layer: str | None, forward: Callable[[], T]) -> tuple[T, list[LayerRun]]:
    """What `forward`, a pass of the scenes' image, gives, and what each layer gave in it.

    layer: its name; None: each scene's own choice, or the last before it with more than one cell, for which the pass
    is run again. Raises ModelError for a layer that does not exist, does not run or gives no feature map.
    """
    chosen = [layer_of(scene, layer) for scene in scenes]
    while True:
        answer, found = ran(scenes[0].image, chosen, forward)
        single = {run.name for run in found if layer is None and run.value[0, 0].numel() == 1}
        if not single:
            return answer, found
        chosen = [layer_of(scene, None, before=name) if name in single else (name, module)
                  for scene, (name, module) in zip(scenes, chosen, strict=True)]


def ran(images: Tensor, chosen: Sequence[tuple[str, nn.Module]], forward: Callable[[], T],
        grids: dict[str, Grid | None] | None = None) -> tuple[T, list[LayerRun]]:
    """What `forward`, a pass of images (B, C, *s), gives, and what each chosen layer (name, module) gave in it.

    grids: those of the layers from an earlier pass of images of the same size; an empty one is filled. Following them
    costs as much as a seventh of a small network's pass. Raises ModelError for a layer that does not run or gives no
    feature map.
    """
    modules, grids = dict(chosen), {} if grids is None else grids
    with ExitStack() as stack:
        holders = {name: stack.enter_context(captured(module, name)) for name, module in modules.items()}
        geometry = None if grids else stack.enter_context(Geometry(images))
        answer = forward()
        if geometry is not None:
            grids.update({name: geometry.of(holder.value) for name, holder in holders.items()})
    out = []
    for name, holder in holders.items():
        _check_map(holder.value, name, images)
        members = tuple(i for i, (other, _) in enumerate(chosen) if other == name)
        out.append(LayerRun(members, holder.value, grids[name], name, modules[name], holder.runs))
    return answer, out


def _check_map(value: Tensor, layer: str, images: Tensor) -> None:
    if value.ndim != images.ndim or len(value) != len(images):
        sides = "h, w" if images.ndim == 4 else "d, h, w"
        raise ModelError(f"layer {layer} gives {tuple(value.shape)}; expected a feature map "
                         f"({len(images)}, K, {sides}): choose a convolution or a block, or use integrated_gradients")
