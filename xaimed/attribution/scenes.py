"""From a model and its cases to scenes: xaimed models make their own, a plain nn.Module gets one an image."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Protocol, SupportsIndex, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from xaimed.attribution.memory import out_of_memory
from xaimed.errors import InputError, ModelError, TargetError
from xaimed.features import features
from xaimed.hooks import frozen, seeds_kept
from xaimed.patches import evidence_on, gives_evidence
from xaimed.scene import Scene
from xaimed.targets import Target
from xaimed.types import Case, Floats


@runtime_checkable
class HasScenes(Protocol):
    """An xaimed model, as far as attribution knows it."""

    def scenes(self, case: Case, targets: Sequence[Target | str] | None = None) -> list[Scene]:
        """One scene a target or its name; for None what the model shows."""


class CaseList(Protocol):
    """A list of cases, or a dataset that decodes one case at a time."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Case: ...


Explained = HasScenes | nn.Module
Images = Tensor | NDArray[np.floating]
Cases = Case | CaseList | Images | Sequence[Images]
Targets = Sequence[Target | str] | Sequence[Target] | Sequence[str] | Sequence[int] | None
EXPECTED = "expected cases: open_dataset(...) or a list of Case"
Group = tuple[int, list[tuple[Scene, Floats]]]


def scenes_of(model: Explained, cases: Cases, targets: Targets = None) -> Iterator[tuple[Scene, Floats]]:
    """Each scene with the original image, float32 (C, H, W), one case after the other.

    Raises InputError if the cases do not suit the model, TargetError for a target that does not exist.
    """
    for _, pairs in grouped(model, cases, targets):
        yield from pairs


def grouped(model: Explained, cases: Cases, targets: Targets = None) -> Iterator[Group]:
    """For each case its index and its scenes, each with the original image, float32 (C, H, W)."""
    if isinstance(model, HasScenes):
        yield from _of_model(model, cases, targets)
    elif isinstance(model, nn.Module):
        yield from _of_module(model, cases, targets)
    else:
        raise InputError(
            f"a model of type {type(model).__name__}; expected an xaimed model (load_model) or an nn.Module"
        )


def count(cases: Cases) -> int:
    """How many cases there are."""
    return 1 if isinstance(cases, Case) else len(cases)


def _of_model(model: HasScenes, cases: Cases, targets: Targets) -> Iterator[Group]:
    if isinstance(cases, Tensor | np.ndarray):
        raise InputError(f"{type(cases).__name__} for an xaimed model; {EXPECTED}")
    names = None if targets is None else [_name(target) for target in _several(targets, "name", "'d0'")]
    for index in range(count(cases)):
        case = cases if isinstance(cases, Case) else cases[index]
        if not isinstance(case, Case):
            raise InputError(f"{type(case).__name__} for an xaimed model; {EXPECTED}")
        scenes = model.scenes(case, names)
        if not scenes:
            warnings.warn(f"case {case.id}: the model finds nothing to explain; no map is made of it", stacklevel=2)
        yield index, [(scene, case.image) for scene in scenes]


def _name(target: object) -> Target | str:
    if not isinstance(target, Target | str):
        raise TargetError(f"target {target} for an xaimed model; expected a name: 'd0', 'm0' or a class")
    return target


def _several(targets: object, kind: str, such: str) -> list[object]:
    single = isinstance(targets, Target | str) or getattr(targets, "ndim", 1) == 0
    if single or not isinstance(targets, Iterable):
        raise TargetError(f"targets={targets!r}; expected a list with one {kind} or more, such as [{such}]")
    return list(targets)


def _of_module(model: nn.Module, cases: Cases, targets: Targets) -> Iterator[Group]:
    images = (list(image_batch(model, cases).split(1)) if isinstance(cases, Tensor | np.ndarray)
              else _listed(model, cases))
    classes = class_indices(targets, len(images))
    for index, image in enumerate(images):
        with seeds_kept(image.device), frozen(model), torch.no_grad(), features(model) as found:
            logits = _first_logits(model, image)
        target = int(logits.argmax(1)) if classes is None else _class(classes[index], logits.shape[1])
        scene = Scene(
            case=f"image{index}",
            target=str(target),
            image=image,
            tissue=torch.ones(image.shape[2:], dtype=torch.bool, device=image.device),
            score=_logit(model, target),
            similarity=_probability(model, target),
            network=model,
            layers=found.layers,
            place=_as_is,
            evidence=_evidence(model, target),
        )
        yield index, [(scene, image[0].float().cpu().numpy())]


def _evidence(model: nn.Module, target: int) -> Callable[[Tensor], Tensor] | None:
    return (lambda images: evidence_on(model, images)[:, target]) if gives_evidence(model) else None


def _listed(model: nn.Module, cases: Case | CaseList | Sequence[Images]) -> list[Tensor]:
    """Images (1, C, *s) of a list of (C, *s) whose sizes may differ."""
    images = [cases[index] for index in range(len(cases))] if isinstance(cases, Sequence) else []
    odd = next((one for one in images if not isinstance(one, Tensor | np.ndarray)), None if images else cases)
    if odd is not None:
        raise InputError(
            f"{type(odd).__name__} for a plain nn.Module; expected a tensor or array (B, C, H, W) or (B, C, D, H, W), "
            "a list of images (C, H, W) of any sizes, or an xaimed model: load_model(module, task=..., classes=...)"
        )
    return [image_batch(model, one[None]) for one in images if isinstance(one, Tensor | np.ndarray)]


def image_batch(model: nn.Module, images: Images) -> Tensor:
    """The images (B, C, H, W) or (B, C, D, H, W) with the type and device of a plain network's weights.

    Raises InputError for another shape or type, for no image or an empty one, and for values that are not finite.
    """
    batch = torch.as_tensor(images).detach()
    if batch.ndim not in (4, 5) or not batch.is_floating_point() or not batch.numel():
        raise InputError(f"images {batch.dtype} {tuple(batch.shape)}; expected floating point (B, C, H, W) of one "
                         "image or more, or (B, C, D, H, W) for volumes")
    if not bool(torch.isfinite(batch).all()):
        raise InputError(
            f"{int((~torch.isfinite(batch)).sum())} pixels are NaN or infinite; expected finite "
            "values: repair the images"
        )
    weight = next((weight for weight in model.parameters() if weight.is_floating_point()), None)
    return batch if weight is None else batch.to(weight)


def class_indices(targets: object, count: int) -> tuple[int, ...] | None:
    """One class index for each of `count` images of a plain network; None for no targets, the highest logits.

    Raises TargetError for what is no list, another number of targets, and a target that is no whole number.
    """
    if targets is None:
        return None
    several = [_index(one) for one in _several(targets, "class index an image", "0")]
    if len(several) != count:
        raise TargetError(f"{len(several)} targets for {count} images; expected one class index an image")
    return tuple(several)


def _index(target: object) -> int:
    # True is a whole number to Python, though nobody means class 1 by it.
    flag = isinstance(target, bool | np.bool_) or (isinstance(target, Tensor) and target.dtype == torch.bool)
    if isinstance(target, SupportsIndex) and not flag:
        with suppress(TypeError):  # an array of floating point has the method and refuses
            return operator.index(target)
    raise TargetError(f"target {target!r}; expected a class index, a whole number from 0 on")


def _class(target: int, classes: int) -> int:
    if not 0 <= target < classes:
        raise TargetError(f"target {target}; expected a class index from 0 to {classes - 1}")
    return target


def _first_logits(model: nn.Module, image: Tensor) -> Tensor:
    """The logits of an image; what the network itself says against it becomes an InputError."""
    try:
        return _logits(model, image)
    except (RuntimeError, ValueError) as error:
        if isinstance(error, RuntimeError) and out_of_memory(error):
            raise
        said = str(error).strip().partition("\n")[0]
        raise InputError(f"the module does not take images {tuple(image.shape)}: {said}; expected the channels and "
                         "the size that it was made for") from error


def _logits(model: nn.Module, images: Tensor) -> Tensor:
    output = model(images)
    if not isinstance(output, Tensor) or output.ndim not in (1, 2) or output.shape[0] != images.shape[0]:
        found = f"a tensor {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
        raise TargetError(
            f"the module gives {found}; expected class logits (B, K): wrap it with "
            "load_model(module, task=..., classes=...)"
        )
    return output[:, None] if output.ndim == 1 else output


def _logit(model: nn.Module, target: int) -> Callable[[Tensor], Tensor]:
    return lambda images: _logits(model, images)[:, target]


def _probability(model: nn.Module, target: int) -> Callable[[Tensor], Tensor]:
    def similarity(images: Tensor) -> Tensor:
        with torch.no_grad():
            logits = _logits(model, images)
            return logits.sigmoid()[:, 0] if logits.shape[1] == 1 else logits.softmax(1)[:, target]

    return similarity


def _as_is(values: Floats) -> Floats:
    return values


def layer_of(scene: Scene, name: str | None, before: str = "") -> tuple[str, nn.Module]:
    """The name and module of a layer; for None the scene's own choice or the last of its layers.

    before: the layer that None stood for, if it turned out to give a single cell; then the one before it. Raises
    ModelError with the nearest names if there is no such layer.
    """
    if name is not None and not isinstance(name, str):
        raise ModelError(f"layer of type {type(name).__name__}; expected the name of one, such as "
                         f"{next(reversed(scene.layers), 'layer4')!r}")
    if name is None and before:
        return _last(scene, list(scene.layers)[:list(scene.layers).index(before)], " of more than one cell")
    if name is None and not scene.layer:
        return _last(scene, list(scene.layers), "")
    name = scene.layer if name is None else name
    known = {**dict(scene.network.named_modules()), **scene.layers}
    if not name or name not in known:
        raise ModelError(_no_layer(name, [key for key in known if key]))
    return name, known[name]


def _last(scene: Scene, names: list[str], size: str) -> tuple[str, nn.Module]:
    if not names:
        raise ModelError(
            f"case {scene.case}: no layer gives a feature map (B, K, h, w){size}; expected one that "
            "does: name a layer, or use integrated_gradients or kernel_shap"
        )
    return names[-1], scene.layers[names[-1]]


def _no_layer(name: str, known: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known[-3:]
    return f"no layer {name!r} among {len(known)} modules; nearest: {', '.join(near)}"
