"""Contrastive divergence of Boltzmann machines as losses: descending their gradient is the update rule.

Hinton GE (2002) doi:10.1162/089976602760128018 (CD-k); Tieleman T (2008) doi:10.1145/1390156.1390290 (PCD);
Salakhutdinov R, Hinton G (2009) "Deep Boltzmann machines", AISTATS. Random numbers come from torch's generator.
"""

from __future__ import annotations

import torch
from torch import Tensor

from xaimed.architectures.class_rbm import ClassRBM
from xaimed.architectures.dbm import DBM, State
from xaimed.architectures.rbm import RBM


def gibbs(rbm: RBM, visible: Tensor, steps: int) -> Tensor:
    """(B, visible): a sample of the chain that starts at `visible` after k steps up and down; no gradient.

    The last step gives means in place of samples for Gaussian units, whose noise would only blur the update.
    """
    with torch.no_grad():
        for step in range(steps):
            hidden = torch.bernoulli(rbm.hidden_mean(visible))
            last = step == steps - 1 and rbm.kind == "gaussian"
            visible = rbm.visible_mean(hidden) if last else rbm.visible_sample(hidden)
    return visible


def contrastive_loss(rbm: RBM, data: Tensor, chain: Tensor) -> Tensor:
    """The mean free energy of data (B, visible) less that of the chain's samples (N, visible).

    Its negative gradient is <h v> of the data less <h v> of the chain, and so for the biases: CD-k where the chain is
    gibbs(rbm, data, k), PCD where it goes on from its last samples. It is no measure of fit: its value may rise.
    """
    return rbm.free_energy(data).mean() - rbm.free_energy(chain).mean()


def class_gibbs(machine: ClassRBM, visible: Tensor, classes: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """A sample of image (B, visible) and class (B,) after k steps of the chain that starts at a pair; no gradient."""
    rbm = machine.rbm
    with torch.no_grad():
        for step in range(steps):
            hidden = torch.bernoulli(torch.sigmoid(rbm.field(visible) + machine.class_weight.T[classes]))
            last = step == steps - 1 and rbm.kind == "gaussian"
            visible = rbm.visible_mean(hidden) if last else rbm.visible_sample(hidden)
            odds = hidden @ machine.class_weight + machine.class_bias
            classes = torch.multinomial(odds.softmax(dim=1), 1)[:, 0]
    return visible, classes


def class_contrastive_loss(machine: ClassRBM, pair: tuple[Tensor, Tensor], chain: tuple[Tensor, Tensor]) -> Tensor:
    """The mean free energy of images with their classes, (B, visible) and (B,), less that of the chain's pairs."""
    return machine.joint_free_energy(*pair).mean() - machine.joint_free_energy(*chain).mean()


def dbm_gibbs(dbm: DBM, state: State, steps: int) -> State:
    """The samples of a chain of a DBM after k sweeps: visible and top units, then hidden ones; no gradient."""
    with torch.no_grad():
        for _ in range(steps):
            visible = tuple(side.visible_sample(h) for side, h in zip(dbm.machines, state.hidden, strict=True))
            top = torch.bernoulli(dbm.top_mean(state.hidden))
            hidden = tuple(torch.bernoulli(means) for means in dbm.hidden_mean(visible, top))
            state = State(visible, hidden, top)
    return state


def dbm_chain(dbm: DBM, count: int) -> State:
    """The start of `count` chains: hidden units drawn by halves."""
    like = dbm.top_bias
    hidden = tuple(torch.bernoulli(like.new_full((count, side.hidden_bias.numel()), 0.5)) for side in dbm.machines)
    empty = State(tuple(side.visible_bias.new_zeros(count, side.visible_bias.numel()) for side in dbm.machines),
                  hidden, like.new_zeros(count, like.numel()))
    return dbm_gibbs(dbm, empty, 1)


def dbm_contrastive_loss(dbm: DBM, images: Tensor, chain: State) -> Tensor:
    """The mean energy of images (B, 2, h, w) with mean-field hidden units less that of the chain's samples.

    The means count as constants, since they are where the variational bound does not change with them; so the negative
    gradient is the update of persistent contrastive divergence.
    """
    with torch.no_grad():
        state = dbm.mean_field(images)
    return dbm.energy(state).mean() - dbm.energy(chain).mean()
