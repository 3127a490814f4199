"""The pass that the CAM family shares: several scores of one image, one forward pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.attribution.networks import images, scene, small_cnn
from tests.test_hooks import same, state
from xaimed.attribution import GradCAM, Saliency
from xaimed.attribution.cam import cam_pass, cam_passes
from xaimed.attribution.gradient import SharedPass, image_gradient, joint_gradients
from xaimed.errors import InputError, ModelError, TargetError
from xaimed.scene import Joint, Scene


def three(net: nn.Module, image: Tensor) -> list[Scene]:
    joint = Joint(scores=net, similarities=lambda batch: net(batch).softmax(1).detach(), size=3)
    return [replace(scene(net, image, target=k), joint=joint, column=k) for k in range(3)]


class Counting(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.runs = net, 0

    def forward(self, batch: Tensor) -> Tensor:
        self.runs += 1
        return self.net(batch)


@pytest.mark.parametrize("inplace", [False, True])
def test_all_classes_at_once_equal_one_by_one(inplace: bool) -> None:
    net = Counting(small_cnn(inplace=inplace))
    scenes = three(net, images(1))
    method = GradCAM(layer="net.4", relu=False)
    single = [method.attribute(one) for one in scenes]
    net.runs = 0
    together = method.attribute_all(scenes)
    assert net.runs == 1
    for left, right in zip(together, single, strict=True):
        assert np.allclose(left.values, right.values, atol=1e-6)
        assert left.facts["evaluations"] == pytest.approx(1 / 3)


def test_a_pass_holds_value_gradient_and_score() -> None:
    """The gradient of a logit behind in-place ReLU, dropout and a linear layer, in closed form."""
    net, image = small_cnn(inplace=True), images(1)
    with torch.no_grad():
        value = small_cnn()[:5](image)
        expected = net[8].weight[1].view_as(value) * (value > 0)
        score = float(small_cnn()(image)[0, 1])
    found = cam_pass(scene(net, image, target=1), "4")
    assert torch.equal(found.value, value)
    assert torch.allclose(found.gradient, expected)
    assert found.score == pytest.approx(score, abs=1e-6)
    assert not found.value.requires_grad
    shared = cam_passes(three(net, image), "4")[1]
    assert torch.allclose(shared.gradient, expected)


def test_image_gradients_share_the_forward_pass() -> None:
    net = Counting(small_cnn())
    scenes, batch = three(net, images(1)), images(4)
    scores, gradients = joint_gradients(scenes, batch)
    assert net.runs == 1
    for column, one in enumerate(scenes):
        expected, gradient = image_gradient(one, batch)
        assert torch.allclose(scores[:, column], expected)
        assert torch.allclose(gradients[:, column], gradient, atol=1e-7)


def test_a_method_that_shares_nothing_goes_one_by_one() -> None:
    scenes = three(small_cnn(), images(1))
    for left, right in zip(Saliency().attribute_all(scenes), scenes, strict=True):
        assert np.array_equal(left.values, Saliency().attribute(right).values)
        assert left.facts["evaluations"] == 1


def test_scenes_with_and_without_a_joint_keep_their_order() -> None:
    net = small_cnn()
    first, second, third = three(net, images(1))
    alone = scene(net, images(1, seed=8), target=2)
    method = GradCAM(layer="4")
    mixed = [first, alone, second, third]
    for left, one in zip(method.attribute_all(mixed), mixed, strict=True):
        assert np.allclose(left.values, method.attribute(one).values, atol=1e-6)


@pytest.mark.parametrize("fails", [False, True])
def test_a_shared_pass_leaves_no_trace(fails: bool) -> None:
    net = small_cnn().train()
    before = state(net)
    scenes = three(net, images(1))
    if fails:
        with pytest.raises(ModelError, match="expected a feature map"):
            GradCAM(layer="8").attribute_all(scenes)
    else:
        GradCAM(layer="4").attribute_all(scenes)
    assert same(before, state(net))


def test_wrong_joints_are_refused() -> None:
    net, image = small_cnn(), images(1)
    scenes, others = three(net, image), three(net, image)
    joint = scenes[0].joint
    assert joint is not None
    with pytest.raises(InputError, match="expected scenes with the same joint"):
        SharedPass(joint, image).gradients(others, image)
    with pytest.raises(InputError, match="scenes without a joint"):
        joint_gradients([scene(net, image)], image)
    wrong = [replace(one, joint=replace(joint, size=2)) for one in scenes]
    wrong = [replace(one, joint=wrong[0].joint) for one in wrong]
    with pytest.raises(ModelError, match=r"the score of 1 images is \(1, 3\)"):
        GradCAM(layer="4").attribute_all(wrong)
    sealed = replace(joint, scores=lambda batch: net(batch).detach())
    with pytest.raises(TargetError, match="score has no gradient"):
        GradCAM(layer="4").attribute_all([replace(one, joint=sealed) for one in scenes])
