"""The engine of all methods: a method computes the map of one scene; this leaves no trace."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from xaimed.attribution.scenes import Cases, Explained, Targets, scenes_of
from xaimed.errors import ModelError
from xaimed.hooks import channels_last, frozen, seeds_kept
from xaimed.scene import Scene
from xaimed.types import Attribution, Floats


@dataclass(frozen=True, eq=False)
class Map:
    """values: float32 (h, w), signed, on the scene's grid; facts: numbers; note: a problem, or empty."""

    values: Floats
    facts: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Method(ABC):
    """An attribution method: a frozen dataclass whose fields are its parameters; its repr is its caption.

    additive: the map promises to sum to the score's difference from a baseline; the facts f_input and
    f_baseline then hold the two scores. control: the map does not look at the model.
    """

    name: ClassVar[str]
    additive: ClassVar[bool] = False
    control: ClassVar[bool] = False

    @abstractmethod
    def compute(self, scene: Scene) -> Map:
        """The map of one scene; the network is frozen and gradients are switched on."""

    def attribute(self, scene: Scene) -> Map:
        """The map of one scene; facts: seconds, evaluations (images through the network); notes.

        A map with NaN has the note "not finite", one without any contrast "constant". Raises TargetError
        if the score has no gradient and the method needs one, ModelError for a layer that cannot be used.
        """
        start, counter = time.perf_counter(), _Counter(scene)
        counted = replace(scene, score=counter, chunk=_chunk(scene))
        with _traceless(scene):
            found = _in_best_layout(self, counted)
        facts = {**found.facts, "evaluations": float(counter.images), "seconds": time.perf_counter() - start}
        return Map(_checked(found.values, scene), facts, _noted(found))

    def attribute_all(self, scenes: Sequence[Scene]) -> list[Map]:
        """The map of each scene of one image; methods that can share passes between the scenes do so."""
        return [self.attribute(scene) for scene in scenes]

    def __call__(self, model: Explained, cases: Cases, targets: Targets = None) -> Attribution:
        """An Attribution with one map for each case and target, in original pixels.

        model: an xaimed model, or any nn.Module that gives class logits (B, K), with `cases` a tensor or
        array (B, C, H, W). targets: for an xaimed model the names (None: every detection above the operating
        point, or the best class); for a plain module one class index an image (None: the highest logit).
        """
        found = [(self.attribute(scene), scene, image) for scene, image in scenes_of(model, cases, targets)]
        return attribution(self, found)


def attribution(method: Method, found: list[tuple[Map, Scene, Floats]]) -> Attribution:
    """The Attribution of a method's maps, each with its scene and original image (C, H, W)."""
    return Attribution(
        method=method.name,
        caption=repr(method),
        maps=tuple(np.asarray(scene.place(map_.values), np.float32) for map_, scene, _ in found),
        cases=tuple(scene.case for _, scene, _ in found),
        targets=tuple(scene.target for _, scene, _ in found),
        notes=tuple(map_.note for map_, _, _ in found),
        facts=tuple(dict(map_.facts) for map_, _, _ in found),
        images=tuple(image for _, _, image in found),
    )


class _Counter:
    """The scene's score, counting the images that go through it."""

    def __init__(self, scene: Scene) -> None:
        self.score, self.images, self.where = scene.score, 0, f"case {scene.case}, target {scene.target}"

    def __call__(self, images: Tensor) -> Tensor:
        self.images += images.shape[0]
        scores = self.score(images)
        if scores.shape != images.shape[:1]:
            raise ModelError(
                f"{self.where}: the score of {images.shape[0]} images is {tuple(scores.shape)}; "
                "expected one number an image"
            )
        return scores


def _chunk(scene: Scene) -> int:
    # Without running statistics the images of a batch would change each other's score.
    mixing = any(
        isinstance(part, nn.modules.batchnorm._BatchNorm) and part.running_mean is None
        for part in scene.network.modules()
    )
    return 1 if mixing else max(1, scene.chunk)


@contextmanager
def _traceless(scene: Scene) -> Iterator[None]:
    with (
        seeds_kept(scene.image.device),
        torch.inference_mode(mode=False),
        torch.enable_grad(),
        frozen(scene.network),
    ):
        yield


def _in_best_layout(method: Method, scene: Scene) -> Map:
    image = scene.image.detach().clone(memory_format=torch.channels_last)
    try:
        with channels_last(scene.network):
            return method.compute(replace(scene, image=image))
    except RuntimeError as error:
        if "view size is not compatible" not in str(error):
            raise
    # The network views a feature map as rows, which only the default layout allows; the result is the same.
    plain = scene.image.detach().clone(memory_format=torch.contiguous_format)
    return method.compute(replace(scene, image=plain))


def _checked(values: Floats, scene: Scene) -> Floats:
    if values.shape != tuple(scene.image.shape[-2:]):
        raise ModelError(
            f"case {scene.case}: a map of {values.shape}; expected {tuple(scene.image.shape[-2:])}"
        )
    return np.ascontiguousarray(values, np.float32)


def _noted(found: Map) -> str:
    notes = [found.note] if found.note else []
    if not np.isfinite(found.values).all():
        notes.append("not finite")
    elif not notes and np.ptp(found.values) == 0.0:
        notes.append("constant")
    return "; ".join(notes)
