"""The path integral: its estimated error against the true one, on networks and on steps with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import xaimed.attribution.path as engine
from tests.attribution.networks import SIZE, Wrapped, images, scene, small_cnn
from xaimed.attribution import GradientSHAP, IntegratedGradients
from xaimed.attribution.path import PathIntegral
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
        path = PathIntegral([view], start, steps=5)
        for rounds in (1, 5, 6):
            for _ in range(rounds):
                path.refine()
            ratios.append(path.errors()[0] / true_error(path, exact))
    assert min(ratios) > 0.5
    assert max(ratios) < 2.0
    assert np.exp(np.mean(np.log(ratios))) == pytest.approx(1.0, abs=0.25)


def test_the_estimate_is_on_the_safe_side_for_a_smooth_gradient() -> None:
    image = images(1)
    path = PathIntegral([scene(Wrapped(lambda x: (x**3).sum((1, 2, 3))), image)], image * 0, steps=3)
    path.refine()
    exact = image[0, 0].double() ** 3
    # Smooth: an eighth of the change is left, the estimate says 1 / sqrt(8) of it (and adds the parts in squares).
    assert 1.0 < path.errors()[0] / true_error(path, exact) < 8**0.5 + 0.1


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
    assert held.evaluations == 4 + 8 + 3 * 8
    assert lean.evaluations == 4 + 12 + 3 * 12


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
