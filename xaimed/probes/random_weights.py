"""Random weights: the control, a model that has forgotten what it learnt and must fall to chance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xaimed.probes.probe import Level, NotServed, Probe, Setting
from xaimed.types import Case

if TYPE_CHECKING:
    from torch import nn

    from xaimed.adapters.model import Model


@dataclass(frozen=True)
class RandomWeights(Probe):
    """The weights drawn anew from their own spread: all, or those of the head, which is where the network ends.

    Each case has a draw of its own: one random network can rank images well or badly by luck, many cannot. A
    measurement that does not see harm here would not see it anywhere. Weights come back bit for bit.
    """

    name: ClassVar[str] = "random_weights"
    says: ClassVar[str] = "control: the model has to fall to chance"
    unit: ClassVar[str] = "which weights"
    levels: ClassVar[tuple[Level, ...]] = ("all",)
    words: ClassVar[tuple[str, ...]] = ("all", "head")
    control: ClassVar[bool] = True

    @contextmanager
    def under(self, model: Model, case: Case, setting: Setting) -> Iterator[Model]:
        """The model with weights of the case's own draw. Raises NotServed for a model without any."""
        from xaimed.randomise import randomised

        modules = list(model.network.modules())
        chosen = modules if setting.level == "all" else head(model.network)
        if not any(True for module in chosen for _ in module.parameters(recurse=False)):
            raise NotServed("the model has no weights")
        with randomised(chosen, int(setting.draws(case).integers(2**31))):
            yield model


def head(network: nn.Module) -> list[nn.Module]:
    """The modules that give the answers: the last one with weights, and all that stand in one block with it."""
    holders = [name for name, module in network.named_modules() if any(True for _ in module.parameters(recurse=False))]
    if not holders:
        return []
    block = holders[-1].rpartition(".")[0]
    last = network.get_submodule(holders[-1])
    return list(network.get_submodule(block).modules()) if block else [last]


PROBE = RandomWeights()
