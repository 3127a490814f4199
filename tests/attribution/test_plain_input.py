"""What a plain module is given, refused in the same words by every method, before and behind the shared passes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tests.attribution.networks import images, small_cnn
from xaimed.attribution import DeepLIFT, EigenCAM, GradCAM, LayerCAM, Saliency
from xaimed.attribution.method import Method
from xaimed.errors import InputError, ModelError, TargetError

METHODS = [GradCAM(), GradCAM(layer="4"), Saliency(), EigenCAM(layer="4")]


@pytest.mark.parametrize("method", METHODS, ids=repr)
@pytest.mark.parametrize(("targets", "words"), [
    (1, r"targets=1; expected a list with one class index an image or more, such as \[0\]"),
    ("1", "targets='1'; expected a list"),
    (torch.tensor(1), "targets=tensor.1.; expected a list"),
    ([True], "target True; expected a class index, a whole number"),
    ([np.bool_(True)], "expected a class index, a whole number"),
    (torch.tensor([True]), "expected a class index, a whole number"),
    ([0.9], "target 0.9; expected a class index, a whole number"),
    (torch.tensor([0.9]), "expected a class index, a whole number"),
    (["1"], "target '1'; expected a class index, a whole number"),
    ([None], "target None; expected a class index, a whole number"),
    ([0, 1], "2 targets for 1 images"),
    ([], "0 targets for 1 images"),
    ([3], "target 3; expected a class index from 0 to 2"),
    ([-1], "target -1; expected a class index from 0 to 2"),
])
def test_targets_that_are_no_class_indices(method: Method, targets: object, words: str) -> None:
    with pytest.raises(TargetError, match=words):
        method(small_cnn(), images(1), targets=targets)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_whole_numbers_of_any_library_are_class_indices(method: Method) -> None:
    net, batch = small_cnn(), images(2)
    wanted = method(net, batch, targets=[2, 0])
    for same in (np.array([2, 0]), torch.tensor([2, 0]), (np.int64(2), torch.tensor(0)), [np.uint8(2), 0]):
        made = method(net, batch, targets=same)  # type: ignore[arg-type]
        assert made.targets == ("2", "0")
        assert np.array_equal(made.values, wanted.values)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_images_that_the_network_does_not_take(method: Method) -> None:
    net = small_cnn()
    for empty in (torch.zeros(0, 1, 16, 16), torch.zeros(1, 1, 0, 16), np.zeros((0, 1, 16, 16), np.float32)):
        with pytest.raises(InputError, match=r"expected floating point .* of one image or more"):
            method(net, empty)
    with pytest.raises(InputError, match=r"does not take images \(1, 3, 16, 16\): .*expected input.*1 channels.*3"):
        method(net, images(2, channels=3))
    with pytest.raises(InputError, match=r"does not take images \(1, 1, 20, 20\): .*expected the channels and"):
        method(net, images(2, size=20))


@pytest.mark.parametrize("method", [GradCAM, LayerCAM, EigenCAM], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("layer", [3, ["4"], nn.Conv2d(1, 1, 1)], ids=["number", "list", "module"])
def test_a_layer_that_is_no_name(method: type, layer: object) -> None:
    with pytest.raises(ModelError, match=f"layer of type {type(layer).__name__}; expected the name of one, such as"):
        method(layer=layer)(small_cnn(), images(1), targets=[0])


def test_a_fault_of_the_network_under_gradient_stays_its_own() -> None:
    """Only what the network says of the images becomes an InputError."""
    class Faulty(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = small_cnn()

        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            if torch.is_grad_enabled():
                raise RuntimeError("a fault of its own")
            out: torch.Tensor = self.net(batch)
            return out

    for method in (GradCAM(layer="net.4"), Saliency()):
        with pytest.raises(RuntimeError, match="a fault of its own"):
            method(Faulty(), images(1), targets=[0])


def test_the_refusal_of_deep_lift_names_it() -> None:
    with pytest.raises(ModelError, match="has no rule in deep_lift and deep_shap"):
        DeepLIFT()(nn.Sequential(nn.Conv2d(1, 2, 3), Sorted(), nn.Flatten(), nn.Linear(2 * 14 * 14, 2)), images(1))


class Sorted(nn.Module):
    """An operation without a rule."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return maps.sort(dim=-1).values
