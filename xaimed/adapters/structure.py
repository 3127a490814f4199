"""What the parts of a segmenter say of its answer: the sweeps that add up to it, the scales at which a critic sees it.

Rows of scores without a method; they belong to the model and not to a map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from xaimed.adapters.model import Model
from xaimed.adapters.segmenter import Segmenter
from xaimed.adapters.whole import Seen
from xaimed.hooks import frozen
from xaimed.targets import Target
from xaimed.types import Case, Score

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
    """The rows of a case: of each target by sweep, and of the whole answer by scale; none where there are no parts."""
    if not isinstance(model, Segmenter):
        return []
    seen = model.see(case)
    with frozen(model.network):
        return [*_by_sweep(model, seen, targets), *_by_scale(model, seen)]


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
    """At each scale of the critic its share of the loss, and of the loss's slope over the found masks.

    The slope is what moved the segmentor in training: the sum over pixels and classes of |d loss / d probability|.
    """
    if not isinstance(model.network, Criticised) or not seen.case.segments:
        return []
    network, images = model.network, model.normalised(seen.image)
    with torch.no_grad():
        found, truth = network.masks(seen.output), model.reference(seen)
    with torch.enable_grad():
        found = found.detach().requires_grad_()
        losses = network.scales(images, found, truth)[0]
        slopes = [torch.autograd.grad(loss, found, retain_graph=True)[0].abs().sum() for loss in losses]
    return [Score(seen.case.id, "critic", "", f"{word} at scale {scale}", float(value / torch.stack(parts).sum()))
            for word, parts in (("loss", list(losses.detach())), ("slope", slopes))
            for scale, value in enumerate(parts) if float(torch.stack(parts).sum()) > 0]
