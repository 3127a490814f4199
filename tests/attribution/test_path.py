"""The path integral: its estimated error against the true one, on networks and on steps with a known answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import xaimed.attribution.path as engine
from tests.attribution.networks import SIZE, Wrapped, images, scene, small_cnn
from tests.attribution.test_cam import three
from xaimed.attribution import GradientSHAP, IntegratedGradients
from xaimed.attribution.path import PathIntegral, groups
from xaimed.scene import Scene


def reference(view: Scene, start: Tensor, steps: int = 1000) -> Tensor:
    """The plain midpoint rule with many steps, written out."""
    total = torch.zeros(view.image.shape[-2:], dtype=torch.float64)
    way = view.image - start
    for part in torch.split((torch.arange(steps) + 0.5) / steps, 100):
        points = (start + part.view(-1, 1, 1, 1) * way).requires_grad_()
        (gradient,) = torch.autograd.grad(view.score(points).sum(), points)
        total += (gradient * way).double().sum((0, 1)) / steps
    return total


def true_error(path: PathIntegral, exact: Tensor) -> float:
    return float((path.values[0] - exact).norm() / path.values[0].norm())


def deep(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    parts: list[nn.Module] = []
    for before, after in ((1, 8), (8, 8), (8, 16)):
        parts += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(16 * (SIZE // 8) ** 2, 3)).eval()


def test_the_estimated_error_is_the_true_one_on_relu_networks() -> None:
    """Over networks and stages of refinement: right on average, and never off by more than a factor of two."""
    ratios = []
    for seed in range(4):
        view = scene(deep(seed), images(1, seed=seed))
        start = torch.zeros_like(view.image)
        exact = reference(view, start)
        path = PathIntegral([view], start, steps=10)
        for rounds in (1, 3, 3):
            for _ in range(rounds):
                path.refine()
            ratios.append(path.errors()[0] / true_error(path, exact))
    assert min(ratios) > 0.5
    assert max(ratios) < 2.0
    assert np.exp(np.mean(np.log(ratios))) == pytest.approx(1.0, abs=0.25)


def test_the_estimate_is_on_the_safe_side_for_a_smooth_gradient() -> None:
    image = images(1)
    path = PathIntegral([scene(Wrapped(lambda x: (x**3).sum((1, 2, 3))), image)], image * 0, steps=5)
    exact = image[0, 0].double() ** 3
    # Gaps of 1 / 4.5.
    assert true_error(path, exact) < 0.025
    assert 1.0 < path.errors()[0] / true_error(path, exact) < 3.0


def test_one_per_cent_takes_fewer_evaluations_than_a_hundred_fixed_steps() -> None:
    """A score that is steep in one place, as a trained detector's is: local refinement finds it."""
    image = torch.ones(1, 1, SIZE, SIZE)
    weights = images(1, seed=5)

    def steep(x: Tensor) -> Tensor:
        mean = (x * weights).sum((1, 2, 3)) / weights.sum()
        return torch.sigmoid(80 * (mean - 0.31)) * (x**2 * weights).mean((1, 2, 3))

    view = scene(Wrapped(steep), image)
    exact = reference(view, image * 0)
    found = IntegratedGradients(baselines=("black",)).attribute(view)
    assert found.note == ""
    error = np.linalg.norm(found.values - exact.numpy()) / exact.norm()
    assert error < 0.01
    assert found.facts["evaluations"] <= 60


def refined(view: Scene) -> PathIntegral:
    path = PathIntegral([view], view.image * 0, steps=4)
    for _ in range(4):
        path.refine()
    return path


def test_gradients_that_are_not_held_are_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    view = scene(small_cnn(), images(1))
    held = refined(view)
    monkeypatch.setattr(engine, "HELD", 0)
    lean = refined(view)
    assert torch.allclose(held.values, lean.values, atol=1e-6)
    # Four places make four gaps.
    assert held.evaluations == 4 + 4 + 3 * 8
    assert lean.evaluations > held.evaluations


def test_gradient_shap_is_within_six_per_cent_at_32_evaluations() -> None:
    errors = []
    for seed in range(4):
        view = scene(deep(seed), images(1, seed=seed), target=1)
        found = GradientSHAP(samples=32, baselines=3, seed=seed).attribute(view)
        assert found.facts["samples"] <= 32
        starts = GradientSHAP(baselines=3, seed=seed)._starts(view, torch.Generator().manual_seed(seed))
        exact = torch.stack([reference(view, start[None], 600) for start in starts]).mean(0).numpy()
        error = np.linalg.norm(found.values - exact) / np.linalg.norm(exact)
        assert 0.4 < found.facts["map_error"] / error < 2.5
        errors.append(abs(found.values.sum() - exact.sum()) / np.abs(exact).sum())
    assert max(errors) < 0.06


@pytest.mark.parametrize("chunk", [1, 3, 8])
def test_scenes_of_one_image_share_their_places_and_each_map_is_its_own(chunk: int) -> None:
    """Maps of three targets from two baselines, against the plain rule for each target and baseline."""
    net = deep(0)
    views = three(net, images(1))
    views = [replace(view, chunk=chunk) for view in views]
    starts = torch.cat([views[0].image * 0, images(1, seed=9) / 2])
    path = PathIntegral(views, starts, steps=6)
    while path.evaluations < 100:
        path.refine()
    for number, view in enumerate(views):
        exact = torch.stack([reference(view, start[None], 400) for start in starts]).mean(0)
        error = float((path.values[number] - exact).norm() / exact.norm())
        assert error < 0.04
        assert 0.5 < path.errors()[number] / error < 2.0


def test_scenes_whose_slopes_do_not_fit_go_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    views = three(small_cnn(), images(1))
    assert [len(some) for some in groups(views, 100)] == [3]
    monkeypatch.setattr(engine, "HELD", 2 * 100 * SIZE**2 * 4)
    assert [len(some) for some in groups(views, 100)] == [2, 1]
    parts = IntegratedGradients(max_steps=100, steps=20, tolerance=0.02).attribute_all(views)
    for one, view in zip(parts, views, strict=True):
        alone = IntegratedGradients(max_steps=100, steps=20, tolerance=0.02).attribute(view)
        assert np.linalg.norm(one.values - alone.values) < 0.04 * np.linalg.norm(alone.values)
