"""What a segmenter's parts say: six sweeps and a bias that are the logit, and scales against autograd by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.attribution.networks import small_cnn
from xaimed import load_model
from xaimed.adapters.model import Model
from xaimed.adapters.structure import SWEEPS, sides, structural
from xaimed.architectures import pyramid_lstm, segan, voxel_morph
from xaimed.metrics.explained import Explained
from xaimed.metrics.plane_share import METRIC as PLANE_SHARE
from xaimed.types import Case, Score

SIDE = 16


def model_of(network: nn.Module, classes: Sequence[str], channels: int) -> Model:
    return load_model(network, task="segmentation", classes=classes,
                      preprocessing={"channels": channels, "mean": [0.4], "std": [0.5]})


def case_of(classes: Sequence[str], channels: int) -> Case:
    draw = np.random.default_rng(0)
    return Case("c", draw.random((channels, SIDE, SIDE), dtype=np.float32),
                segments={name: draw.random((SIDE, SIDE)) > 0.5 for name in classes})


def rows_of(model: Model, case: Case) -> list[Score]:
    return structural(model, case, model.targets(case, model.predict([case])[0]))


def test_the_sweeps_are_the_known_ones() -> None:
    assert SWEEPS == pyramid_lstm.SWEEPS


@pytest.mark.parametrize("classes", [("membrane",), ("a", "b", "c")])
def test_six_sweeps_and_the_bias_are_the_mean_logit(classes: tuple[str, ...]) -> None:
    torch.manual_seed(1)
    outputs = 1 if len(classes) == 1 else len(classes) + 1
    network = pyramid_lstm.build(outputs=outputs, widths=(2, 3), between=(3,))
    network.linear.weight.data *= 30
    model, case = model_of(network, classes, 3), case_of(classes, 3)
    targets = model.targets(case, model.predict([case])[0])
    rows = structural(model, case, targets)
    assert {row.target for row in rows} == {target.name for target in targets} != set()
    scenes = {scene.target: scene for scene in model.scenes(case, targets)}
    with torch.no_grad():
        logits = network((torch.from_numpy(case.image)[None] - 0.4) / 0.5)[0]
    for name, scene in scenes.items():
        own = {row.metric: row.value for row in rows if row.target == name}
        parts = sum(own[f"sweep {sweep}"] for sweep in (*SWEEPS, "bias"))
        assert parts == pytest.approx(own["sweep sum"], abs=1e-5)
        # The scene's score is the sum over the same mask.
        pixels = float(scene.score(scene.image)[0].detach()) / own["sweep sum"]
        assert pixels == pytest.approx(round(pixels), abs=1e-2)
    label = model.targets(case, model.predict([case])[0])[0].label
    channel = 0 if outputs == 1 else 1 + classes.index(label)
    mask = logits[0] > 0 if outputs == 1 else logits.argmax(dim=0) == channel
    whole = next(row.value for row in rows if (row.target, row.metric) == (label, "sweep sum"))
    assert whole == pytest.approx(float(logits[channel][mask].mean()), abs=1e-5)


def test_the_scales_of_a_critic_against_their_definition() -> None:
    torch.manual_seed(0)
    classes = ("a", "b")
    network = segan.build(outputs=3, width=2, depth=2, critic=(3, 2))
    model, case = model_of(network, classes, 1), case_of(classes, 1)
    rows = {row.metric: row.value for row in rows_of(model, case)}
    assert all(row.target == "critic" and row.method == "" for row in rows_of(model, case))
    images = (torch.from_numpy(case.image)[None] - 0.4) / 0.5
    found = network.masks(network(images)).detach().requires_grad_()
    truth = torch.from_numpy(np.stack([case.segments[name] for name in classes]))[None].float()
    losses = network.scales(images, found, truth)[0]
    slopes = torch.stack([torch.autograd.grad(loss, found, retain_graph=True)[0].abs().sum() for loss in losses])
    empty = network.scales(images, torch.zeros_like(found), truth)[0].detach()
    for words, expected in (("difference", losses.detach() / empty), ("slope", slopes / slopes.sum())):
        assert [rows[f"{words} at scale {i}"] for i in range(3)] == pytest.approx(expected.tolist(), rel=1e-5)
    # The finest scale is a plain L1: its slope is the grey of the masked image.
    assert float(slopes[0]) == pytest.approx(float(images.abs().sum()) * 2 / (2 * SIDE * SIDE), rel=1e-5)
    assert all(p.requires_grad and p.grad is None for p in network.parameters())


class KnownCritic(nn.Module):
    """A segmenter that says one mask whatever it sees, and a critic that looks at pixels and at means of 4 x 4."""

    def __init__(self, found: np.ndarray, sizes: tuple[float, float]) -> None:
        super().__init__()
        self.found, self.sizes = nn.Parameter(torch.from_numpy(found).float()), sizes

    def forward(self, images: Tensor) -> Tensor:
        return self.found.expand(len(images), 1, -1, -1).logit(1e-6)

    @staticmethod
    def masks(logits: Tensor) -> Tensor:
        return logits.sigmoid()

    def scales(self, images: Tensor, masks: Tensor, truth: Tensor) -> Tensor:
        apart = (masks - truth) * torch.ones_like(images)
        seen = (apart, functional.avg_pool2d(apart, 4))
        return torch.stack([size * part.abs().flatten(1).mean(dim=1)
                            for size, part in zip(self.sizes, seen, strict=True)], dim=1)


STRIPES = np.tile([[1.0, 0.0]], (SIDE, SIDE // 2))


@pytest.mark.parametrize("sizes", [(1.0, 1.0), (0.001, 1000.0)])
@pytest.mark.parametrize(("found", "expected"), [
    (1 - STRIPES, (2.0, 0.0)),  # as much of it everywhere, and no pixel of it right
    (STRIPES * (np.arange(SIDE) < SIDE // 2), (0.5, 0.5)),  # half of it missing
    (STRIPES, (0.0, 0.0)), (0 * STRIPES, (1.0, 1.0))])
def test_a_difference_is_told_where_it_is_whatever_the_size_of_the_features(
        found: np.ndarray, expected: tuple[float, float], sizes: tuple[float, float]) -> None:
    case = Case("c", np.full((1, SIDE, SIDE), 0.6, np.float32), segments={"a": STRIPES > 0})
    rows = {row.metric: row.value for row in rows_of(model_of(KnownCritic(found, sizes), ("a",), 1), case)}
    assert [rows[f"difference at scale {i}"] for i in (0, 1)] == pytest.approx(expected, abs=1e-4)


def test_no_difference_is_told_of_an_empty_reference() -> None:
    case = Case("c", np.full((1, SIDE, SIDE), 0.6, np.float32), segments={"a": STRIPES > 2})
    rows = {row.metric: row.value for row in rows_of(model_of(KnownCritic(STRIPES, (1, 1)), ("a",), 1), case)}
    assert np.isnan([rows[f"difference at scale {i}"] for i in (0, 1)]).all()


def test_a_case_without_reference_and_a_network_without_parts_have_no_rows() -> None:
    network = segan.build(outputs=1, width=2, depth=2, critic=(3, 2))
    bare = Case("c", np.random.default_rng(0).random((1, SIDE, SIDE), dtype=np.float32))
    assert rows_of(model_of(network, ("a",), 1), bare) == []
    assert rows_of(load_model(small_cnn(), classes=["a", "b", "c"]), bare) == []


def test_the_two_maps_of_a_registration_are_what_the_plane_shares_are_made_of() -> None:
    torch.manual_seed(0)
    model = load_model(voxel_morph.build(), task="registration", preprocessing={"channels": 1, "multiple": 16})
    case = Case("c", np.random.default_rng(0).random((2, 32, 48), dtype=np.float32))
    targets = model.targets(case, model.predict([case])[0])[:1]
    found = sides(model, case, targets)
    scene = model.scenes(case, targets)[0]
    empty = np.zeros(scene.image.shape[-2:], np.float32)
    shares = PLANE_SHARE(Explained(scene, empty, {}, empty, None, empty > 0))
    total = sum(float(part.sum()) for part in found.values())
    assert [found[name].shape for name in ("moving", "fixed")] == [(32, 48)] * 2
    assert [float(found[name].sum()) / total for name in ("moving", "fixed")] == pytest.approx(
        [shares["[0]"], shares["[1]"]], abs=1e-5)
    assert sides(model, case, []) == {}
    assert sides(load_model(small_cnn(), classes=["a", "b", "c"]), case, targets) == {}
