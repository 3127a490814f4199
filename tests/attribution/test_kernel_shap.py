from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.attribution.networks import SIZE, Linear, Wrapped, images, scene, small_cnn
from xaimed.attribution import KernelSHAP
from xaimed.attribution.baseline import baseline
from xaimed.attribution.regions import Shape, region_labels
from xaimed.errors import PlanError

HALF = SIZE // 2


def quarters() -> np.ndarray:
    labels = (np.arange(SIZE) >= HALF).astype(int)
    return labels[:, None] * 2 + labels[None]


@pytest.mark.parametrize("evaluations", [256, 60])
@pytest.mark.parametrize("shape", ["grid", "slic"])
def test_a_linear_model_is_exact(evaluations: int, shape: Shape) -> None:
    net, image = Linear(), images(1)
    view = scene(net, image)
    method = KernelSHAP(regions=16, evaluations=evaluations, shape=shape)
    found = method.attribute(view)
    content = baseline(view, "blur")
    labels = region_labels(view, content, (16, shape)).numpy()
    gains = (net.weight * (image - content)).detach()[0, 0].double().numpy()
    for region in range(labels.max() + 1):
        inside = labels == region
        assert found.values[inside].sum() == pytest.approx(gains[inside].sum(), abs=1e-4)
        assert np.ptp(found.values[inside]) == 0.0
    assert found.facts["completeness_error"] < 1e-4
    assert found.facts["evaluations"] <= evaluations


def test_an_interaction_of_two_regions_is_shared_in_halves() -> None:
    def game(x: Tensor) -> Tensor:
        return x[:, 0, 1, 1] * x[:, 0, 1, -2] + 2 * x[:, 0, -2, 1] + 0.1

    image = torch.ones(1, 1, SIZE, SIZE)
    found = KernelSHAP(regions=4, baseline="black", shape="grid").attribute(scene(Wrapped(game), image))
    sums = [found.values[quarters() == region].sum() for region in range(4)]
    assert sums == pytest.approx([0.5, 0.5, 2.0, 0.0], abs=1e-6)
    assert found.facts["exact"] == 1.0
    assert found.facts["evaluations"] == 16


def test_it_equals_shap_over_the_same_regions() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap
    net, image = small_cnn(), images(1)
    view = scene(net, image)
    content, labels = baseline(view, "blur"), region_labels(view, baseline(view, "blur"), (9, "grid"))

    def play(members: np.ndarray) -> np.ndarray:
        seen = torch.from_numpy(members > 0.5)[:, labels][:, None]
        with torch.no_grad():
            return net(torch.where(seen, image, content))[:, 0].double().numpy()

    players = int(labels.max()) + 1
    explainer = shap.KernelExplainer(play, np.zeros((1, players)))
    theirs = explainer.shap_values(np.ones((1, players)), nsamples=2**players, silent=True, l1_reg=False)
    found = KernelSHAP(regions=9, evaluations=2**players, shape="grid").attribute(view)
    ours = [found.values[labels.numpy() == region].sum() for region in range(players)]
    assert ours == pytest.approx(list(np.ravel(theirs)), abs=1e-5)


def test_a_mark_in_the_air_is_a_region_of_its_own() -> None:
    tissue = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    tissue[:, :HALF] = True
    image = torch.rand(1, 1, SIZE, SIZE) * tissue
    image[..., 2, -2] = 1.0
    view = scene(Wrapped(lambda x: 5 * x[:, 0, 2, -2] + 0 * x.sum((1, 2, 3))), image, tissue=tissue)
    found = KernelSHAP(regions=4).attribute(view)
    assert found.values[:, HALF:].sum() == pytest.approx(5.0, abs=1e-5)
    assert np.abs(found.values[:, :HALF]).max() < 1e-6


def test_superpixels_follow_an_edge() -> None:
    image = torch.zeros(1, 1, 64, 64)
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    disc = (rows - 30) ** 2 + (columns - 34) ** 2 < 15**2
    image[..., disc] = 1.0
    view = scene(Linear(64), image)
    labels = region_labels(view, torch.zeros_like(image), (30, "slic"))
    mixed = sum(
        int(min((labels[disc] == region).sum(), (labels[~disc] == region).sum()))
        for region in labels.unique()
    )
    grid = region_labels(view, torch.zeros_like(image), (30, "grid"))
    straddling = sum(int(min((grid[disc] == r).sum(), (grid[~disc] == r).sum())) for r in grid.unique())
    assert mixed < straddling / 3


@pytest.mark.parametrize("count", [6, 24, 48])
def test_grey_is_cut_alike_on_one_plane_and_on_three_and_noise_still_has_regions(count: int) -> None:
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    generator = torch.Generator().manual_seed(1)
    grain = 0.03 * torch.randn(1, 1, 64, 64, generator=generator)
    image = columns / 128 + torch.exp(-((rows - 20) ** 2 + (columns - 30) ** 2) / 200) + grain
    one, three = (region_labels(scene(Linear(64), each), each * 0 - 1, (count, "slic"))
                  for each in (image, image.repeat(1, 3, 1, 1)))
    assert (one == three).float().mean() > 0.95
    assert count / 2 <= len(one.unique()) <= 1.2 * count
    colour = torch.rand(1, 3, 64, 64, generator=generator)
    assert len(region_labels(scene(Linear(64), colour), colour * 0 - 1, (count, "slic")).unique()) >= count / 2


def test_seeds_repeat_and_differ_and_few_evaluations_are_said() -> None:
    view = scene(small_cnn(), images(1))
    made = [
        KernelSHAP(regions=25, evaluations=64, shape="grid", seed=seed).attribute(view) for seed in (0, 0, 1)
    ]
    assert np.array_equal(made[0].values, made[1].values)
    assert not np.allclose(made[0].values, made[2].values)
    few = KernelSHAP(regions=25, evaluations=40, shape="grid").attribute(view)
    assert few.note == "40 evaluations for 25 regions"


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(PlanError, match="evaluations >= 4"):
        KernelSHAP(evaluations=2)
