"""Own evidence: a BagNet's map adds up to its logit and stays within its patches, other shapes are laid or refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.attribution.networks import small_cnn
from xaimed import load_model
from xaimed.architectures.bagnet import BagNet
from xaimed.architectures.bagnet import build as bagnet
from xaimed.architectures.prototype_net import PrototypeNet
from xaimed.architectures.prototype_net import build as prototype_net
from xaimed.attribution import OwnEvidence
from xaimed.errors import ModelError
from xaimed.patches import evidence_on
from xaimed.types import Case

SIDE = 28


def bag() -> BagNet:
    torch.manual_seed(0)
    net = bagnet(widths=(4, 6, 6), kernels=(3, 3, 1), strides=(1, 2, 1)).eval()
    assert isinstance(net, BagNet)
    return net


def case() -> Case:
    return Case(id="p1", image=np.random.default_rng(0).random((1, SIDE, SIDE), dtype=np.float32))


def test_a_bagnets_map_adds_up_to_the_logit_of_the_class() -> None:
    model = load_model(bag(), classes=["normal", "malignant"])
    names = ["normal", "malignant", "malignant-normal"]
    scenes = model.scenes(case(), names)
    for scene in scenes:
        found = OwnEvidence().attribute(scene)
        assert found.facts["evaluations"] == 1
        assert float(found.values.sum()) == pytest.approx(scene.score(scene.image).item(), abs=1e-5)


def test_each_pixel_has_the_evidence_of_the_patches_that_hold_it() -> None:
    net = bag()
    images = torch.from_numpy(case().image)[None]
    with torch.no_grad():
        cells = net.evidence(images)[0]
        found = evidence_on(net, images)[0]
    side, stride = 5, 2
    assert (net.receptive, net.stride) == (side, stride)
    slow = np.zeros((2, SIDE, SIDE))
    for k, i, j in np.ndindex(*cells.shape):
        slow[k, i * stride:i * stride + side, j * stride:j * stride + side] += float(cells[k, i, j])
    slow /= side * side * cells[0].numel()
    assert found.numpy() == pytest.approx(slow, abs=1e-6)


def test_a_pixel_outside_a_patch_does_not_change_its_evidence() -> None:
    net, first = bag(), torch.from_numpy(case().image)[None]
    second = first.clone()
    second[..., 20:, 20:] = 1 - second[..., 20:, 20:]
    with torch.no_grad():
        assert torch.equal(evidence_on(net, first)[..., :16, :16], evidence_on(net, second)[..., :16, :16])


def test_a_prototype_lights_up_where_its_patch_lies() -> None:
    torch.manual_seed(0)
    net = prototype_net(widths=(4, 6), per_class=1, depth=3).eval()
    assert isinstance(net, PrototypeNet)
    spot = np.zeros((1, SIDE, SIDE), np.float32)
    spot[0, 8:12, 20:24] = 1
    images = torch.from_numpy(spot)[None]
    with torch.no_grad():
        net.prototypes[1] = net.codes(images)[0, :, 2, 5]
        cells = net.evidence(images)[0]
        maps = net.similarity_maps(images)[0]
        assert cells.numpy() == pytest.approx(torch.stack([maps[0] - maps[1] / 2, maps[1] - maps[0] / 2]).numpy(),
                                              abs=1e-5)
    model = load_model(net, classes=["normal", "malignant"])
    found = OwnEvidence()(model, Case(id="p2", image=spot), ["malignant"]).values[0]
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert (row // 4, column // 4) == (2, 5)


class One(nn.Module):
    """One logit for two classes with its map."""

    def forward(self, images: Tensor) -> Tensor:
        return self.evidence(images).sum(dim=(2, 3))

    def evidence(self, images: Tensor) -> Tensor:
        return images - 0.5


def test_one_logit_speaks_for_the_second_class_and_against_the_first() -> None:
    model = load_model(One(), classes=["benign", "malignant"])
    first, second = OwnEvidence()(model, case(), ["benign", "malignant"]).values
    assert second == pytest.approx(case().image[0] - 0.5, abs=1e-6)
    assert first == pytest.approx(-second)


def test_a_plain_module_with_evidence_is_asked_too() -> None:
    images = torch.from_numpy(case().image)[None]
    found = OwnEvidence()(bag(), images, targets=[1])
    with torch.no_grad():
        assert float(found.values.sum()) == pytest.approx(float(bag()(images)[0, 1]), abs=1e-5)


def test_a_network_without_evidence_is_told_so() -> None:
    with pytest.raises(ModelError, match=r"Sequential gives no evidence of its own; expected .*bagnet"):
        OwnEvidence()(small_cnn(), torch.rand(1, 1, 16, 16), targets=[0])


@pytest.mark.parametrize("shape", [(1, 28, 28), (2, 1, 28, 28)])
def test_evidence_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    net = One()
    net.evidence = lambda images: torch.zeros(shape)  # type: ignore[method-assign]
    with pytest.raises(ModelError, match="expected \\(B, classes, h, w\\)"):
        evidence_on(net, torch.zeros(1, 1, 28, 28))


def test_evidence_for_other_classes_is_refused() -> None:
    net = bagnet(outputs=3, widths=(4,), kernels=(3,), strides=(1,)).eval()
    model = load_model(nn.Sequential(net), classes=["a", "b", "c"])
    assert model.scenes(case(), ["a"])[0].evidence is None
    wrong = load_model(One(), classes=["a", "b", "c"])
    with pytest.raises(ModelError, match="gives"):
        OwnEvidence()(wrong, case(), ["a"])
