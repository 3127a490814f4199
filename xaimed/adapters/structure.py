"""What the parts of a network say of its answer: what adds up to it, and the scales at which a critic sees it.

Rows of scores without a method; they belong to the model and not to a map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from xaimed.adapters.classifier import Classifier
from xaimed.adapters.model import Model
from xaimed.adapters.parts import by_part
from xaimed.adapters.registration import Registration
from xaimed.adapters.segmenter import Segmenter
from xaimed.adapters.whole import Seen
from xaimed.hooks import frozen
from xaimed.targets import Target
from xaimed.types import Case, Floats, Score

SWEEPS = ("z+", "z-", "y+", "y-", "x+", "x-")


class Sum(Protocol):
    """Logits as a sum: sweeps (B, S, outputs, h, w), bias (outputs,), whole (B, outputs, h, w)."""

    @property
    def sweeps(self) -> Tensor: ...  # noqa: D102
    @property
    def bias(self) -> Tensor: ...  # noqa: D102
    @property
    def whole(self) -> Tensor: ...  # noqa: D102


@runtime_checkable
class Decomposed(Protocol):
    """A network whose logits are a sum of six sweeps, in the order of SWEEPS."""

    def decomposed(self, stack: Tensor) -> Sum: ...  # noqa: D102


@runtime_checkable
class Criticised(Protocol):
    """A network with a critic: scales (B, n) of images under found and true masks, finest first."""

    def masks(self, logits: Tensor) -> Tensor: ...  # noqa: D102
    def scales(self, images: Tensor, masks: Tensor, truth: Tensor) -> Tensor: ...  # noqa: D102


def structural(model: Model, case: Case, targets: Sequence[Target]) -> list[Score]:
    """The rows of a case: of each target by part or sweep, of the whole answer by scale; none where there are none."""
    if not isinstance(model, Segmenter | Classifier):
        return []
    seen = model.see(case)
    with frozen(model.network):
        if isinstance(model, Classifier):
            return by_part(model, seen, targets)
        return [*_by_sweep(model, seen, targets), *_by_scale(model, seen)]


def sides(model: Model, case: Case, targets: Sequence[Target]) -> dict[str, Floats]:
    """"moving" and "fixed": float32 (H, W), |gradient x input| of the first target on each image of a pair.

    Summed over the slices of a slab; the sums of both are as the plane shares. Nothing for another task.
    """
    if not isinstance(model, Registration) or not targets:
        return {}
    scene = model.scenes(case, targets[:1])[0]
    with frozen(model.network), torch.enable_grad():
        image = scene.image.detach().clone().requires_grad_()
        gradient, = torch.autograd.grad(scene.score(image).sum(), image)
    sizes = (gradient * scene.image).abs()[0].chunk(2)
    return {name: scene.laid(part.sum(dim=0).float().cpu().numpy(), additive=True)
            for name, part in zip(("moving", "fixed"), sizes, strict=True)}


def _by_sweep(model: Segmenter, seen: Seen, targets: Sequence[Target]) -> list[Score]:
    """The mean logit over a target's mask: what each sweep adds, the bias, and their sum, which it is without rest."""
    if not isinstance(model.network, Decomposed):
        return []
    with torch.no_grad():
        parts = model.network.decomposed(model.normalised(seen.image))
    rows = []
    for target in targets:
        channel, mask = model.region(seen, target)
        means = parts.sweeps[0, :, channel][:, mask].double().mean(dim=1)
        values = {**dict(zip(SWEEPS, means.tolist(), strict=True)), "bias": float(parts.bias[channel])}
        values["sum"] = float(seen.output[0, channel][mask].double().mean())
        rows += [Score(seen.case.id, target.name, "", f"sweep {name}", value) for name, value in values.items()]
    return rows


def _by_scale(model: Segmenter, seen: Seen) -> list[Score]:
    """At each scale of the critic its loss by that of an empty mask, and its share of the slope over the found masks.

    Losses of two scales cannot be compared, nor their shares: they follow the size of the critic's features. By the
    loss of the empty mask at the same scale that size cancels; NaN where the reference is empty itself. The slope, the
    sum over pixels and classes of |d loss / d probability|, is what moved the segmentor in training.
    """
    if not isinstance(model.network, Criticised) or not seen.case.segments:
        return []
    network, images = model.network, model.normalised(seen.image)
    with torch.no_grad():
        found, truth = network.masks(seen.output), model.reference(seen)
    with torch.enable_grad():
        found = found.detach().requires_grad_()
        losses = network.scales(images, found, truth)[0]
        slopes = torch.stack([torch.autograd.grad(loss, found, retain_graph=True)[0].abs().sum() for loss in losses])
    with torch.no_grad():
        empty = network.scales(images, torch.zeros_like(found), truth)[0]
    values = {"difference": torch.where(empty > 0, losses.detach() / empty, torch.nan), "slope": slopes / slopes.sum()}
    return [Score(seen.case.id, "critic", "", f"{word} at scale {scale}", value)
            for word, parts in values.items() for scale, value in enumerate(parts.tolist())]
