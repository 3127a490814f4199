"""The free energy of Boltzmann machines against sums over every state, and its gradient in closed form."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from xaimed.architectures.class_rbm import ClassRBM
from xaimed.architectures.class_rbm import build as build_class
from xaimed.architectures.rbm import RBM, build
from xaimed.errors import ModelError

KINDS = ["binary", "gaussian"]


def machine(visible: int, hidden: int, kind: str) -> RBM:
    torch.manual_seed(0)
    rbm = RBM(visible, hidden, kind).double()
    for weight in rbm.parameters():
        torch.nn.init.normal_(weight, std=0.7)
    return rbm


def energy(rbm: RBM, v: np.ndarray, h: np.ndarray) -> float:
    w, b, c = (weight.detach().numpy() for weight in (rbm.weight, rbm.visible_bias, rbm.hidden_bias))
    own = -b @ v if rbm.kind == "binary" else ((v - b) ** 2).sum() / 2
    return float(own - c @ h - h @ w @ v)


def states(units: int) -> np.ndarray:
    return np.array(list(itertools.product([0.0, 1.0], repeat=units)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_free_energy_is_the_sum_over_hidden_states(kind: str) -> None:
    rbm = machine(6, 5, kind)
    images = torch.rand(4, 1, 2, 3, dtype=torch.float64)
    for image, found in zip(images.reshape(4, 6).numpy(), rbm(images).detach(), strict=True):
        expected = -logsumexp([-energy(rbm, image, h) for h in states(5)])
        assert float(found) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_its_gradient_in_closed_form_is_autograds_and_the_differences(kind: str) -> None:
    rbm = machine(6, 5, kind)
    images = torch.rand(3, 1, 2, 3, dtype=torch.float64, requires_grad=True)
    closed = rbm.free_energy_gradient(images)
    automatic = torch.autograd.grad(rbm.free_energy(images).sum(), images)[0]
    torch.testing.assert_close(closed, automatic, rtol=0, atol=1e-12)
    step = torch.zeros_like(images)
    step[:, 0, 1, 2] = 1e-5
    slope = (rbm(images + step) - rbm(images - step)) / 2e-5
    torch.testing.assert_close(closed[:, 0, 1, 2], slope, rtol=0, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_the_conditional_means_are_those_of_the_energy(kind: str) -> None:
    rbm = machine(4, 3, kind)
    v = np.array([0.2, 0.9, 0.4, 0.7])
    weights = np.exp([-energy(rbm, v, h) for h in states(3)])
    expected = weights @ states(3) / weights.sum()
    assert rbm.hidden_mean(torch.from_numpy(v)[None])[0].detach().numpy() == pytest.approx(expected, abs=1e-12)
    if kind == "binary":
        h = np.array([1.0, 0.0, 1.0])
        weights = np.exp([-energy(rbm, v, h) for v in states(4)])
        expected = weights @ states(4) / weights.sum()
        assert rbm.visible_mean(torch.from_numpy(h)[None])[0].detach().numpy() == pytest.approx(expected, abs=1e-12)


def test_gaussian_visible_units_have_the_mean_and_the_variance_of_the_energy() -> None:
    rbm, h = machine(2, 3, "gaussian"), torch.tensor([[1.0, 0.0, 1.0]], dtype=torch.float64)
    torch.manual_seed(1)
    drawn = rbm.visible_sample(h.expand(40_000, -1))
    # The energy is |v - (b + W'h)|^2 / 2 and a constant.
    expected = rbm.visible_bias + rbm.weight.T @ h[0]
    torch.testing.assert_close(drawn.mean(dim=0), expected.detach(), rtol=0, atol=0.02)
    torch.testing.assert_close(drawn.var(dim=0), torch.ones(2, dtype=torch.float64), rtol=0, atol=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_the_class_probabilities_are_those_of_the_joint_energy(kind: str) -> None:
    torch.manual_seed(0)
    network = build_class(outputs=3, shape=(1, 1, 4), hidden=4, visible=kind).double()
    assert isinstance(network, ClassRBM)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.7)
    u, d = network.class_weight.detach().numpy(), network.class_bias.detach().numpy()
    v = np.array([0.3, 0.8, 0.1, 0.5])
    by_class = np.array([logsumexp([-energy(network.rbm, v, h) + h @ u[:, y] + d[y] for h in states(4)])
                         for y in range(3)])
    image = torch.from_numpy(v).reshape(1, 1, 1, 4)
    found = network(image)[0].softmax(dim=0).detach().numpy()
    assert found == pytest.approx(np.exp(by_class - logsumexp(by_class)), abs=1e-12)
    assert float(network.free_energy(image).detach()) == pytest.approx(-logsumexp(by_class), abs=1e-12)
    assert float(network.joint_free_energy(image, torch.tensor([2])).detach()) == pytest.approx(-by_class[2], abs=1e-12)


def test_units_and_images_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ModelError, match="binary or gaussian"):
        build(visible="poisson")
    with pytest.raises(ModelError, match="expected 784"):
        build()(torch.zeros(2, 1, 20, 20))
