"""Many images of a plain network in shared passes: the maps of one by one, and nothing left on the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.attribution.networks import images, scene, small_cnn
from xaimed.attribution import GradCAM, HiResCAM, LayerCAM, batch_cam
from xaimed.attribution.cam import CamMethod
from xaimed.errors import ModelError, TargetError

METHODS = [GradCAM(layer="4"), GradCAM(layer="4", relu=False), HiResCAM(layer="1"), LayerCAM()]


class Counted(nn.Module):
    """A network that notes the batch, the layout of its weights and the mode of each pass."""

    def __init__(self, viewed: bool = False) -> None:
        super().__init__()
        self.net = small_cnn(3, viewed=viewed).train()
        self.batches: list[int] = []
        self.moved: list[bool] = []

    def forward(self, batch: Tensor) -> Tensor:
        self.batches.append(len(batch))
        self.moved.append(self.net[4].weight.is_contiguous(memory_format=torch.channels_last))
        out: Tensor = self.net(batch)
        return out


def strides(net: nn.Module) -> list[tuple[tuple[int, ...], int, bool]]:
    return [(weight.stride(), weight.data_ptr(), weight.requires_grad) for weight in net.parameters()]


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_shared_passes_equal_the_scenes_one_by_one(method: CamMethod) -> None:
    net, batch, classes = small_cnn(3), images(7, 3), [0, 1, 2, 2, 1, 0, 1]
    layers = {name: net.get_submodule(name) for name in "0123456"}
    found = method(net, batch, targets=classes)
    for i, target in enumerate(classes):
        alone = method.attribute(_layered(net, batch[i:i + 1], target, layers))
        np.testing.assert_allclose(found.maps[i], alone.values, rtol=0, atol=1e-5 * np.abs(alone.values).max())
        assert found.facts[i]["f_input"] == pytest.approx(net(batch[i:i + 1])[0, target].item(), abs=1e-5)
        assert (found.cases[i], found.targets[i], found.facts[i]["evaluations"]) == (f"image{i}", str(target), 1.0)


def _layered(net: nn.Module, image: Tensor, target: int, layers: dict[str, nn.Module]) -> object:
    from dataclasses import replace

    return replace(scene(net, image, target), layers=layers)


def test_each_image_goes_through_once_in_chunks_and_the_best_class_needs_no_pass(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_cam, "PIXELS", 3 * 16 * 16)
    net, batch = Counted(), images(7, 3)
    found = GradCAM(layer="net.4")(net, batch)
    assert net.batches == [3, 3, 1]
    with torch.no_grad():
        best = net.eval()(batch).argmax(1)
    assert found.targets == tuple(str(int(index)) for index in best)


@pytest.mark.parametrize(("share", "moved"), [(0.0, True), (1e9, False)])
def test_the_layout_is_changed_where_it_pays_and_put_back(
        monkeypatch: pytest.MonkeyPatch, share: float, moved: bool) -> None:
    monkeypatch.setattr(batch_cam, "PIXELS_A_WEIGHT", share)
    net, before = (net := Counted()), strides(net)
    GradCAM(layer="net.4")(net, images(3, 3))
    assert net.moved == [moved]
    assert strides(net) == before
    assert net.training
    assert net.net[1].training


def test_a_network_that_views_its_maps_is_run_again_in_the_default_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_cam, "PIXELS_A_WEIGHT", 0.0)
    net, plain, before = (net := Counted(viewed=True)), small_cnn(3), strides(net)
    found = GradCAM(layer="net.4")(net, images(3, 3), targets=[0, 1, 2])
    assert net.moved == [True, False]
    assert strides(net) == before
    wanted = GradCAM(layer="4")(plain, images(3, 3), targets=[0, 1, 2]).values
    np.testing.assert_allclose(found.values, wanted, atol=1e-6)


def test_norms_without_statistics_see_one_image_at_a_time() -> None:
    net, batch = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.ReLU(),
                               nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)), images(3, 3)
    many = GradCAM(layer="0", relu=False)(net, batch, targets=[0, 1, 0])
    for i, target in enumerate([0, 1, 0]):
        alone = GradCAM(layer="0", relu=False)(net, batch[i:i + 1], targets=[target])
        np.testing.assert_array_equal(many.maps[i], alone.maps[0])


def test_a_batch_that_does_not_fit_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tight(Counted):
        def forward(self, batch: Tensor) -> Tensor:
            if len(batch) > 2:
                raise RuntimeError("DefaultCPUAllocator: not enough memory")
            return super().forward(batch)

    net = Tight()
    found = GradCAM(layer="net.4")(net, images(5, 3), targets=[0] * 5)
    assert len(found) == 5
    assert max(net.batches) <= 2
    assert sum(net.batches) == 5


def test_what_is_out_of_order_says_so_as_for_one_image() -> None:
    net, batch = small_cnn(3), images(3, 3)
    with pytest.raises(ModelError, match="nearest"):
        GradCAM(layer="nope")(net, batch)
    with pytest.raises(TargetError, match="expected a class index from 0 to 2"):
        GradCAM(layer="4")(net, batch, targets=[0, 1, 7])
    with pytest.raises(TargetError, match="no gradient"):
        GradCAM(layer="0.b")(nn.Sequential(Aside(), nn.Flatten(), nn.Linear(3 * 16 * 16, 2)), batch)
    with torch.no_grad():
        net[0].weight[0, 0, 0, 0] = torch.nan
    assert all("not finite" in note for note in GradCAM(layer="4")(net, batch).notes)


class Aside(nn.Module):
    """A convolution that runs and is not used."""

    def __init__(self) -> None:
        super().__init__()
        self.b = nn.Conv2d(3, 2, 3)

    def forward(self, batch: Tensor) -> Tensor:
        self.b(batch)
        return batch


def test_a_blank_map_has_its_note_and_does_not_hold_up_the_others() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    nn.init.ones_(net[0].weight)
    batch = torch.stack([-images(1)[0], images(1)[0], torch.full((1, 16, 16), 0.5)])
    found = GradCAM(layer="0")(net, batch)
    assert found.notes == ("all negative", "", "constant")


def test_volumes_share_passes_too() -> None:
    net = nn.Sequential(nn.Conv3d(1, 3, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(),
                        nn.Linear(3, 2))
    batch = torch.rand(3, 1, 4, 6, 8, generator=torch.Generator().manual_seed(0))
    many = GradCAM(layer="0", relu=False)(net, batch, targets=[0, 1, 0])
    assert many.values.shape == (3, 4, 6, 8)
    alone = GradCAM(layer="0", relu=False)(net, batch[1:2], targets=[1])
    np.testing.assert_allclose(many.maps[1], alone.maps[0], atol=1e-6)


