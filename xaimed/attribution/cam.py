"""The engine of the CAM family: a layer's feature map and the gradient of the score there, from one pass.

A method of the family says only how the two become one number a cell; the boxes of one image share the pass.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from xaimed.attribution.batch_cam import Batch
from xaimed.attribution.gradient import SharedPass, layer_gradient, unused_layer
from xaimed.attribution.grid import lay
from xaimed.attribution.layer_run import LayerRun, layer_runs
from xaimed.attribution.method import Map, Method
from xaimed.attribution.scenes import (
    Cases,
    Explained,
    HasScenes,
    Images,
    Targets,
    class_indices,
    image_batch,
    layer_of,
    scenes_of,
)
from xaimed.scene import Scene
from xaimed.types import Attribution


@dataclass(frozen=True, eq=False)
class CamPass:
    """What one pass gives for one scene.

    run: what the layer gave. gradient: of the score with respect to it, (1, K, *s). score: the scene's score.
    """

    run: LayerRun
    gradient: Tensor
    score: float

    @property
    def value(self) -> Tensor:
        """(1, K, *s): the layer's output."""
        return self.run.value.detach()


def cam_pass(scene: Scene, layer: str | None) -> CamPass:
    """The pass of one scene at a layer (None: the scene's own choice): one forward, and a backward to the layer only.

    Raises ModelError for a layer that does not exist, does not run or gives no feature map, TargetError for a score
    without gradient.
    """
    score, (run,) = layer_runs([scene], layer, lambda: scene.score(scene.image))
    gradient = layer_gradient(scene, run.value, score, run.name)
    return CamPass(run, gradient, float(score.detach()))


def cam_passes(scenes: Sequence[Scene], layer: str | None) -> list[CamPass]:
    """The passes of scenes that share a joint, as `cam_pass` gives them one by one, from one forward pass for all."""
    joint = scenes[0].joint
    if joint is None:
        return [cam_pass(scene, layer) for scene in scenes]
    shared, runs = layer_runs(scenes, layer, lambda: SharedPass(joint, scenes[0].image))
    out: dict[int, CamPass] = {}
    for run in runs:
        found = _of_layer(shared, [scenes[i] for i in run.members], run)
        out.update(zip(run.members, found, strict=True))
    return [out[i] for i in range(len(scenes))]


def _of_layer(shared: SharedPass, scenes: Sequence[Scene], run: LayerRun) -> list[CamPass]:
    scores, gradients = shared.gradients(scenes, run.value)
    out = []
    for scene, score, gradient in zip(scenes, scores, gradients, strict=True):
        if gradient is None:
            raise unused_layer(scene, run.name)
        out.append(CamPass(run, gradient, float(score)))
    return out


@dataclass(frozen=True)
class CamMethod(Method):
    """A method that turns a feature map and its gradient into one number a cell.

    layer: a name of the scene's layers or of any module of the network; None: the scene's own choice, which is the
    last of its layers or, for a box of a detector with a feature pyramid, the level that the box was pooled from; where
    that gives a single cell, the last before it that gives more.
    relu: keep positive evidence only, as published; False gives the signed map. A map that is negative
    everywhere is blank after the ReLU and has the note "all negative".
    """

    volumes: ClassVar[bool] = True
    layer: str | None = None
    relu: bool = True

    @abstractmethod
    def cells(self, value: Tensor, gradient: Tensor) -> Tensor:
        """(B, *s): the signed map on the cells of feature maps (B, K, *s) with their gradients."""

    def compute(self, scene: Scene) -> Map:
        """The map of one scene, from one forward pass and a backward pass to the layer only."""
        return self._map(scene, cam_pass(scene, self.layer))

    def compute_all(self, scenes: Sequence[Scene]) -> list[Map]:
        """The maps of scenes that share a joint, from one forward pass."""
        found = cam_passes(scenes, self.layer)
        return [self._map(scene, one) for scene, one in zip(scenes, found, strict=True)]

    def __call__(self, model: Explained, cases: Cases, targets: Targets = None) -> Attribution:
        """As `Method` has it; the images of a plain network share passes, so that many cost less than one by one."""
        found = None
        if isinstance(model, nn.Module) and not isinstance(model, HasScenes) and isinstance(cases, Tensor | np.ndarray):
            found = self._batch(model, cases, targets)
        return super().__call__(model, cases, targets) if found is None else found

    def _batch(self, network: nn.Module, cases: Images, targets: Targets) -> Attribution | None:
        images = image_batch(network, cases)
        classes = class_indices(targets, len(images))
        if (images.ndim == 5 and not self.volumes) or not isinstance(self.layer, str | None):
            return None
        # The layer of a name that is wrong is None; the pass of one scene names the nearest.
        layer = self._first_layer(network, images) if self.layer is None else (
            self.layer, dict(network.named_modules()).get(self.layer))
        if not layer[0] or layer[1] is None:
            return None
        batch = Batch(network, images, (layer[0], layer[1]), classes, partial(self._draw, size=images.shape[2:]))
        try:
            maps = batch.maps()
        except RuntimeError:
            # Where the network does not take such images, the pass of one says so.
            next(scenes_of(network, images[:1], [0]))
            raise
        if maps is None:
            return None
        return Attribution(
            method=self.name, caption=repr(self), maps=tuple(one.values for one, _ in maps),
            cases=tuple(f"image{number}" for number in range(len(maps))),
            targets=tuple(str(index) for _, index in maps), notes=tuple(one.note for one, _ in maps),
            facts=tuple(dict(one.facts) for one, _ in maps),
            images=tuple(image.float().cpu().numpy() for image in images))

    @staticmethod
    def _first_layer(network: nn.Module, images: Tensor) -> tuple[str, nn.Module]:
        scene, _ = next(scenes_of(network, images[:1], [0]))
        return layer_of(scene, None)

    def _draw(self, run: LayerRun, gradient: Tensor, scores: Tensor, size: torch.Size) -> list[Map]:
        with torch.no_grad():
            cells = self.cells(run.value.detach(), gradient)
        return [laid_cells(size, one, run, score, self.relu) for one, score in zip(cells, scores.tolist(), strict=True)]

    def _map(self, scene: Scene, found: CamPass) -> Map:
        with torch.no_grad():
            cells = self.cells(found.value, found.gradient)[0]
        return laid_map(scene, cells, found.run, found.score, self.relu)


def laid_map(scene: Scene, cells: Tensor, run: LayerRun, score: float, relu: bool) -> Map:
    """The map of a scene from the signed cells (*s) of a layer, as `laid_cells` gives it."""
    return laid_cells(scene.image.shape[2:], cells, run, score, relu)


def laid_cells(size: Sequence[int], cells: Tensor, run: LayerRun, score: float, relu: bool) -> Map:
    """The map of an image of `size` from signed cells (*s): rectified if `relu`, laid on the image, noted."""
    note = run.note
    if relu and bool((cells <= 0).all()) and bool((cells < 0).any()):
        note = f"{note}; all negative".removeprefix("; ")
    with torch.no_grad():
        values = lay(cells.relu() if relu else cells, run.grid, size)
    sides = ("layer_depth", "layer_height", "layer_width")[-cells.ndim:]
    facts = {"f_input": score, **{side: float(extent) for side, extent in zip(sides, cells.shape, strict=True)}}
    return Map(values.float().cpu().numpy(), facts, note)
