"""Context share: how much of a score's sensitivity falls on what a round before made; a description of the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from xaimed.metrics.explained import Explained

if TYPE_CHECKING:
    from torch import Tensor, nn


@runtime_checkable
class Contextual(Protocol):
    """A network of rounds; the last sees the image's planes and behind them what the round before made."""

    @property
    def context(self) -> tuple[nn.Module, int]:
        """The last round, and how many planes of its input are the image's."""
        ...


@dataclass(frozen=True)
class ContextShare:
    """The sum of |gradient x input| over the context's planes of the last round, divided by that over all its planes.

    It is a property of the scene and the same for every map. No value for a network without rounds, or one round.
    """

    name: str = "context_share"
    kind: str = "explanation"
    better: Literal["neither"] = "neither"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "auto-context of Nie D et al. (2017), doi:10.1007/978-3-319-66179-7_48, by gradient x input"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The share, with no suffix."""
        import torch

        network = view.scene.network
        if not isinstance(network, Contextual):
            return {}
        last, own = network.context
        with torch.enable_grad(), _entering(last) as seen:
            score = view.scene.score(view.scene.image.detach().clone().requires_grad_())
        if not seen or seen[-1].shape[1] == own or not score.requires_grad:
            return {}
        gradient = torch.autograd.grad(score.sum(), seen[-1])[0]
        sizes = (gradient * seen[-1].detach()).abs().double().transpose(1, 0).flatten(1).sum(dim=1)
        total = float(sizes.sum())
        return {"": float(sizes[own:].sum()) / total} if 0 < total < float("inf") else {}


@contextmanager
def _entering(layer: nn.Module) -> Iterator[list[Tensor]]:
    """The inputs with which the layer runs inside the block."""
    seen: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    try:
        yield seen
    finally:
        handle.remove()


METRIC = ContextShare()
