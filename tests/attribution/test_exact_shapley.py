from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.attribution.networks import SIZE, Linear, Wrapped, images, scene, small_cnn
from tests.attribution.test_shapley import by_permutations
from xaimed.attribution import ExactShapley, KernelSHAP, PartitionSHAP
from xaimed.attribution.baseline import baseline
from xaimed.attribution.method import Method
from xaimed.attribution.regions import region_labels
from xaimed.errors import PlanError
from xaimed.scene import Joint

HALF = SIZE // 2
ADDITIVE: tuple[Method, ...] = (
    ExactShapley(regions=4, baseline="black"),
    KernelSHAP(regions=4, shape="grid", baseline="black"),
    PartitionSHAP(smallest=HALF, baseline="black"),
)


def quarters(values: np.ndarray) -> list[float]:
    return [float(v) for v in values.reshape(2, HALF, 2, HALF).sum((1, 3)).flatten()]


@pytest.mark.parametrize("method", ADDITIVE, ids=lambda method: method.name)
def test_a_linear_model_is_exact(method: Method) -> None:
    net, image = Linear(), images(1)
    gains = (net.weight * image).detach().numpy()[0, 0]
    assert quarters(method.attribute(scene(net, image)).values) == pytest.approx(quarters(gains), abs=1e-4)


@pytest.mark.parametrize("method", ADDITIVE, ids=lambda method: method.name)
def test_equals_share_alike_a_dummy_gets_nothing_and_the_sum_is_kept(method: Method) -> None:
    def game(x: Tensor) -> Tensor:
        return 6 * x[:, 0, 0, 0] * x[:, 0, 0, -1] + (x[:, 0, -1, 0] * 2).tanh() + 0.5

    found = method.attribute(scene(Wrapped(game), torch.ones(1, 1, SIZE, SIZE)))
    assert quarters(found.values) == pytest.approx([3.0, 3.0, np.tanh(2.0), 0.0], abs=1e-5)
    assert found.facts["f_input"] - found.facts["f_baseline"] == pytest.approx(6 + np.tanh(2.0), abs=1e-5)
    assert found.facts["completeness_error"] < 1e-6


def test_it_is_the_mean_over_all_orders() -> None:
    net, image = small_cnn(), images(1)
    view = scene(net, image)
    content = baseline(view, "blur")
    labels = region_labels(view, content, (6, "grid"))

    def game(members: np.ndarray) -> np.ndarray:
        seen = torch.from_numpy(members)[:, labels][:, None]
        with torch.no_grad():
            return net(torch.where(seen, image, content))[:, 0].double().numpy()

    players = int(labels.max()) + 1
    found = ExactShapley(regions=6).attribute(view)
    sums = [found.values[labels.numpy() == region].sum() for region in range(players)]
    worth = game((np.arange(2**players)[:, None] >> np.arange(players)) & 1 == 1)
    known = by_permutations(lambda members: worth[members @ (1 << np.arange(players))], players)
    assert sums == pytest.approx(list(known), abs=1e-5)
    assert found.facts["evaluations"] == 2**players


@pytest.mark.parametrize("method", [ExactShapley(regions=4), KernelSHAP(regions=20, evaluations=64, shape="grid")],
                         ids=lambda method: method.name)
def test_boxes_of_one_image_share_the_coalitions_and_one_may_be_lost(method: Method) -> None:
    net, image = small_cnn(), images(1)
    lose = torch.tensor([1.0, 1.0, torch.nan])
    joint = Joint(scores=lambda x: net(x) * lose, similarities=lambda x: net(x).sigmoid(), size=3)
    scenes = [replace(scene(net, image, t), joint=joint, column=t) for t in (0, 1, 2)]
    found = method.attribute_all(scenes)
    for target in (0, 1):
        alone = method.attribute(scene(net, image, target, chunk=1))
        assert np.allclose(found[target].values, alone.values, atol=1e-6)
        assert found[target].facts["f_input"] == pytest.approx(alone.facts["f_input"], abs=1e-6)
    assert found[2].note == "not finite"


def test_a_score_without_gradient_serves() -> None:
    view = scene(small_cnn(), images(1))
    stepped = replace(view, score=lambda x: torch.from_numpy(view.score(x).detach().numpy().round(3)))
    found = ExactShapley(regions=4).attribute(stepped)
    assert np.ptp(found.values) > 0
    assert found.facts["completeness_error"] < 1e-4


def test_more_than_twelve_regions_are_refused() -> None:
    with pytest.raises(PlanError, match=r"regions 13.*1 to 12 regions.*use kernel_shap"):
        ExactShapley(regions=13)


def test_a_cut_into_more_than_twelve_is_made_coarser() -> None:
    tissue = torch.zeros(60, 60, dtype=torch.bool)
    for row in range(0, 60, 12):
        for column in range(0, 60, 12):
            tissue[row : row + 4, column : column + 4] = True
    view = scene(Linear(60), images(1, size=60), tissue=tissue)
    assert int(region_labels(view, baseline(view, "blur"), (12, "grid")).max()) + 1 > 12
    found = ExactShapley(regions=12).attribute(view)
    assert 1 <= found.facts["regions"] <= 12
