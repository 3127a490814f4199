"""What libraries get wrong: shared passes, batch statistics, recurrent layers, reused ReLUs, layers of one cell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.adapters.stock import adapted, case, resnet_detector
from tests.attribution.networks import images, scene, small_cnn
from tests.attribution.test_cam import Counting, three
from tests.test_hooks import same, state
from xaimed.attribution import (
    LRP,
    AblationCAM,
    DeepSHAP,
    EigenCAM,
    GradCAM,
    GradientSHAP,
    GuidedBackprop,
    InputXGradient,
    IntegratedGradients,
    KernelSHAP,
    LayerCAM,
    Occlusion,
    Saliency,
    SmoothGrad,
)
from xaimed.attribution.method import Method
from xaimed.errors import InputError, ModelError, TargetError
from xaimed.explain import explain

# So many evaluations in all that no scene may stop before another.
FIXED = [IntegratedGradients(steps=9, max_steps=9, tolerance=0), GradientSHAP(samples=18),
         GradientSHAP(samples=4, baselines=2), DeepSHAP()]
GRADIENTS = [GradCAM(layer="0"), Saliency(), InputXGradient(), SmoothGrad(samples=5), FIXED[0], FIXED[1]]


@pytest.mark.parametrize("method", FIXED, ids=repr)
def test_scenes_with_a_joint_equal_one_by_one_and_share_every_forward_pass(method: Method) -> None:
    net = Counting(small_cnn(inplace=True))
    scenes = three(net, images(1))
    single = [method.attribute(one) for one in scenes]
    alone, net.runs = net.runs, 0
    together = method.attribute_all(scenes)
    assert net.runs * 3 == alone
    for left, right in zip(together, single, strict=True):
        assert np.abs(right.values).max() > 0
        assert np.allclose(left.values, right.values, atol=1e-5 * np.abs(right.values).max())
        for fact in ("f_input", "f_baseline", "completeness_error"):
            assert left.facts[fact] == pytest.approx(right.facts[fact], rel=1e-3, abs=1e-5)
        assert left.facts["evaluations"] == pytest.approx(right.facts["evaluations"] / 3)


def test_scenes_with_a_joint_go_on_until_the_last_has_converged() -> None:
    scenes = three(small_cnn(), images(1))
    method = IntegratedGradients(tolerance=0.02)
    together, single = method.attribute_all(scenes), [method.attribute(one) for one in scenes]
    assert len({one.facts["steps"] for one in together}) == 1
    assert together[0].facts["steps"] >= max(one.facts["steps"] for one in single)
    for left, right in zip(together, single, strict=True):
        assert left.note == ""
        assert np.linalg.norm(left.values - right.values) < 0.05 * np.linalg.norm(right.values)


@pytest.mark.parametrize("method", GRADIENTS, ids=repr)
def test_a_norm_without_running_statistics_never_mixes_images(method: Method) -> None:
    """Each image alone is normalised by itself, whatever else is in the batch or the chunk."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3, track_running_stats=False), nn.ReLU(),
                        nn.Flatten(), nn.Linear(768, 2)).train()
    before, batch = state(net), images(3)
    many = method(net, batch, targets=[0, 1, 0])
    for i, target in enumerate([0, 1, 0]):
        one = scene(net, batch[i:i + 1], target=target, chunk=1)
        assert np.allclose(many.maps[i], method.attribute(one).values, atol=1e-6)
    assert same(before, state(net))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.cells, self.rnn = nn.Conv2d(1, 4, 3, padding=1), nn.LSTM(64, 6, batch_first=True)
        self.out = nn.Linear(6, 2)

    def forward(self, batch: Tensor) -> Tensor:
        rows = self.cells(batch).permute(0, 2, 1, 3).flatten(2)
        return self.out(self.rnn(rows)[0][:, -1])


@pytest.mark.parametrize("method", [GradCAM(layer="cells", relu=False), GradCAM(relu=False), *FIXED[:2]], ids=repr)
def test_a_recurrent_network_is_explained_in_eval_mode_and_left_as_it_was(method: Method) -> None:
    net = Recurrent().train()
    before, flag = state(net), torch.backends.cudnn.enabled
    found = method(net, images(2), targets=[0, 1])
    assert same(before, state(net))
    assert torch.backends.cudnn.enabled == flag
    net.eval()
    leaf = images(2)[1:].requires_grad_()
    (gradient,) = torch.autograd.grad(net(leaf)[0, 1], leaf)
    plain = Saliency(absolute=False)(net.train(), images(2), targets=[0, 1])
    assert np.allclose(plain.maps[1], gradient[0, 0], atol=1e-7)
    assert np.abs(found.maps[1]).max() > 0


class Reused(nn.Module):
    """One ReLU module for all layers, or one each; in place or not."""

    def __init__(self, reused: bool, inplace: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.c = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(1024, 2)
        self.act = nn.ReLU(inplace)
        self.other = self.act if reused else nn.ReLU(inplace)

    def forward(self, batch: Tensor) -> Tensor:
        first = self.act(self.a(batch))
        return self.c(self.other(self.b(first) + first).flatten(1))


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("method", [GradCAM(layer="b", relu=False), LayerCAM(layer="a"), AblationCAM(layer="b"),
                                    GuidedBackprop(), DeepSHAP(), *GRADIENTS[1:]], ids=repr)
def test_a_reused_relu_changes_nothing(method: Method, inplace: bool) -> None:
    plain, reused = (method(Reused(again, inplace and again), images(2), targets=[0, 1]).values
                     for again in (False, True))
    assert np.abs(plain).max() > 0
    assert np.allclose(plain, reused, atol=1e-6)


def test_upright_and_wide_images_of_one_call_are_laid_exactly() -> None:
    """A detector resizes and pads each orientation in its own way; each map must cover its own image alone."""
    model = adapted(resnet_detector())
    both = [case(75, 100, seed=1), case(110, 60, seed=2)]
    methods: list[str | Method] = [GradCAM(relu=False), Saliency()]
    together = explain(model, both, methods, targets=["d0"])
    for found in together:
        assert [one.shape for one in found.maps] == [(75, 100), (110, 60)]
    for number, one in enumerate(both):
        for left, right in zip(together, explain(model, [one], methods, targets=["d0"]), strict=True):
            assert np.abs(right.maps[0]).max() > 0
            assert np.array_equal(left.maps[number], right.maps[0])


@pytest.mark.parametrize("method", [GradCAM(relu=False), LayerCAM(relu=False), EigenCAM(relu=False),
                                    AblationCAM(relu=False)], ids=repr)
def test_a_last_layer_of_one_cell_steps_back_to_one_with_a_map(method: Method) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 16), nn.ReLU(), nn.Flatten(),
                        nn.Linear(4, 3)).eval()
    scenes = three(net, images(1))
    assert list(scenes[0].layers)[-1] == "2"
    for left, right, one in zip(method.attribute_all(scenes), replace(method, layer="0").attribute_all(scenes), scenes,
                                strict=True):
        assert np.ptp(right.values) > 0
        assert np.array_equal(left.values, right.values)
        assert np.allclose(method.attribute(one).values, right.values, atol=1e-6)
        assert left.facts["layer_height"] == 16
    # A layer that was asked for is taken as it is.
    assert replace(method, layer="2").attribute(scenes[0]).facts["layer_height"] == 1
    nothing = [replace(one, layers={"2": net[2]}) for one in scenes]
    with pytest.raises(ModelError, match=r"of more than one cell; .* use integrated_gradients or kernel_shap"):
        method.attribute_all(nothing)


WITH_GRADIENT = [*GRADIENTS, GuidedBackprop(), DeepSHAP(), LayerCAM(layer="0")]


@pytest.mark.parametrize("method", WITH_GRADIENT, ids=repr)
def test_a_score_without_gradient_says_why_and_what_serves(method: Method) -> None:
    net = small_cnn()
    view = scene(net, images(1))
    sealed = replace(view, score=lambda batch: net(batch)[:, 0].detach())
    with pytest.raises(TargetError, match=r"case case, target 0.*has no gradient \(detached.*use kernel_shap"):
        method.attribute(sealed)
    for serves in (KernelSHAP(regions=9, evaluations=32, shape="grid"), Occlusion(), AblationCAM(layer="4")):
        assert np.array_equal(serves.attribute(sealed).values, serves.attribute(view).values)


def test_a_network_without_a_feature_map_says_which_methods_serve_it() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(256, 2))
    for method in (GradCAM(), AblationCAM()):
        with pytest.raises(ModelError, match="use integrated_gradients or kernel_shap"):
            method(net, images(1), targets=[0])
    assert np.ptp(IntegratedGradients()(net, images(1), targets=[0]).maps[0]) > 0
    for refused in (GuidedBackprop(), *([LRP()] if _zennit() else [])):
        with pytest.raises(ModelError, match="use "):
            refused(nn.Sequential(nn.Flatten(), nn.Softmax(1)), images(1), targets=[0])


class Broken(nn.Module):
    """A finite gradient under a score that is not finite."""

    def forward(self, logits: Tensor) -> Tensor:
        return logits + torch.tensor(torch.nan)


@pytest.mark.parametrize("method", [Saliency(), InputXGradient(), SmoothGrad(samples=3), GradCAM(layer="0.0"),
                                    GradCAM(layer="0.0", relu=False),
                                    GradientSHAP(samples=4), IntegratedGradients()], ids=repr)
def test_a_score_that_is_not_finite_is_told_though_its_gradient_is(method: Method) -> None:
    made = method(nn.Sequential(small_cnn(), Broken()), images(2), targets=[0, 1])
    assert all("not finite: began in layer 1" in note for note in made.notes)


@pytest.mark.parametrize("method", [Saliency(), GradCAM(layer="0"), KernelSHAP(regions=9, evaluations=32)], ids=repr)
def test_images_of_mixed_size_in_a_list_equal_one_by_one(method: Method) -> None:
    net = nn.Sequential(small_cnn()[:4], nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))
    some = [images(1, size=16)[0], images(1, size=24)[0].numpy(), images(1, size=16, seed=4)[0]]
    made = method(net, some, targets=[0, 1, 2])
    assert [one.shape for one in made.maps] == [(16, 16), (24, 24), (16, 16)]
    for index, image in enumerate(some):
        alone = method(net, torch.as_tensor(image)[None], targets=[index]).maps[0]
        assert np.allclose(made.maps[index], alone, atol=1e-5 * np.abs(alone).max())
    with pytest.raises(InputError, match=r"Case for a plain nn.Module; expected a tensor .* a list of images"):
        method(net, [case()])


def test_without_a_box_at_the_operating_point_the_best_is_explained_or_it_is_said() -> None:
    model, one = adapted(resnet_detector()), case()
    best = model.predict([one])[0].detections[0]
    model.file = replace(model.file, operating_point=1.1)
    found = explain(model, [one], ["grad_cam"])[0]
    assert found.targets == (best.name,)
    bare = replace(model.predict([one])[0], detections=())
    model._prediction = lambda _: bare  # type: ignore[method-assign]
    with pytest.warns(UserWarning, match="finds nothing to explain; no map"):
        assert explain(model, [one], ["grad_cam"])[0].maps == ()


def _zennit() -> bool:
    from importlib.util import find_spec

    return find_spec("zennit") is not None
