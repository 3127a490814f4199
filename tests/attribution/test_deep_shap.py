"""DeepSHAP and DeepLIFT: additive on stock networks, equal to shap and captum where those are right."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from tests.attribution.networks import SIZE, Linear, Wrapped, images, scene, small_cnn
from xaimed.architectures.five_block_rcnn import build
from xaimed.attribution import DeepLIFT, DeepSHAP
from xaimed.attribution.baseline import Background
from xaimed.errors import InputError, NotFound, PlanError, TargetError
from xaimed.hooks import frozen
from xaimed.scene import Joint
from xaimed.targets import log_odds


def vgg11_bn() -> nn.Module:
    """Its layers, with a small head in place of the three that hold 124 million weights."""
    layers = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["A"], batch_norm=True)
    return nn.Sequential(layers, nn.AdaptiveAvgPool2d((2, 2)), nn.Flatten(), nn.Linear(2048, 32), nn.ReLU(True),
                         nn.Dropout(), nn.Linear(32, 5))


def stock(name: str, **arguments: bool) -> Callable[[], nn.Module]:
    return lambda: getattr(torchvision.models, name)(weights=None, num_classes=5, **arguments)


NETWORKS = {
    "resnet18": stock("resnet18"),
    "vgg11_bn": vgg11_bn,
    "densenet121": stock("densenet121"),
    "mobilenet_v3_small": stock("mobilenet_v3_small"),
    "googlenet": stock("googlenet", aux_logits=False, init_weights=False),
    "squeezenet1_1": stock("squeezenet1_1"),
    "shufflenet_v2_x0_5": stock("shufflenet_v2_x0_5"),
}


def prepared(network: nn.Module) -> nn.Module:
    """With the batch statistics of random images, without which a deep random network gives nearly a constant."""
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None
            part.reset_running_stats()
    with torch.no_grad():
        network.train()(images(3, channels=3, size=48, seed=1))
    return network.eval()


@pytest.mark.parametrize("name", NETWORKS)
def test_stock_networks_are_additive(name: str) -> None:
    torch.manual_seed(0)
    network = prepared(NETWORKS[name]()).double()
    image, others = (images(n, 3, 40, seed=n).double() for n in (1, 2))
    with frozen(network), torch.no_grad():
        scores = log_odds(network(torch.cat([image, others])), 3)
    view = replace(scene(network, image), score=lambda x: log_odds(network(x), 3))
    found = DeepSHAP(background=Background(others)).attribute(view)
    assert found.facts["f_input"] == pytest.approx(float(scores[0]), rel=1e-9)
    assert found.facts["f_baseline"] == pytest.approx(float(scores[1:].mean()), rel=1e-9)
    assert found.facts["completeness_error"] <= 1e-9
    assert found.facts["evaluations"] == 3


def test_single_precision_is_additive_to_one_in_a_hundred_thousand() -> None:
    torch.manual_seed(0)
    network = prepared(stock("resnet18")())
    image, others = (images(n, 3, 64, seed=n) for n in (1, 4))
    found = DeepSHAP(background=Background(others)).attribute(scene(network, 2 * image, target=1))
    assert found.facts["completeness_error"] <= 1e-5
    assert found.values.sum() == pytest.approx(found.facts["f_input"] - found.facts["f_baseline"], rel=1e-5)


@pytest.mark.parametrize("pooled", [False, True])
def test_it_equals_shap_where_shap_is_right(pooled: bool) -> None:
    """Module activations, each used once and not in place, and windows that do not overlap."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

        network, image, others = plain_cnn(pooled), images(1), images(4, seed=8)
        theirs = shap.DeepExplainer(network, others).shap_values(image)
    ours = DeepSHAP(background=Background(others)).attribute(scene(network, image, target=1))
    assert np.allclose(ours.values, np.asarray(theirs)[0, 0, :, :, 1], atol=1e-5)
    assert np.abs(ours.values).max() > 1e-3


def test_it_equals_captum_where_captum_is_right() -> None:
    from captum.attr import DeepLift, DeepLiftShap

    network, image, others = plain_cnn(False), images(1), images(4, seed=8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = DeepLiftShap(network).attribute(image, others, target=1)[0, 0].detach().numpy()
        single = DeepLift(network).attribute(image, torch.zeros_like(image), target=1)[0, 0].detach().numpy()
    view = scene(network, image, target=1)
    assert np.allclose(DeepSHAP(background=Background(others)).attribute(view).values, theirs, atol=1e-5)
    assert np.allclose(DeepLIFT(baseline="black").attribute(view).values, single, atol=1e-5)


def plain_cnn(pooled: bool) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2) if pooled else nn.AvgPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * (SIZE // 2) ** 2, 12), nn.ReLU(),
        nn.Linear(12, 3)).eval()


class Rewritten(nn.Module):
    """The plain network with functional, in-place and reused activations."""

    def __init__(self, plain: nn.Module) -> None:
        super().__init__()
        self.parts, self.act = plain, nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        first, _, pool, second, _, flat, third, _, last = self.parts
        x = functional.max_pool2d(self.act(first(x)), 2) if isinstance(pool, nn.MaxPool2d) else pool(self.act(first(x)))
        x = third(flat(functional.relu(second(x))))
        x.clamp_(min=0)
        return last(x)


@pytest.mark.parametrize("pooled", [False, True])
def test_how_a_network_is_written_changes_nothing(pooled: bool) -> None:
    plain, image, method = plain_cnn(pooled), images(1), DeepSHAP(background=Background(images(4, seed=8)))
    first, second = (method.attribute(scene(n, image, target=2)).values for n in (plain, Rewritten(plain)))
    assert np.allclose(first, second, atol=1e-6)


def test_a_linear_model_is_exact() -> None:
    net, image, others = Linear(), images(1), images(5, seed=8)
    found = DeepSHAP(background=Background(others)).attribute(scene(net, image))
    assert np.allclose(found.values, (net.weight * (image - others.mean(0))).detach()[0, 0], atol=1e-5)


def test_a_sum_of_functions_of_single_pixels_is_exact_shapley() -> None:
    weight = Linear().weight.detach()

    def each(x: Tensor) -> Tensor:
        return torch.relu(weight * x - 0.2) + torch.sigmoid(3 * x)

    image, others = images(1), images(5, seed=8)
    found = DeepSHAP(background=Background(others)).attribute(scene(Wrapped(lambda x: each(x).sum((1, 2, 3))), image))
    assert np.allclose(found.values, (each(image) - each(others).mean(0))[0, 0], atol=1e-6)


def test_a_background_of_many_is_the_mean_of_single_ones_whatever_the_chunk() -> None:
    net, image, others = small_cnn(inplace=True), images(1), images(5, seed=8)
    whole, parted = (DeepSHAP(background=Background(others)).attribute(scene(net, image, chunk=size))
                     for size in (8, 2))
    single = [DeepSHAP(background=Background(others[i:i + 1])).attribute(scene(net, image)).values for i in range(5)]
    assert np.allclose(whole.values, np.mean(single, axis=0), atol=1e-6)
    assert np.allclose(whole.values, parted.values, atol=1e-6)


def test_scenes_of_one_image_share_the_forward_passes() -> None:
    net, image, method = small_cnn(), images(1), DeepSHAP(background=Background(images(5, seed=8)))
    joint = Joint(scores=lambda x: net(x), similarities=lambda x: net(x).sigmoid(), size=3)
    views = [replace(scene(net, image, target=k), joint=joint, column=k) for k in (2, 0)]
    together, alone = method.attribute_all(views), [method.attribute(view) for view in views]
    for shared, one in zip(together, alone, strict=True):
        assert np.allclose(shared.values, one.values, atol=1e-6)
    assert sum(found.facts["evaluations"] for found in together) == 6


def test_a_detectors_frozen_box_is_additive() -> None:
    torch.manual_seed(0)
    net = build(stride=16).eval()

    def score(x: Tensor) -> Tensor:
        batch, _ = net.transform(list(x))
        features = OrderedDict([("0", net.backbone(batch.tensors))])
        rois = [torch.tensor([(16.0, 24.0, 64.0, 72.0)]).to(x)] * len(x)
        pooled = net.roi_heads.box_roi_pool(features, rois, batch.image_sizes)
        return log_odds(net.roi_heads.box_predictor(net.roi_heads.box_head(pooled))[0], 2)

    net.double()
    image = images(1, size=96).double()
    view = replace(scene(net, image), score=score)
    for method in (DeepSHAP(background=Background(images(3, size=96, seed=5).double())), DeepSHAP(), DeepLIFT()):
        found = method.attribute(view)
        assert found.facts["completeness_error"] <= 1e-9
        assert found.values.any()


def test_the_network_is_as_it_was_after_success_and_failure() -> None:
    net = small_cnn(inplace=True)
    before = {name: value.clone() for name, value in net.state_dict().items()}

    def failing(x: Tensor) -> Tensor:
        if len(x) > 1:
            raise ValueError("in the middle")
        return net(x)[:, 0]

    image, method = images(1), DeepSHAP(background=Background(images(3, seed=8)))
    kept = image.clone()
    method.attribute(scene(net, image))
    with pytest.raises(ValueError, match="in the middle"):
        method.attribute(replace(scene(net, image), score=failing))
    assert torch.equal(image, kept)
    assert torch.overrides._get_current_function_mode() is None
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(weight.requires_grad and weight.grad is None for weight in net.parameters())
    assert not net[2]._forward_hooks


def test_bad_input_is_refused() -> None:
    with pytest.raises(PlanError, match="expected one or more"):
        DeepSHAP(baselines=())
    with pytest.raises(InputError, match="the same channels and size"):
        DeepSHAP(background=Background(torch.zeros(2, 1, 4, 4))).attribute(scene(Linear(), images(1)))
    with pytest.raises(NotFound, match="did you mean 'blur'"):
        DeepLIFT(baseline="blurr").attribute(scene(Linear(), images(1)))
    with pytest.raises(TargetError, match="has no gradient"):
        DeepLIFT().attribute(scene(Wrapped(lambda x: x.detach().sum((1, 2, 3))), images(1)))
