from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.attribution.networks import Linear, Wrapped, images, scene, small_cnn
from xaimed.attribution import PartitionSHAP
from xaimed.errors import PlanError


def tangled(x: Tensor) -> Tensor:
    """A function in which every pixel meets others."""
    flat = x.flatten(1)
    weight = torch.randn(flat.shape[1], 9, generator=torch.Generator().manual_seed(0))
    return (flat @ weight - 0.3).relu().sum(1) + flat.prod(1)


def orders(pixels: list[tuple[int, int]], shape: tuple[int, int]) -> list[list[tuple[int, int]]]:
    """Every order of a rectangle's pixels in which no half is entered before the other is done."""
    height, width = shape
    if height * width == 1:
        return [pixels]
    axis = 0 if height >= width else 1
    half = shape[axis] // 2
    edge = min(pixel[axis] for pixel in pixels) + half
    first = [pixel for pixel in pixels if pixel[axis] < edge]
    second = [pixel for pixel in pixels if pixel[axis] >= edge]
    one = (half, width) if axis == 0 else (height, half)
    two = (height - half, width) if axis == 0 else (height, width - half)
    found = []
    for a, b in product(orders(first, one), orders(second, two)):
        found += [a + b, b + a]
    return found


@pytest.mark.parametrize("shape", [(2, 3), (4, 2), (1, 5)])
def test_it_is_the_mean_gain_over_the_orders_that_keep_to_the_hierarchy(shape: tuple[int, int]) -> None:
    image = torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(1)) + 0.1
    found = PartitionSHAP(evaluations=500, baseline="black").attribute(scene(Wrapped(tangled), image))
    total = np.zeros(shape)
    ways = orders([(y, x) for y in range(shape[0]) for x in range(shape[1])], shape)
    for way in ways:
        shown = torch.zeros_like(image)
        before = float(tangled(shown))
        for y, x in way:
            shown[..., y, x] = image[..., y, x]
            after = float(tangled(shown))
            total[y, x] += after - before
            before = after
    assert np.allclose(found.values, total / len(ways), atol=1e-5)
    assert found.facts["exact"] == 1.0


def test_it_equals_shap_on_a_small_image() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap
    image = images(1, size=4)

    def play(batch: np.ndarray) -> np.ndarray:
        return tangled(torch.from_numpy(np.asarray(batch, np.float32)).permute(0, 3, 1, 2))[:, None].numpy()

    explainer = shap.PartitionExplainer(play, shap.maskers.Image(np.zeros((4, 4, 1), np.float32)))
    theirs = explainer(image[0].permute(1, 2, 0).numpy()[None], max_evals=1000, silent=True).values
    found = PartitionSHAP(evaluations=1000, baseline="black").attribute(scene(Wrapped(tangled), image))
    assert np.allclose(found.values, np.squeeze(theirs), atol=1e-5)


@pytest.mark.parametrize("evaluations", [2, 3, 17, 64, 400])
def test_any_number_of_evaluations_keeps_the_sum(evaluations: int) -> None:
    net = small_cnn()
    found = PartitionSHAP(evaluations=evaluations).attribute(scene(net, images(1)))
    assert found.facts["completeness_error"] < 1e-4
    assert found.facts["evaluations"] <= evaluations
    assert found.facts["exact"] == 0.0


def test_a_linear_model_is_exact_wherever_it_was_halved() -> None:
    net, image = Linear(4), images(1, size=4)
    found = PartitionSHAP(evaluations=1000, baseline="black").attribute(scene(net, image))
    assert np.allclose(found.values, (net.weight * image).detach().numpy()[0, 0], atol=1e-5)


def test_it_goes_where_the_score_looks_and_spends_nothing_on_air() -> None:
    image = torch.zeros(1, 1, 64, 64)
    image[..., 40, 8:12] = 1.0
    view = scene(Wrapped(lambda x: 3 * x[:, 0, 40, 8] * x[:, 0, 40, 9] + x[:, 0, 40, 11]), image)
    found = PartitionSHAP(evaluations=100, baseline="black").attribute(view)
    assert found.facts["exact"] == 1.0
    assert found.facts["evaluations"] < 20
    assert found.values[40, 8:12] == pytest.approx([1.5, 1.5, 0.0, 1.0], abs=1e-6)
    assert np.count_nonzero(found.values) == 3


def test_batches_score_without_gradient_and_what_is_not_finite() -> None:
    net, image = small_cnn(), images(1)
    maps = [PartitionSHAP(evaluations=60).attribute(scene(net, image, chunk=chunk)).values for chunk in (1, 8)]
    assert np.allclose(maps[0], maps[1], atol=1e-6)
    view = scene(net, image)
    stepped = replace(view, score=lambda x: torch.from_numpy(view.score(x).detach().numpy().round(3)))
    assert np.ptp(PartitionSHAP(evaluations=60).attribute(stepped).values) > 0
    lost = replace(view, score=lambda x: view.score(x) * torch.nan)
    found = PartitionSHAP(evaluations=60).attribute(lost)
    assert found.note == "not finite: began in the score, behind the last layer"
    assert found.facts["evaluations"] == 2


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(PlanError, match="evaluations >= 2"):
        PartitionSHAP(evaluations=1)
    with pytest.raises(PlanError, match="smallest >= 1"):
        PartitionSHAP(smallest=0)
