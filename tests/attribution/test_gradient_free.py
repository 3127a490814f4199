"""Eigen-CAM, Score-CAM and Ablation-CAM: closed forms, channels, shared passes and scores without gradient."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.attribution.networks import SIZE, images, scene, small_cnn
from xaimed.attribution import AblationCAM, CentreBlob, EigenCAM, Method, ScoreCAM
from xaimed.attribution.eigen_cam import principal
from xaimed.attribution.held import held, strongest
from xaimed.errors import ModelError, NotFound, PlanError
from xaimed.hooks import frozen
from xaimed.scene import Joint, Scene

FREE = (EigenCAM, ScoreCAM, AblationCAM)


def linear_head(logit: float = 2.0) -> nn.Sequential:
    """A convolution, a ReLU and a linear head whose single logit of images(1) is `logit`."""
    torch.manual_seed(3)
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * SIZE * SIZE, 1)).double()
    with torch.no_grad():
        net[3].bias += logit - net(images(1).double())[0, 0]
    return net.eval()


@pytest.mark.parametrize("logit", [2.0, -2.0])
def test_ablation_of_a_linear_head_is_each_channels_exact_share_whatever_the_sign_of_the_score(logit: float) -> None:
    net, image = linear_head(logit), images(1).double()
    value = net[:2](image)[0].detach()
    share = (net[3].weight.detach().view(4, SIZE, SIZE) * value).sum((1, 2))
    found = AblationCAM(layer="1", relu=False)(net, image)
    assert found.facts[0]["f_input"] == pytest.approx(logit, abs=1e-6)
    assert np.allclose(found.maps[0], (share[:, None, None] * value).sum(0), atol=1e-5)
    # The map sums over channels of share x sum of activations; the shares and the bias make up the score.
    assert float(share.sum() + net[3].bias.detach()[0]) == pytest.approx(logit)


def test_ablation_measures_only_the_strongest_channels_and_says_how_many() -> None:
    net, image = linear_head(), images(1).double()
    value = net[:2](image)[0].detach()
    best = int(value.abs().mean((1, 2)).argmax())
    share = (net[3].weight.detach().view(4, SIZE, SIZE) * value).sum((1, 2))[best]
    found = AblationCAM(layer="1", relu=False, channels=1)(net, image)
    assert np.allclose(found.maps[0], share * value[best], atol=1e-5)
    assert (found.facts[0]["channels"], found.facts[0]["channels_of"]) == (1, 4)


def test_ablation_runs_what_lies_before_the_layer_once_for_many_channels() -> None:
    net, runs = linear_head(), [0, 0]
    for place in (0, 3):
        net[place].register_forward_hook(lambda *_, i=place // 3: runs.__setitem__(i, runs[i] + 1))
    found = AblationCAM(layer="1")(net, images(1).double())
    assert found.facts[0]["channels"] > 2
    # One pass to choose the class of a plain module, one to hold the layer, one for all channels.
    assert runs == [3, 3]
    assert found.facts[0]["evaluations"] == 2


class Branching(nn.Module):
    """A head that asks for a number in the middle, which cannot be vectorised."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = linear_head()[:2], linear_head()[2:]

    def forward(self, batch: Tensor) -> Tensor:
        maps = self.body(batch)
        if float(maps.sum()) < 0:
            raise AssertionError
        return self.head(maps)


def test_a_network_that_cannot_be_vectorised_gives_the_same_map() -> None:
    image = images(1).double()
    expected = AblationCAM(layer="1", relu=False)(linear_head(), image)
    found = AblationCAM(layer="body.1", relu=False)(Branching(), image)
    assert np.allclose(found.maps[0], expected.maps[0], atol=1e-6)
    assert expected.facts[0]["evaluations"] == 2 < found.facts[0]["evaluations"]


class Skip(nn.Module):
    """The layer's output meets what did not pass through it: a sum and a concatenation, both in place or new."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.stem, self.layer = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.act, self.head = nn.ReLU(inplace=True), nn.Linear(12 * SIZE * SIZE, 2)

    def forward(self, batch: Tensor) -> Tensor:
        stem = self.stem(batch)
        maps = self.layer(stem)
        maps += stem
        return self.head(torch.cat([self.act(maps), stem, self.act(maps * stem)], 1).flatten(1))


def test_ablation_at_a_layer_with_skips_around_it_equals_zeroed_weights() -> None:
    net, image = Skip().double().eval(), images(1).double()
    with torch.no_grad():
        value = net.layer(net.stem(image))[0]
        full = net(image)[0, 1]
    expected = torch.zeros(SIZE, SIZE, dtype=torch.float64)
    for channel in range(4):
        other = Skip().double().eval()
        with torch.no_grad():
            other.layer.weight[channel], other.layer.bias[channel] = 0, 0
            expected += (full - other(image)[0, 1]) * value[channel]
    found = AblationCAM(layer="layer", relu=False)(net, image, targets=[1])
    assert np.allclose(found.maps[0], expected, atol=1e-6)


@pytest.mark.parametrize("chunk", [1, 8])
def test_score_cam_equals_its_definition_at_a_pooled_layer(chunk: int) -> None:
    net, image = small_cnn().double(), images(1).double()
    with torch.no_grad():
        value = net[:6](image)
        masks = functional.interpolate(value, size=(SIZE, SIZE), mode="bilinear")[0]
        low, high = masks.amin((1, 2), keepdim=True), masks.amax((1, 2), keepdim=True)
        live = (high > low).flatten()
        scores = net(image * ((masks - low) / (high - low))[live][:, None])[:, 2]
        cells = (scores.softmax(0)[:, None, None] * value[0, live]).sum(0)
    expected = functional.interpolate(cells[None, None], size=(SIZE, SIZE), mode="bilinear")[0, 0]
    found = ScoreCAM(layer="5", relu=False).attribute(scene(net, image, target=2, chunk=chunk))
    assert np.allclose(found.values, expected, atol=1e-6)
    assert found.facts["channels"] == int(live.sum())
    assert found.facts["evaluations"] == 1 + int(live.sum())


@pytest.mark.parametrize("shape", [(40, 7), (7, 40)])
@pytest.mark.parametrize("centred", [False, True])
def test_the_principal_projection_equals_a_full_svd_with_the_larger_part_above_zero(
    shape: tuple[int, int], centred: bool
) -> None:
    rows = torch.randn(*shape, generator=torch.Generator().manual_seed(7)).double() + 0.2
    rows = rows - rows.mean(0) if centred else rows
    _, sizes, right = np.linalg.svd(rows.numpy(), full_matrices=False)
    expected = rows.numpy() @ right[0]
    below, above = np.square(np.minimum(expected, 0)).sum(), np.square(np.maximum(expected, 0)).sum()
    expected = expected if above > below else -expected
    for sign in (1, -1):
        projection, share = principal(sign * rows)
        assert np.allclose(projection, expected, atol=1e-9)
        assert share == pytest.approx(sizes[0] ** 2 / (sizes**2).sum())


def test_eigen_cam_of_one_pattern_is_that_pattern_for_every_target() -> None:
    net = nn.Sequential(nn.Conv2d(1, 3, 1, bias=False), nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 2))
    net[0].weight.data = torch.tensor([1.0, 2, 2])[:, None, None, None]
    image = images(1)
    maps = [EigenCAM(layer="0")(net, image, targets=[target]) for target in (0, 1)]
    assert np.allclose(maps[0].maps[0], 3 * image[0, 0], atol=1e-5)
    assert np.array_equal(maps[0].maps[0], maps[1].maps[0])
    assert maps[0].facts[0]["explained"] == pytest.approx(1)


@pytest.mark.parametrize("kind", FREE, ids=lambda kind: kind.name)
def test_it_serves_a_score_without_gradient(kind: type[Method]) -> None:
    net, image = small_cnn(), images(1)
    view = scene(net, image)
    sealed = dataclasses.replace(view, score=lambda batch: net(batch)[:, 0].detach())
    assert np.array_equal(kind().attribute(sealed).values, kind().attribute(view).values)


@pytest.mark.parametrize("kind", FREE, ids=lambda kind: kind.name)
def test_a_layer_that_is_zero_everywhere_is_constant(kind: type[Method]) -> None:
    net = small_cnn()
    nn.init.zeros_(net[0].weight)
    nn.init.zeros_(net[0].bias)
    assert kind(layer="0").attribute(scene(net, images(1))).note == "constant"


def joined(net: nn.Module, image: Tensor) -> list[Scene]:
    joint = Joint(scores=lambda batch: net(batch), similarities=lambda batch: net(batch).sigmoid(), size=3)
    views = [scene(net, image, target=k) for k in range(3)]
    return [dataclasses.replace(view, joint=joint, column=k) for k, view in enumerate(views)]


@pytest.mark.parametrize("kind", FREE, ids=lambda kind: kind.name)
def test_scenes_of_one_image_share_every_pass(kind: type[Method]) -> None:
    views = joined(small_cnn(), images(1))
    views[1] = dataclasses.replace(views[1], layer="0")
    alone = [kind(relu=False).attribute(view) for view in views]
    together = kind(relu=False).attribute_all(views)
    for one, other in zip(alone, together, strict=True):
        assert np.allclose(one.values, other.values, atol=1e-6)
        assert one.facts["f_input"] == pytest.approx(other.facts["f_input"])
    assert sum(m.facts["evaluations"] for m in together) <= sum(m.facts["evaluations"] for m in alone[:2])


def test_the_strongest_channels_are_in_order_and_dead_ones_left_out() -> None:
    strength = torch.tensor([0.0, 3, 1, 0, 2])
    assert strongest(strength, 0).tolist() == [1, 2, 4]
    assert strongest(strength, 2).tolist() == [1, 4]


def test_bad_parameters_and_layers_say_what_to_do() -> None:
    for kind in (ScoreCAM, AblationCAM):
        with pytest.raises(PlanError, match="channels -1; expected"):
            kind(channels=-1)
    with pytest.raises(NotFound, match="unknown baseline 'blak'; did you mean 'black'"):
        ScoreCAM(baseline="blak")
    with pytest.raises(PlanError, match=r"width 0\.0; expected"):
        CentreBlob(width=0.0)
    net = nn.Sequential(nn.Conv2d(1, 2, SIZE), nn.Flatten(), nn.Linear(2, 2))
    with frozen(net), pytest.raises(ModelError, match=r"no layer gives a feature map .* of more than one cell"):
        held([scene(net, images(1))], None)
    with pytest.raises(ModelError, match=r"no layer '4x' among .* nearest: 4"):
        EigenCAM(layer="4x").attribute(scene(small_cnn(), images(1)))


def test_the_centre_blob_peaks_in_the_middle_and_has_the_stated_width() -> None:
    view = dataclasses.replace(scene(small_cnn(), images(1)), image=torch.zeros(1, 1, 65, 33))
    values = CentreBlob(width=0.25).attribute(view).values
    assert np.unravel_index(values.argmax(), values.shape) == (32, 16)
    assert values[32, 16] == 1
    assert np.allclose(values, values[::-1, ::-1])
    mass = values.sum(1) / values.sum()
    inside = abs(np.arange(65) - 32) < 65 / 4
    # Within one standard deviation of a Gaussian cut off at two: erf(1 / sqrt 2) / erf(2 / sqrt 2).
    assert mass[inside].sum() == pytest.approx(0.6827 / 0.9545, abs=0.02)


def test_eigen_cam_of_a_layer_below_zero_is_not_blank() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    nn.init.constant_(net[0].weight, -1.0)
    nn.init.constant_(net[0].bias, -0.1)
    found = EigenCAM(layer="0").attribute(scene(net, images(1)))
    assert found.note == ""
    assert found.values.min() > 0
