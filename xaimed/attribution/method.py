"""The engine of all methods: a method computes the map of one scene; this leaves no trace."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from xaimed.attribution.layers import nan_origin
from xaimed.attribution.scenes import Cases, Explained, Targets, grouped
from xaimed.errors import InputError, ModelError
from xaimed.hooks import channels_last, frozen, seeds_kept
from xaimed.registry import load, names
from xaimed.scene import Scene
from xaimed.types import Attribution, Floats

T = TypeVar("T")
Score = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Map:
    """values: float32 (h, w), or (d, h, w) of a volume, signed, on the scene's grid; facts: numbers.

    note: a problem, or empty.
    """

    values: Floats
    facts: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Method(ABC):
    """An attribution method: a frozen dataclass whose fields are its parameters; its repr is its caption.

    additive: the map promises to sum to the score's difference from a baseline; the facts f_input and
    f_baseline then hold the two scores. control: the map does not look at the model. discriminative: the map of
    another target of the same image is another one. volumes: it explains volumes (1, C, d, h, w) too. label: what the
    note of every map says. extra: the extra of xaimed that brings a package it needs.
    """

    name: ClassVar[str]
    additive: ClassVar[bool] = False
    control: ClassVar[bool] = False
    discriminative: ClassVar[bool] = True
    volumes: ClassVar[bool] = False
    label: ClassVar[str] = ""
    extra: ClassVar[str] = ""

    @abstractmethod
    def compute(self, scene: Scene) -> Map:
        """The map of one scene; the network is frozen and gradients are switched on."""

    def compute_all(self, scenes: Sequence[Scene]) -> list[Map]:
        """The maps of scenes that share a joint; a method that can share passes between them overrides this."""
        return [self.compute(scene) for scene in scenes]

    def attribute(self, scene: Scene) -> Map:
        """The map of one scene; facts: seconds, evaluations (images through the network); notes.

        A map with NaN has the note "not finite" with the layer where that began, one without any contrast "constant".
        Raises TargetError if the score has no gradient and the method needs one, ModelError for a layer that cannot be
        used, InputError for a volume if the method explains images only.
        """
        self._check_axes(scene)
        return _attributed([scene], lambda some: [self.compute(some[0])])[0]

    def attribute_all(self, scenes: Sequence[Scene]) -> list[Map]:
        """The map of each scene of one image; those with the same joint share passes if the method can.

        Each then has its share of the seconds and evaluations, so that sums over the maps are right.
        """
        if type(self).compute_all is Method.compute_all:
            return [self.attribute(scene) for scene in scenes]
        self._check_axes(*scenes)
        sharing: dict[int, list[int]] = {}
        for index, scene in enumerate(scenes):
            sharing.setdefault(id(scene if scene.joint is None else scene.joint), []).append(index)
        out: dict[int, Map] = {}
        for members in sharing.values():
            some = [scenes[index] for index in members]
            maps = [self.attribute(some[0])] if some[0].joint is None else _attributed(some, self.compute_all)
            out.update(zip(members, maps, strict=True))
        return [out[index] for index in range(len(scenes))]

    def _check_axes(self, *scenes: Scene) -> None:
        volume = next((scene for scene in scenes if scene.image.ndim == 5), None)
        if volume is None or self.volumes:
            return
        able = [name for name in names("attribution") if load("attribution", name).METHOD.volumes]
        raise InputError(f"case {volume.case} is a volume {tuple(volume.image.shape)}; {self.name} explains images "
                         f"(1, C, h, w): use {', '.join(able)}")

    def __call__(self, model: Explained, cases: Cases, targets: Targets = None) -> Attribution:
        """An Attribution with one map for each case and target, in original pixels.

        model: an xaimed model, or any nn.Module that gives class logits (B, K), with `cases` a tensor or array
        (B, C, H, W), or (B, C, D, H, W) for volumes, or a list of images (C, H, W) of any sizes. targets: for an
        xaimed model the names (None: every detection at or above the operating point, else the best one, or the best
        class); for a plain module one class index an image (None: the highest logit).
        """
        found: list[tuple[Map, Scene, Floats]] = []
        for _, pairs in grouped(model, cases, targets):
            maps = self.attribute_all([scene for scene, _ in pairs])
            found += [(map_, scene, image) for map_, (scene, image) in zip(maps, pairs, strict=True)]
        return attribution(self, found)


def attribution(method: Method, found: list[tuple[Map, Scene, Floats]]) -> Attribution:
    """The Attribution of a method's maps, each with its scene and original image (C, H, W)."""
    return Attribution(
        method=method.name,
        caption=repr(method),
        maps=tuple(np.asarray(scene.laid(map_.values, method.additive), np.float32) for map_, scene, _ in found),
        cases=tuple(scene.case for _, scene, _ in found),
        targets=tuple(scene.target for _, scene, _ in found),
        notes=tuple(map_.note for map_, _, _ in found),
        facts=tuple(dict(map_.facts) for map_, _, _ in found),
        images=tuple(image for _, _, image in found),
    )


Work = Callable[[Sequence[Scene]], list[Map]]


def _attributed(scenes: Sequence[Scene], work: Work) -> list[Map]:
    """The maps of one scene, or of several with the same joint, checked, with time and evaluations shared out."""
    start, counter = time.perf_counter(), _Counter()
    with _traceless(scenes[0]):
        found = _in_best_layout(work, _counted(scenes, counter))
        notes = [_noted(one, scene) for one, scene in zip(found, scenes, strict=True)]
    cost = {"evaluations": counter.images / len(scenes), "seconds": (time.perf_counter() - start) / len(scenes)}
    return [Map(_checked(one.values, scene), {**one.facts, **cost}, note)
            for one, scene, note in zip(found, scenes, notes, strict=True)]


class _Counter:
    """Counts the images that go through a network."""

    def __init__(self) -> None:
        self.images = 0

    def of(self, function: Callable[[Tensor], T]) -> Callable[[Tensor], T]:
        """The same function, counted."""

        def call(images: Tensor) -> T:
            answer = function(images)
            # A batch that did not fit into memory was not computed.
            self.images += images.shape[0]
            return answer

        return call


def _counted(scenes: Sequence[Scene], counter: _Counter) -> list[Scene]:
    joint = scenes[0].joint
    if joint is not None:
        stages = joint.stages and replace(joint.stages, features=counter.of(joint.stages.features))
        joint = replace(joint, scores=_numbers(counter.of(joint.scores), scenes[0], (joint.size,)), stages=stages,
                        similarities=counter.of(joint.similarities))
    return [replace(scene, score=_numbers(counter.of(scene.score), scene, ()), chunk=_chunk(scene), joint=joint,
                    similarity=counter.of(scene.similarity),
                    evidence=scene.evidence and counter.of(scene.evidence)) for scene in scenes]


def _numbers(score: Score, scene: Scene, shape: tuple[int, ...]) -> Score:
    """The same score, which raises ModelError unless it gives numbers of `shape` for each image."""

    def call(images: Tensor) -> Tensor:
        scores = score(images)
        if scores.shape != (len(images), *shape):
            raise ModelError(
                f"case {scene.case}, target {scene.target}: the score of {len(images)} images is "
                f"{tuple(scores.shape)}; expected {'x'.join(map(str, shape)) or 'one'} number an image"
            )
        return scores

    return call


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


def _in_best_layout(work: Work, scenes: Sequence[Scene]) -> list[Map]:
    layout = torch.channels_last if scenes[0].image.ndim == 4 else torch.channels_last_3d
    try:
        with channels_last(scenes[0].network):
            return work(_laid_out(scenes, layout))
    except RuntimeError as error:
        if "view size is not compatible" not in str(error):
            raise
    # The network views a feature map as rows, which only the default layout allows; the result is the same.
    return work(_laid_out(scenes, torch.contiguous_format))


def _laid_out(scenes: Sequence[Scene], layout: torch.memory_format) -> list[Scene]:
    image = scenes[0].image.detach().clone(memory_format=layout)
    return [replace(scene, image=image) for scene in scenes]


def _checked(values: Floats, scene: Scene) -> Floats:
    if values.shape != tuple(scene.image.shape[2:]):
        raise ModelError(
            f"case {scene.case}: a map of {values.shape}; expected {tuple(scene.image.shape[2:])}"
        )
    return np.ascontiguousarray(values, np.float32)


def _noted(found: Map, scene: Scene) -> str:
    notes = [found.note] if found.note else []
    ends = [found.facts.get(end, 0.0) for end in ("f_input", "f_baseline", "f_mean")]
    if not np.isfinite(found.values).all() or not np.isfinite(ends).all():
        notes.append(f"not finite: {nan_origin(scene)}".removesuffix(": "))
    elif not notes and np.ptp(found.values) == 0.0:
        notes.append("constant")
    return "; ".join(notes)
