from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.attribution.networks import SIZE, images, scene, small_cnn
from xaimed.attribution import GradCAM
from xaimed.errors import ModelError, TargetError


def by_hand(net: nn.Sequential, image: torch.Tensor, layer: int, target: int) -> torch.Tensor:
    """Cells of Grad-CAM with the channels' weights from central differences, in double precision."""
    with torch.no_grad():
        value = net[: layer + 1](image)
        weights = []
        for channel in range(value.shape[1]):
            move = torch.zeros_like(value)
            move[:, channel] = 1e-6
            # Moving a whole channel adds up the gradients of its cells.
            up, down = (net[layer + 1 :](value + sign * move)[0, target] for sign in (1, -1))
            weights.append((up - down) / 2e-6 / value[0, 0].numel())
        return (torch.stack(weights)[:, None, None] * value[0]).sum(0)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("layer", [0, 1, 4])
def test_before_an_in_place_relu_it_equals_finite_differences(inplace: bool, layer: int) -> None:
    net = small_cnn(inplace=inplace).double()
    image = images(1).double()
    reference = by_hand(small_cnn().double(), image, layer, 1)
    found = GradCAM(layer=str(layer), relu=False)(net, image, targets=[1]).maps[0]
    if layer < 4:
        assert np.allclose(found, reference, atol=1e-6)
    else:
        laid = functional.interpolate(reference[None, None], size=(SIZE, SIZE), mode="bilinear")[0, 0]
        assert np.allclose(found, laid, atol=1e-6)


def test_it_equals_captum() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from captum.attr import LayerAttribution, LayerGradCam
    net, batch = small_cnn(channels=3), images(3, channels=3)
    cells = LayerGradCam(net, net[4]).attribute(batch, target=[0, 1, 2], relu_attributions=True)
    expected = LayerAttribution.interpolate(cells, (SIZE, SIZE), "bilinear")[:, 0].detach().numpy()
    found = GradCAM(layer="4")(net, batch, targets=[0, 1, 2])
    assert expected.max() > 0
    assert np.allclose(found.values, expected, atol=1e-6)


def test_it_equals_pytorch_grad_cam_where_no_relu_works_in_place() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from pytorch_grad_cam import GradCAM as Theirs
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
    net, image = small_cnn(channels=3, seed=4), images(1, channels=3)
    for target in range(3):
        ours = GradCAM(layer="4")(net, image, targets=[target]).maps[0]
        with Theirs(model=net, target_layers=[net[4]]) as cam:
            theirs = cam(input_tensor=image, targets=[ClassifierOutputTarget(target)])[0]
        # Theirs is stretched to [0, 1] for each image.
        assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.9999


def test_a_map_that_is_negative_everywhere_says_so() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(2 * SIZE * SIZE, 1))
    nn.init.constant_(net[0].weight, 1.0)
    nn.init.constant_(net[0].bias, 0.1)
    nn.init.constant_(net[3].weight, -1.0)
    blank = GradCAM(layer="1")(net, images(1))
    assert blank.notes == ("all negative",)
    assert blank.maps[0].max() == 0
    signed = GradCAM(layer="1", relu=False)(net, images(1))
    assert signed.notes == ("",)
    assert signed.maps[0].max() < 0


def test_the_peak_of_a_strided_network_lies_on_the_bright_spot() -> None:
    # Three 3 x 3 convolutions of stride 2: an even spread of the cells would be 3.5 pixels off.
    net = nn.Sequential(
        *(nn.Conv2d(1, 1, 3, 2, padding=1, bias=False) for _ in range(3)), nn.Flatten(), nn.Linear(64, 1)
    )
    for part in net[:3]:
        part.weight.data = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])[None, None]
    nn.init.ones_(net[4].weight)
    image = torch.zeros(1, 1, 64, 64)
    image[..., 24, 40] = 1.0
    found = GradCAM()(net, image)
    assert np.unravel_index(found.maps[0].argmax(), (64, 64)) == (24, 40)


def test_an_unknown_layer_names_the_nearest() -> None:
    net = nn.Sequential()
    net.add_module("features", small_cnn()[:7])
    net.add_module("head", small_cnn()[7:])
    with pytest.raises(ModelError, match=r"no layer 'featurs' among .* nearest: features"):
        GradCAM(layer="featurs")(net, images(1))


def test_a_layer_without_a_map_or_behind_the_score_is_refused() -> None:
    net = small_cnn()
    with pytest.raises(ModelError, match="expected a feature map"):
        GradCAM(layer="8")(net, images(1))
    with pytest.raises(ModelError, match="no layer gives a feature map"):
        GradCAM()(nn.Sequential(nn.Flatten(), nn.Linear(SIZE * SIZE, 2)), images(1))
    other = scene(net, images(1))
    unused = nn.Conv2d(1, 1, 1)
    with pytest.raises(ModelError, match="did not run"):
        GradCAM(layer="side").attribute(type(other)(**{**vars(other), "layers": {"side": unused}}))


def test_a_layer_that_runs_twice_says_which_is_explained() -> None:
    shared = nn.Conv2d(1, 1, 3, padding=1)
    net = nn.Sequential(shared, nn.ReLU(), shared, nn.Flatten(), nn.Linear(SIZE * SIZE, 2))
    assert "ran 2 times, the last is explained" in GradCAM(layer="0", relu=False)(net, images(1)).notes[0]


def test_a_score_without_gradient_says_why() -> None:
    net = small_cnn()
    sealed = scene(net, images(1))
    sealed = type(sealed)(**{**vars(sealed), "score": lambda batch: net(batch)[:, 0].detach()})
    with pytest.raises(TargetError, match="score has no gradient"):
        GradCAM(layer="4").attribute(sealed)
