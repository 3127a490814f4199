"""Greedy layer-wise training: a stack of Boltzmann machines by contrastive divergence, of autoencoders by denoising.

Hinton GE, Osindero S, Teh YW (2006) doi:10.1162/neco.2006.18.7.1527; Bengio Y et al. (2007) NIPS; Vincent P et al.
(2010) JMLR 11:3371-3408. Each layer is trained on the means that the layers below give, which then stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaimed.architectures.dbn import DBN
from xaimed.architectures.rbm import RBM
from xaimed.architectures.stacked_autoencoder import Layer, StackedAutoencoder
from xaimed.errors import PlanError
from xaimed.training.contrastive import contrastive_loss, gibbs
from xaimed.training.loop import Report


@dataclass(frozen=True)
class LayerPlan:
    """How each layer is trained. steps: k of CD-k. corruption: share of inputs that denoising sets to 0, in [0, 1).

    momentum: in the first five epochs and after them. decay: weight decay. Raises PlanError for other values.
    """

    epochs: int = 30
    rate: float = 0.05
    batch: int = 64
    steps: int = 1
    momentum: tuple[float, float] = (0.5, 0.9)
    decay: float = 2e-4
    corruption: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch, self.steps) < 1 or self.rate <= 0 or not 0 <= self.corruption < 1:
            raise PlanError(f"layer plan: epochs {self.epochs}, batch {self.batch}, steps {self.steps}, rate "
                            f"{self.rate}, corruption {self.corruption}; expected positive numbers and a corruption "
                            "in [0, 1)")


def train_rbm(rbm: RBM, data: Tensor, plan: LayerPlan, say: Report) -> float:
    """The mean squared error of the reconstruction of data (n, visible) after CD-k by the plan; rbm is changed.

    The visible bias starts at the data's mean, as log-odds for binary units. The plan's seed decides everything.
    """
    torch.manual_seed(plan.seed)
    start_at_mean(rbm, data)
    groups: list[dict[str, Any]] = [{"params": [rbm.weight], "weight_decay": plan.decay},
                                    {"params": [rbm.visible_bias, rbm.hidden_bias]}]
    optimiser = torch.optim.SGD(groups, plan.rate, plan.momentum[0])
    for epoch in range(plan.epochs):
        for group in optimiser.param_groups:
            group["momentum"] = plan.momentum[epoch >= 5]
        for rows in _batches(len(data), plan.batch):
            chosen = data[rows]
            # Greyscale values of binary units are probabilities: the chain starts at a sample of them.
            start = torch.bernoulli(chosen.clamp(0, 1)) if rbm.kind == "binary" else chosen
            _descend(optimiser, contrastive_loss(rbm, chosen, gibbs(rbm, start, plan.steps)))
        say(f"epoch {epoch + 1}/{plan.epochs}: reconstruction {_error(rbm, data):.4f}")
    return _error(rbm, data)


def train_dbn(dbn: DBN, data: Tensor, plan: LayerPlan, say: Report) -> list[float]:
    """The reconstruction error of each layer's RBM on data (n, visible), the lowest first; dbn is changed.

    The rate of Gaussian units is a tenth of the plan's: their updates are not bounded.
    """
    errors = []
    for number, rbm in enumerate(dbn.machines):
        say(f"layer {number + 1} of {len(dbn.machines)}")
        own = plan if rbm.kind == "binary" else replace(plan, rate=plan.rate / 10)
        errors.append(train_rbm(rbm, data, own, say))
        with torch.no_grad():
            data = rbm.hidden_mean(data)
    return errors


def train_autoencoders(network: StackedAutoencoder, data: Tensor, plan: LayerPlan, say: Report) -> list[float]:
    """The squared error of each layer on clean data (n, pixels) in [0, 1], the lowest first; network is changed.

    Each layer learns to give back what it was before a share of it was set to 0. Its decoder is the unrolled network's.
    """
    errors = []
    for number, layer in enumerate(network.stack):
        say(f"layer {number + 1} of {len(network.stack)}")
        errors.append(_train_layer(layer, data, plan, say))
        with torch.no_grad():
            data = layer.code(data)
    return errors


def _train_layer(layer: Layer, data: Tensor, plan: LayerPlan, say: Report) -> float:
    torch.manual_seed(plan.seed)
    optimiser = torch.optim.Adam(layer.parameters(), plan.rate * 0.1)
    error = float("nan")
    for epoch in range(plan.epochs):
        for rows in _batches(len(data), plan.batch):
            clean = data[rows]
            corrupted = clean * (torch.rand_like(clean) >= plan.corruption)
            _descend(optimiser, functional.binary_cross_entropy(layer(corrupted), clean))
        with torch.no_grad():
            error = float(functional.mse_loss(layer(data), data))
        say(f"epoch {epoch + 1}/{plan.epochs}: reconstruction {error:.4f}")
    return error


def start_at_mean(rbm: RBM, data: Tensor) -> None:
    """The machine with the visible bias that without hidden units fits data (n, visible) best; hidden biases are 0."""
    mean = data.mean(dim=0)
    with torch.no_grad():
        rbm.visible_bias.copy_(mean.clamp(0.01, 0.99).logit() if rbm.kind == "binary" else mean)
        nn.init.zeros_(rbm.hidden_bias)


def _batches(count: int, size: int) -> Iterator[Tensor]:
    yield from torch.randperm(count).split(size)


def _descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


def _error(rbm: RBM, data: Tensor) -> float:
    with torch.no_grad():
        return float(functional.mse_loss(rbm.rebuilt(data), data))
