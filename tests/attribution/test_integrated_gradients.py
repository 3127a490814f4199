from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.attribution.networks import SIZE, Linear, Wrapped, images, scene, small_cnn
from xaimed.attribution import IntegratedGradients
from xaimed.attribution.baseline import baseline
from xaimed.attribution.integrated_gradients import completeness_error
from xaimed.errors import NotFound, PlanError


@pytest.mark.parametrize("kinds", [("black",), ("blur",), ("tissue_median", "noise", "black")])
def test_a_linear_model_is_exact(kinds: tuple[str, ...]) -> None:
    net, image = Linear(), images(1)
    view = scene(net, image)
    found = IntegratedGradients(baselines=kinds).attribute(view)
    starts = torch.cat([baseline(view, kind, number) for number, kind in enumerate(kinds)])
    expected = (net.weight * (image - starts.mean(0))).detach()[0, 0]
    assert np.allclose(found.values, expected, atol=1e-5)
    assert found.facts["completeness_error"] < 1e-4
    # The first places are enough: fourteen inside each path and the image's own for all; and the scores at the ends.
    assert found.facts["evaluations"] == 14 * len(kinds) + 1 + len(kinds) + 1


def test_a_quadratic_is_the_square_and_the_cubic_converges() -> None:
    image = images(1)
    square = IntegratedGradients(baselines=("black",)).attribute(
        scene(Wrapped(lambda x: (x**2).sum((1, 2, 3))), image)
    )
    assert np.allclose(square.values, image[0, 0] ** 2, atol=1e-6)
    cubic = IntegratedGradients(baselines=("black",), steps=8, max_steps=24).attribute(
        scene(Wrapped(lambda x: (x**3).sum((1, 2, 3))), image)
    )
    # The trapezoid rule on 3 a^2 with gaps of 1 / n overshoots by 1 / (2 n^2); halved gaps bring it down.
    exact = image[0, 0].numpy() ** 3
    assert np.all(np.abs(cubic.values - exact) <= exact * 0.5 / 7.5**2 + 1e-6)
    assert cubic.facts["map_error"] < 0.01


def test_saturation_is_seen_where_the_gradient_is_zero() -> None:
    image = torch.ones(1, 1, SIZE, SIZE)

    def saturated(batch: Tensor) -> Tensor:
        return batch[:, 0, 3, 4].clamp(max=0.25) + 0 * batch.sum((1, 2, 3))

    found = IntegratedGradients(baselines=("black",)).attribute(scene(Wrapped(saturated), image))
    assert found.values[3, 4] == pytest.approx(0.25, abs=0.01)
    assert np.abs(found.values).sum() == pytest.approx(0.25, abs=0.01)


def test_symmetric_pixels_get_the_same_and_a_dummy_nothing() -> None:
    image = torch.full((1, 1, SIZE, SIZE), 0.8)
    net = Wrapped(lambda x: (x[:, 0, 0, 0] * x[:, 0, 5, 5]).sin() + x[:, 0, 2, 2] ** 3)
    found = IntegratedGradients(baselines=("black",)).attribute(scene(net, image))
    assert found.values[0, 0] == pytest.approx(found.values[5, 5], rel=1e-6)
    assert found.values[9, 9] == 0.0


def test_complete_maps_that_have_not_converged_go_on() -> None:
    """The steps of two pixels cancel in the sum: completeness alone would stop at once."""

    def steps(x: Tensor) -> Tensor:
        up, down = (torch.sigmoid(150 * (x[:, 0, 0, i] - 0.55)) for i in (0, 1))
        return up - down + x[:, 0, 4, 4]

    view = scene(Wrapped(steps), torch.ones(1, 1, SIZE, SIZE))
    early = IntegratedGradients(baselines=("black",), tolerance=10.0).attribute(view)
    late = IntegratedGradients(baselines=("black",), max_steps=2000).attribute(view)
    assert early.facts["completeness_error"] < 0.01
    assert late.facts["steps"] > early.facts["steps"]
    assert abs(late.values[0, 0] - 1) < 0.05 < abs(early.values[0, 0] - 1)


def test_what_was_not_reached_is_said() -> None:
    view = scene(Wrapped(lambda x: torch.sigmoid(500 * (x[:, 0, 3, 3] - 0.51))), torch.ones(1, 1, SIZE, SIZE))
    found = IntegratedGradients(baselines=("black",), max_steps=16).attribute(view)
    assert found.note.startswith("not converged: completeness error")
    assert found.facts["steps"] == 16


def test_every_place_is_evaluated_once_and_the_map_is_the_trapezoid_rule_on_them() -> None:
    net, image, seen = small_cnn(), images(1), list[float]()
    pixel = int(image.argmax())

    def noted(batch: Tensor) -> Tensor:
        if batch.requires_grad:
            seen.extend((batch.detach().flatten(1)[:, pixel] / image.flatten()[pixel]).tolist())
        return net(batch)[:, 0]

    method = IntegratedGradients(baselines=("black",), max_steps=40, tolerance=0.0)
    found = method.attribute(scene(Wrapped(noted), image))
    places = np.unique(np.round(seen, 6))
    assert len(places) == len(seen) == found.facts["steps"] == 40
    points = (torch.from_numpy(np.sort(seen)).float().view(-1, 1, 1, 1) * image).requires_grad_()
    (gradient,) = torch.autograd.grad(net(points)[:, 0].sum(), points)
    slopes = (gradient * image)[:, 0].double().numpy()
    area = np.trapezoid(slopes, np.sort(seen), axis=0)
    # Below the first place the slope goes on along the line to the first place that is twice as far.
    first = np.sort(seen)[0]
    other = int(np.argmax(np.sort(seen) >= 2 * first * (1 - 1e-6)))
    area += first * slopes[0] - first**2 / 2 * (slopes[other] - slopes[0]) / (np.sort(seen)[other] - first)
    assert np.allclose(found.values, area, atol=1e-6)


def test_it_is_as_close_to_captum_with_a_thousand_steps_as_it_says() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from captum.attr import IntegratedGradients as Theirs
    net, image = small_cnn(), images(1)
    theirs = Theirs(net).attribute(image, image * 0, target=1, n_steps=1000, method="riemann_middle").detach()[0, 0]
    for tolerance in (0.03, 0.01, 0.004):
        method = IntegratedGradients(baselines=("black",), max_steps=400, tolerance=tolerance, completeness=1.0)
        found = method(net, image, targets=[1])
        error = np.linalg.norm(found.maps[0] - theirs.numpy()) / np.linalg.norm(theirs)
        assert found.facts[0]["map_error"] <= tolerance
        assert error < 1.5 * tolerance


def test_chunks_change_nothing() -> None:
    net, image = small_cnn(), images(1)
    maps = [IntegratedGradients().attribute(scene(net, image, chunk=chunk)).values for chunk in (1, 5, 100)]
    assert np.allclose(maps[0], maps[1], atol=1e-6)
    assert np.allclose(maps[0], maps[2], atol=1e-6)


def test_a_mark_in_the_air_counts_and_empty_air_does_not() -> None:
    tissue = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    tissue[:, :8] = True
    image = torch.rand(1, 1, SIZE, SIZE) * tissue
    image[..., 2, 14] = 1.0
    found = IntegratedGradients().attribute(scene(Wrapped(lambda x: x.sum((1, 2, 3))), image, tissue=tissue))
    assert found.values[2, 14] == pytest.approx(1.0, abs=1e-5)
    assert np.delete(found.values[:, 8:].ravel(), 2 * 8 + 6).max() == 0.0


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(PlanError, match="expected a baseline or more"):
        IntegratedGradients(baselines=())
    with pytest.raises(PlanError, match="1 <= steps <= max_steps"):
        IntegratedGradients(steps=300)
    with pytest.raises(NotFound, match="did you mean 'blur'"):
        IntegratedGradients(baselines=("blurr",)).attribute(scene(Linear(), images(1)))


def test_rounding_of_large_scores_is_no_lack_of_completeness() -> None:
    net, image = small_cnn(), images(1)
    plain = IntegratedGradients().attribute(scene(net, image))
    for offset, factor in ((100.0, 1e-3), (0.0, 1e-7)):
        found = IntegratedGradients().attribute(scene(Wrapped(
            lambda x, offset=offset, factor=factor: factor * net(x)[:, 0] + offset), image))
        assert found.note == ""
        assert found.facts["evaluations"] <= plain.facts["evaluations"] + 1
        assert np.allclose(found.values / factor, plain.values, atol=0.02 * np.abs(plain.values).max())


def test_the_completeness_error_is_a_share_of_the_difference_at_any_scale() -> None:
    values = torch.full((2, 2), 0.275)
    for factor in (1.0, 1e-7):
        assert completeness_error(factor * values, factor * 2.0, factor) == pytest.approx(0.1, rel=1e-3)
    assert completeness_error(torch.zeros(2, 2), 5.0, 5.0) == 0.0
    assert completeness_error(values, 5.0, 5.0) > 1e3
