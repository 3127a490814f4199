"""How likely images are under a restricted Boltzmann machine: log Z by enumeration or by sampling, pseudo-likelihood.

Salakhutdinov R, Murray I (2008) "On the quantitative analysis of deep belief networks",
doi:10.1145/1390156.1390266: annealed importance sampling from the machine without weights. The log-likelihood of an
image is -F(v) - log Z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from xaimed.architectures.rbm import RBM
from xaimed.errors import InputError

MOST_UNITS = 20


@dataclass(frozen=True)
class LogPartition:
    """An estimate of log Z: value, and low and high, three standard errors of the mean weight from it."""

    value: float
    low: float
    high: float


def binary_states(units: int) -> Tensor:
    """float64 (2 ** units, units): every state of binary units. Raises InputError for more than 20."""
    if units > MOST_UNITS:
        raise InputError(f"{units} units to enumerate; expected at most {MOST_UNITS}: estimate log Z by sampling")
    return ((torch.arange(2 ** units)[:, None] >> torch.arange(units)) & 1).double()


def log_partition(rbm: RBM) -> float:
    """log Z, exactly, by enumeration of the hidden units. Raises InputError for more than 20 of them."""
    with torch.no_grad():
        hidden = binary_states(rbm.hidden_bias.numel())
        own = hidden @ rbm.hidden_bias.double()
        pushed = hidden @ rbm.weight.double()
        bias = rbm.visible_bias.double()
        if rbm.kind == "binary":
            inside = functional.softplus(pushed + bias).sum(dim=1)
        else:
            inside = pushed @ bias + pushed.square().sum(dim=1) / 2 + bias.numel() / 2 * math.log(2 * math.pi)
        return float((own + inside).logsumexp(dim=0))


def sampled_log_partition(rbm: RBM, chains: int = 100, temperatures: int = 1000) -> LogPartition:
    """log Z by annealed importance sampling, in `chains` runs through so many inverse temperatures from 0 to 1."""
    with torch.no_grad():
        visible, start = _without_weights(rbm, chains)
        weight = torch.zeros(chains, dtype=torch.float64)
        steps = torch.linspace(0, 1, temperatures + 1).tolist()
        for before, after in pairwise(steps):
            field = rbm.field(visible)
            weight += (functional.softplus(after * field) - functional.softplus(before * field)).sum(dim=1).cpu()
            hidden = torch.bernoulli(torch.sigmoid(after * field))
            # Between the temperatures the visible bias is whole and the weights are scaled.
            visible = rbm.visible_sample(after * hidden)
    mean = float(weight.logsumexp(dim=0)) - math.log(chains)
    spread = float((weight - mean).exp().std()) / math.sqrt(chains)
    low = math.log(max(1 - 3 * spread, 1e-12))
    return LogPartition(start + mean, start + mean + low, start + mean + math.log(1 + 3 * spread))


def _without_weights(rbm: RBM, chains: int) -> tuple[Tensor, float]:
    none = torch.zeros(chains, rbm.hidden_bias.numel(), dtype=rbm.weight.dtype, device=rbm.weight.device)
    bias = rbm.visible_bias.double()
    own = (float(functional.softplus(bias).sum()) if rbm.kind == "binary"
           else bias.numel() / 2 * math.log(2 * math.pi))
    return rbm.visible_sample(none), own + rbm.hidden_bias.numel() * math.log(2)


def pseudo_log_likelihood(rbm: RBM, visible: Tensor) -> Tensor:
    """(B,): the sum over i of log p(v_i | all other v) of binary images (B, visible), every flip at once.

    Raises InputError for Gaussian units.
    """
    if rbm.kind != "binary":
        raise InputError("pseudo-likelihood of Gaussian visible units; expected binary ones")
    with torch.no_grad():
        return functional.logsigmoid(rbm.changes(visible, 1 - visible)).sum(dim=1)
