"""Grad-CAM: channels of a feature map, weighted by the mean gradient of the score.

Selvaraju RR et al. (2017) "Grad-CAM: visual explanations from deep networks via gradient-based
localization", ICCV, arXiv:1610.02391.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from xaimed.attribution.gradient import layer_gradient
from xaimed.attribution.grid import Geometry, Grid, lay
from xaimed.attribution.method import Map, Method
from xaimed.attribution.scenes import layer_of
from xaimed.errors import ModelError
from xaimed.hooks import captured
from xaimed.scene import Scene


@dataclass(frozen=True)
class GradCAM(Method):
    """Grad-CAM at a layer, laid on the image by bilinear interpolation between the centres of its cells.

    layer: a name of the scene's layers or of any module of the network; None: the last of the scene's layers.
    relu: keep positive evidence only, as published; False gives the signed map. A map that is negative
    everywhere is blank after the ReLU and has the note "all negative".
    """

    name: ClassVar[str] = "grad_cam"
    layer: str | None = None
    relu: bool = True

    def compute(self, scene: Scene) -> Map:
        """The map of one scene, from one forward pass and a backward pass to the layer only."""
        layer, module = layer_of(scene, self.layer)
        with captured(module, layer) as holder, Geometry(scene.image) as geometry:
            score = scene.score(scene.image)
            value, grid = holder.value, geometry.of(holder.value)
        _check_map(value, layer)
        weights = layer_gradient(scene, value, score, layer).mean(dim=(2, 3), keepdim=True)
        cells = (weights * value.detach()).sum(1)[0]
        facts = {
            "f_input": float(score.detach()),
            "layer_height": float(cells.shape[0]),
            "layer_width": float(cells.shape[1]),
        }
        return self._finished(scene, cells, grid, facts, _note(layer, holder.runs))

    def _finished(
        self, scene: Scene, cells: Tensor, grid: Grid | None, facts: dict[str, float], note: str
    ) -> Map:
        if self.relu and bool((cells <= 0).all()) and bool((cells < 0).any()):
            note = f"{note}; all negative".removeprefix("; ")
        if self.relu:
            cells = cells.relu()
        height, width = scene.image.shape[-2:]
        with torch.no_grad():
            values = lay(cells, grid, (height, width))
        return Map(values.float().cpu().numpy(), facts, note)


def _check_map(value: Tensor, layer: str) -> None:
    if value.ndim != 4 or value.shape[0] != 1:
        raise ModelError(
            f"layer {layer} gives {tuple(value.shape)}; expected a feature map (1, K, h, w): "
            "choose a convolution or a block"
        )


def _note(layer: str, runs: int) -> str:
    return f"layer {layer} ran {runs} times, the last is explained" if runs > 1 else ""


METHOD = GradCAM
