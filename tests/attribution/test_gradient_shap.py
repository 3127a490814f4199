from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from tests.attribution.networks import SIZE, Linear, Wrapped, images, scene, small_cnn
from xaimed.attribution import GradientSHAP, IntegratedGradients
from xaimed.attribution.baseline import Background
from xaimed.errors import InputError, PlanError


@pytest.mark.parametrize("samples", [1, 20, 48])
def test_a_linear_model_is_exact(samples: int) -> None:
    net, image, others = Linear(), images(1), images(5, seed=8)
    found = GradientSHAP(samples=samples, background=Background(others)).attribute(scene(net, image))
    assert np.allclose(found.values, (net.weight * (image - others.mean(0))).detach()[0, 0], atol=1e-5)
    assert 5 <= found.facts["samples"] <= 5 * -(-samples // 5)
    assert found.facts["completeness_error"] < 1e-4


def test_it_equals_shap_on_a_linear_model() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap
    net, image, others = Linear(), images(1), images(1, seed=8)
    theirs = shap.GradientExplainer(net, others).shap_values(image, nsamples=10, rseed=0)
    ours = GradientSHAP(samples=10, background=Background(others))(net, image)
    assert np.allclose(ours.maps[0], np.asarray(theirs).reshape(SIZE, SIZE), atol=1e-4)


def test_it_approaches_integrated_gradients_of_its_baseline() -> None:
    net, image = small_cnn(), images(1)
    view = scene(net, image)
    exact = IntegratedGradients(baselines=("black",), steps=2000, max_steps=2000, tolerance=1.0).attribute(
        view
    )
    black = Background(torch.zeros_like(image))
    errors = [
        np.linalg.norm(GradientSHAP(samples=count, background=black).attribute(view).values - exact.values)
        / np.linalg.norm(exact.values)
        for count in (4, 400)
    ]
    assert errors[1] < 0.02 < errors[0]


def test_strata_are_closer_to_complete_than_independent_draws() -> None:
    net, image, others = small_cnn(), images(1), images(8, seed=8)
    view = scene(net, image, target=1)
    strata = [
        GradientSHAP(samples=32, background=Background(others), seed=seed)
        .attribute(view)
        .facts["completeness_error"]
        for seed in range(8)
    ]
    generator = torch.Generator().manual_seed(0)
    free = []
    for _ in range(8):
        start = others[torch.randint(8, (32,), generator=generator)]
        points = start + torch.rand(32, 1, 1, 1, generator=generator) * (image - start)
        points.requires_grad_()
        (gradient,) = torch.autograd.grad(net(points)[:, 1].sum(), points)
        total = float((gradient * (image - start)).sum() / 32)
        with torch.no_grad():
            difference = float(net(image)[0, 1] - net(others)[:, 1].mean())
        free.append(abs(total - difference) / abs(difference))
    assert np.mean(strata) < 0.5 * np.mean(free)


def test_seeds_repeat_and_differ() -> None:
    view = scene(small_cnn(), images(1))
    first, again, other = (GradientSHAP(seed=seed).attribute(view).values for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_a_dummy_pixel_gets_nothing() -> None:
    found = GradientSHAP().attribute(scene(Wrapped(lambda x: x[:, 0, 2, 2] ** 2), images(1)))
    assert np.count_nonzero(found.values) == 1


def test_a_background_is_checked_and_named_by_digest() -> None:
    with pytest.raises(InputError, match=r"expected finite images"):
        Background(torch.zeros(0, 1, 4, 4))
    with pytest.raises(InputError, match="the same channels and size"):
        GradientSHAP(background=Background(torch.zeros(2, 1, 4, 4))).attribute(scene(Linear(), images(1)))
    with pytest.raises(PlanError, match="noise >= 0"):
        GradientSHAP(noise=-1)
    same = [repr(GradientSHAP(background=Background(torch.ones(2, 1, 4, 4)))) for _ in range(2)]
    assert same[0] == same[1] != repr(GradientSHAP(background=Background(torch.zeros(2, 1, 4, 4))))


def test_strata_are_unbiased_for_expected_gradients() -> None:
    """The mean of many draws is the exact mean over the background, closer by far than one draw is."""
    net, image, others = small_cnn(), images(1), images(8, seed=8)
    view = scene(net, image, target=1)
    exact = torch.zeros(SIZE, SIZE, dtype=torch.float64)
    for other in others:
        points = (other + ((torch.arange(400) + 0.5) / 400).view(-1, 1, 1, 1) * (image - other)).requires_grad_()
        (gradient,) = torch.autograd.grad(net(points)[:, 1].sum(), points)
        exact += ((image - other)[0] * gradient.detach()).double().mean(0)[0] / 8
    maps = [GradientSHAP(samples=8, background=Background(others), seed=seed).attribute(view).values
            for seed in range(60)]
    each = np.mean([np.linalg.norm(one - exact.numpy()) for one in maps])
    assert np.linalg.norm(np.mean(maps, axis=0) - exact.numpy()) < 2 * each / 60**0.5
