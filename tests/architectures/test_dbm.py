"""The deep Boltzmann machine: conditionals and energy by enumeration, the mean field's fixed point and its bound."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from xaimed.architectures.dbm import DBM, State, build
from xaimed.errors import ModelError


def small(steps: int = 10, deviation: float = 0.8, kind: str = "binary") -> DBM:
    torch.manual_seed(0)
    network = build(outputs=3, side=2, widths=(3, 2), steps=steps, visible=kind).double()
    assert isinstance(network, DBM)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=deviation)
    return network


def states(units: int) -> np.ndarray:
    return np.array(list(itertools.product([0.0, 1.0], repeat=units)))


def energy(network: DBM, v: np.ndarray, h: np.ndarray, top: np.ndarray) -> float:
    total = -network.top_bias.detach().numpy() @ top
    for m, side in enumerate(network.machines):
        w, b, c, u = (weight.detach().numpy() for weight in (
            side.weight, side.visible_bias, side.hidden_bias, network.links[m]))
        own = -b @ v[m] if side.kind == "binary" else ((v[m] - b) ** 2).sum() / 2
        total += own - c @ h[m] - h[m] @ w @ v[m] - top @ u @ h[m]
    return float(total)


def hidden_energies(network: DBM, v: np.ndarray) -> np.ndarray:
    return np.array([energy(network, v, h.reshape(2, 3), top) for h in states(6) for top in states(2)])


@pytest.mark.parametrize("kind", ["binary", "gaussian"])
def test_the_energy_is_that_of_the_paper(kind: str) -> None:
    network, draw = small(kind=kind), np.random.default_rng(0)
    v, h, top = draw.random((2, 4)), draw.integers(0, 2, (2, 3)).astype(float), np.array([1.0, 0.0])
    found = network.energy(State(tuple(torch.from_numpy(v)[:, None]), tuple(torch.from_numpy(h)[:, None]),
                                 torch.from_numpy(top)[None]))
    assert float(found.detach()) == pytest.approx(energy(network, v, h, top), abs=1e-12)


def test_the_conditional_means_are_those_of_the_energy() -> None:
    network, v = small(), np.random.default_rng(0).random((2, 4))
    h, top = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]), np.array([0.0, 1.0])
    weights = np.exp([-energy(network, v, other.reshape(2, 3), top) for other in states(6)])
    expected = (weights @ states(6) / weights.sum()).reshape(2, 3)
    found = network.hidden_mean(torch.from_numpy(v)[:, None], torch.from_numpy(top)[None])
    assert torch.cat(found).detach().numpy() == pytest.approx(expected, abs=1e-12)
    weights = np.exp([-energy(network, v, h, other) for other in states(2)])
    expected = weights @ states(2) / weights.sum()
    assert network.top_mean(tuple(torch.from_numpy(h)[:, None]))[0].detach().numpy() == pytest.approx(expected)


def test_enough_steps_reach_the_fixed_point_of_the_mean_field() -> None:
    network, images = small(), torch.rand(4, 2, 2, 2, dtype=torch.float64)
    state = network.mean_field(images, steps=200)
    again = network.hidden_mean(state.visible, state.top)
    for before, after in zip(state.hidden, again, strict=True):
        torch.testing.assert_close(before, after, rtol=0, atol=1e-12)
    torch.testing.assert_close(state.top, network.top_mean(again), rtol=0, atol=1e-12)
    # Ten steps are near it.
    assert (network.mean_field(images).top - state.top).abs().max() < 0.01


def test_each_step_lowers_the_variational_free_energy_towards_the_true_one() -> None:
    images = torch.rand(4, 2, 2, 2, dtype=torch.float64)
    bounds = torch.stack([small(steps).free_energy(images).detach() for steps in (1, 2, 3, 5, 10, 50)])
    assert (bounds[1:] <= bounds[:-1] + 1e-12).all()
    assert (bounds[-1] < bounds[0] - 1e-4).any()
    for image, bound in zip(images.reshape(4, 2, 4).numpy(), bounds[-1], strict=True):
        exact = -logsumexp(-hidden_energies(small(), image))
        assert exact - 1e-12 <= float(bound) < exact + 0.5


def test_without_links_the_bound_is_tight() -> None:
    network, images = small(), torch.rand(3, 2, 2, 2, dtype=torch.float64)
    for link in network.links:
        torch.nn.init.zeros_(link)
    for image, bound in zip(images.reshape(3, 2, 4).numpy(), network.free_energy(images).detach(), strict=True):
        assert float(bound) == pytest.approx(-logsumexp(-hidden_energies(network, image)), abs=1e-12)


def test_the_gradient_runs_through_the_unrolled_steps_to_both_modalities() -> None:
    network = small()
    images = torch.rand(2, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(network, images)
    gradient = torch.autograd.grad(network(images)[:, 0].sum(), images)[0]
    assert (gradient.abs().sum(dim=(2, 3)) > 0).all()


def test_other_modalities_and_arguments_are_refused() -> None:
    with pytest.raises(ModelError, match=r"expected \(B, 2, 2, 2\)"):
        small()(torch.zeros(1, 1, 2, 2))
    with pytest.raises(ModelError, match="1 to 1000 steps"):
        build(steps=0)
