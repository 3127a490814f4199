"""Contrastive divergence against the exact gradient of machines that are small enough to enumerate."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from xaimed.architectures.dbm import DBM, State
from xaimed.architectures.dbm import build as build_dbm
from xaimed.architectures.rbm import RBM
from xaimed.errors import InputError
from xaimed.training.contrastive import contrastive_loss, dbm_chain, dbm_contrastive_loss, dbm_gibbs, gibbs
from xaimed.training.partition import (
    binary_states,
    log_partition,
    pseudo_log_likelihood,
    sampled_log_partition,
)


def machine(visible: int = 6, hidden: int = 5, kind: str = "binary", deviation: float = 0.5) -> RBM:
    torch.manual_seed(0)
    rbm = RBM(visible, hidden, kind).double()
    for weight in rbm.parameters():
        torch.nn.init.normal_(weight, std=deviation)
    return rbm


def data(count: int = 40, visible: int = 6) -> Tensor:
    draw = np.random.default_rng(0)
    kinds = draw.integers(0, 2, (3, visible))
    flipped = draw.random((count, visible)) < 0.1
    return torch.from_numpy((kinds[draw.integers(0, 3, count)] ^ flipped).astype(float))


def gradient(loss: Tensor, rbm: torch.nn.Module) -> dict[str, np.ndarray]:
    named = {name: weight for name, weight in rbm.named_parameters() if "linear" not in name}
    found = torch.autograd.grad(loss, list(named.values()))
    return {name: value.numpy() for name, value in zip(named, found, strict=True)}


def log_likelihood(rbm: RBM, images: Tensor) -> Tensor:
    every = binary_states(6)
    return -rbm.free_energy(images).mean() - (-rbm.free_energy(every)).logsumexp(dim=0)


def test_the_update_is_the_difference_of_the_two_statistics() -> None:
    rbm, images = machine(), data()
    chain = gibbs(rbm, images, 1)
    found = gradient(contrastive_loss(rbm, images, chain), rbm)

    def statistics(v: np.ndarray) -> dict[str, np.ndarray]:
        h = 1 / (1 + np.exp(-(v @ rbm.weight.detach().numpy().T + rbm.hidden_bias.detach().numpy())))
        return {"weight": h.T @ v / len(v), "visible_bias": v.mean(axis=0), "hidden_bias": h.mean(axis=0)}

    positive, negative = statistics(images.numpy()), statistics(chain.numpy())
    for name, value in found.items():
        assert -value == pytest.approx(positive[name] - negative[name], abs=1e-12), name


def test_a_long_chain_gives_the_exact_gradient_and_one_step_its_direction() -> None:
    """11 units. The bias of CD-1 is small: it points where the likelihood rises; CD-100 has the exact gradient."""
    rbm, images = machine(), data()
    exact = gradient(-log_likelihood(rbm, images), rbm)
    many = images.repeat(500, 1)
    far: dict[int, float] = {}
    for steps in (1, 3, 100):
        found = gradient(contrastive_loss(rbm, images, gibbs(rbm, many, steps)), rbm)
        ours, theirs = (np.concatenate([value.ravel() for value in one.values()]) for one in (found, exact))
        far[steps] = float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))
        assert ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs) > 0.9
    assert far[1] > far[3] > far[100]
    assert far[100] < 0.05


def test_a_chain_at_the_models_own_distribution_stays_there() -> None:
    rbm, every = machine(4, 3, deviation=0.8), binary_states(4)
    shares = (-rbm.free_energy(every)).softmax(dim=0).detach()
    torch.manual_seed(1)
    start = every[torch.multinomial(shares, 60_000, replacement=True)]
    number = (gibbs(rbm, start, 2) @ torch.tensor([1.0, 2.0, 4.0, 8.0], dtype=torch.float64)).long()
    torch.testing.assert_close(torch.bincount(number, minlength=16) / 60_000, shares.float(), rtol=0, atol=0.008)


def test_descending_it_raises_the_likelihood() -> None:
    rbm, images = machine(deviation=0.01), data(200)
    before = float(log_likelihood(rbm, images).detach())
    optimiser = torch.optim.SGD(rbm.parameters(), 0.2)
    for _ in range(300):
        optimiser.zero_grad()
        contrastive_loss(rbm, images, gibbs(rbm, images, 1)).backward()
        optimiser.step()
    assert float(log_likelihood(rbm, images).detach()) > before + 0.5


@pytest.mark.parametrize("kind", ["binary", "gaussian"])
def test_log_z_by_sampling_is_that_by_enumeration(kind: str) -> None:
    rbm = machine(6, 5, kind, 0.6)
    exact, found = log_partition(rbm), sampled_log_partition(rbm, 200, 200)
    assert found.low <= exact <= found.high
    assert found.value == pytest.approx(exact, abs=0.1)
    if kind == "binary":
        assert exact == pytest.approx(float((-rbm.free_energy(binary_states(6))).logsumexp(dim=0).detach()), abs=1e-12)


def test_log_z_of_two_gaussian_units_is_the_integral() -> None:
    rbm, edge = machine(2, 3, "gaussian"), torch.linspace(-9, 9, 721, dtype=torch.float64)
    grid = torch.cartesian_prod(edge, edge)
    cell = float(edge[1] - edge[0]) ** 2
    integral = float(((-rbm.free_energy(grid)).exp().sum() * cell).log().detach())
    assert log_partition(rbm) == pytest.approx(integral, abs=1e-6)


def test_the_pseudo_likelihood_is_that_of_each_unit_given_the_others() -> None:
    rbm, images = machine(), data(5)
    expected = np.zeros(5)
    for n, unit in itertools.product(range(5), range(6)):
        both = images[n].repeat(2, 1)
        both[1, unit] = 1 - both[1, unit]
        expected[n] += float((-rbm.free_energy(both)).log_softmax(dim=0)[0].detach())
    assert pseudo_log_likelihood(rbm, images).numpy() == pytest.approx(expected, abs=1e-12)
    with pytest.raises(InputError, match="binary"):
        pseudo_log_likelihood(machine(kind="gaussian"), images)


def test_too_many_units_to_enumerate_are_refused() -> None:
    with pytest.raises(InputError, match="at most 20"):
        log_partition(machine(4, 21))


def small_dbm() -> DBM:
    torch.manual_seed(0)
    dbm = build_dbm(side=1, widths=(2, 2), steps=30).double()
    assert isinstance(dbm, DBM)
    for weight in dbm.parameters():
        torch.nn.init.normal_(weight, std=0.7)
    return dbm


def every_state(dbm: DBM) -> State:
    units = binary_states(8)
    return State((units[:, :1], units[:, 1:2]), (units[:, 2:4], units[:, 4:6]), units[:, 6:])


def test_the_chains_of_a_deep_machine_reach_its_distribution() -> None:
    """Two visible, four hidden and two top units: the update's second term is its exact expectation."""
    dbm = small_dbm()
    every = every_state(dbm)
    shares = (-dbm.energy(every)).softmax(dim=0).detach()
    exact = gradient((shares * dbm.energy(every)).sum(), dbm)
    torch.manual_seed(1)
    chain = dbm_gibbs(dbm, dbm_chain(dbm, 30_000), 30)
    found = gradient(dbm.energy(chain).mean(), dbm)
    for name, value in found.items():
        assert value == pytest.approx(exact[name], abs=0.02), name


def test_the_update_of_a_deep_machine_raises_its_variational_bound() -> None:
    dbm, images = small_dbm(), torch.tensor([[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)[:, :, None, None]

    def bound() -> float:
        partition = (-dbm.energy(every_state(dbm))).logsumexp(dim=0)
        return float((-dbm.free_energy(images).mean() - partition).detach())

    before = bound()
    chain = dbm_chain(dbm, 500)
    optimiser = torch.optim.SGD([weight for name, weight in dbm.named_parameters() if "linear" not in name], 0.1)
    for _ in range(60):
        chain = dbm_gibbs(dbm, chain, 2)
        optimiser.zero_grad()
        dbm_contrastive_loss(dbm, images, chain).backward()
        optimiser.step()
    assert bound() > before + 0.1
