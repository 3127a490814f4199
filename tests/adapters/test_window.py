"""A box's window holds all that its score depends on: the score and its gradient are those of the whole image."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN

from xaimed.adapters.detector import Detector
from xaimed.adapters.modelfile import ModelFile
from xaimed.adapters.window import Reach, Window, reach_of, window_round
from xaimed.architectures.five_block_rcnn import build
from xaimed.targets import Target
from xaimed.types import Case

SIZE = (480, 448)
PLAIN = {"filters": {"median": 0, "gaussian": 0.0, "bilateral": 0}, "segment": False, "crop": False,
         "long_side": 0, "stretch": 0.0}
# In corners, in the middle, at an edge, on no cell's border; x0, y0, x1, y1.
BOXES = {
    "upper left": (0.0, 0.0, 40.0, 36.0), "lower right": (410.0, 430.0, 448.0, 480.0),
    "middle": (216.3, 230.7, 240.1, 249.9), "edge": (0.0, 210.0, 30.5, 250.0)}


@dataclass(frozen=True, eq=False)
class Whole:
    """A detector, an image (1, 1, H, W), and the score of one RoI on the whole image, written out here."""

    network: FasterRCNN
    image: Tensor

    def score(self, image: Tensor, box: tuple[float, ...], index: int) -> Tensor:
        features = OrderedDict([("0", self.network.backbone((image - 0.5) / 0.25))])
        heads = self.network.roi_heads
        pooled = heads.box_roi_pool(features, [torch.tensor([box])], [SIZE])
        logits = heads.box_predictor(heads.box_head(pooled))[0][0]
        other = [i for i in range(3) if i != index]
        found: Tensor = logits[index] - logits[other].logsumexp(0)
        return found


def lively(network: FasterRCNN) -> FasterRCNN:
    """Weights and running statistics that let the score react clearly to every pixel it sees."""
    generator = torch.Generator().manual_seed(2)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(0.1 * torch.rand(module.num_features, generator=generator))
            module.running_var.copy_(0.05 + 0.1 * torch.rand(module.num_features, generator=generator))
    return network


@pytest.fixture(scope="module", params=[16, 32], ids=["stride 16", "stride 32"])
def whole(request: pytest.FixtureRequest) -> Whole:
    torch.manual_seed(0)
    image = torch.rand(1, 1, *SIZE, generator=torch.Generator().manual_seed(1))
    return Whole(lively(build(stride=request.param)).eval().requires_grad_(False), image)


@pytest.mark.parametrize("place", BOXES)
def test_score_and_gradient_on_the_window_are_those_of_the_whole_image(whole: Whole, place: str) -> None:
    box = BOXES[place]
    window = window_round(torch.tensor(box), reach_of(whole.network.backbone), SIZE)
    image = whole.image.clone().requires_grad_()
    expected = whole.score(image, box, 2)
    full = torch.autograd.grad(expected, image)[0]

    cut = window.cut(whole.image).clone().requires_grad_()
    assert cut.numel() < 0.9 * whole.image.numel()
    found = whole.score(cut, tuple(window.shifted(torch.tensor([box]))[0].tolist()), 2)
    assert float(found.detach()) == pytest.approx(float(expected.detach()), abs=1e-4)

    assert full.abs().max() > 0
    gradient = torch.autograd.grad(found, cut)[0]
    assert torch.allclose(gradient, window.cut(full), atol=1e-5 * float(full.abs().max()))
    outside = full.clone()
    window.cut(outside).zero_()
    assert float(outside.abs().max()) == 0.0


def test_pixels_outside_the_window_do_not_matter(whole: Whole) -> None:
    box = BOXES["middle"]
    window = window_round(torch.tensor(box), reach_of(whole.network.backbone), SIZE)
    other = torch.rand(whole.image.shape, generator=torch.Generator().manual_seed(9))
    window.cut(other).copy_(window.cut(whole.image))
    assert float(whole.score(other, box, 1)) == pytest.approx(float(whole.score(whole.image, box, 1)), abs=1e-4)


def test_a_scene_of_the_detector_scores_as_its_whole_image_does(whole: Whole) -> None:
    """Through the adapter: the window, the shifted proposal and the class of a target belong together."""
    stride = 32 if isinstance(whole.network.backbone[4][3], nn.MaxPool2d) else 16
    file = ModelFile("five_block_rcnn", {"stride": stride}, "detection", ("benign", "malignant"), PLAIN, {})
    detector = Detector(file, whole.network)
    case = Case("a", whole.image[0].numpy().astype(np.float32))
    target = Target("m0", "malignant", (190.0, 210.0, 250.0, 260.0))
    scene = detector.scenes(case, [target])[0]
    image = torch.from_numpy(detector.prepare(case).image)[None]
    with torch.no_grad():
        roi = best_over(detector.propose(image)[0].proposals, (190.0, 210.0, 250.0, 260.0))
        expected = whole.score(image, tuple(roi.tolist()), 2)
        assert scene.score(scene.image).item() == pytest.approx(float(expected), abs=1e-4)
        twice = scene.score(torch.cat([scene.image, scene.image.flip(-1)]))
    assert twice[0].item() == pytest.approx(float(expected), abs=1e-4)
    assert abs(twice[1].item() - twice[0].item()) > 1e-4
    assert np.count_nonzero(scene.place(np.ones(scene.image.shape[-2:], np.float32))) == scene.tissue.numel()


def best_over(proposals: Tensor, box: tuple[float, ...]) -> Tensor:
    """The proposal with the largest IoU, or the box where none reaches 0.1."""
    edges = torch.tensor(box)
    sides = (torch.minimum(proposals[:, 2:], edges[2:]) - torch.maximum(proposals[:, :2], edges[:2])).clamp(min=0)
    areas = (proposals[:, 2:] - proposals[:, :2]).prod(1)
    overlap = sides.prod(1) / (areas + (edges[2:] - edges[:2]).prod() - sides.prod(1))
    return proposals[overlap.argmax()] if overlap.max() > 0.1 else edges


def test_the_reach_is_that_of_the_layers() -> None:
    """Five blocks see 1 + sum over blocks of (2 + 1) * 2^i = 94 pixels, without the last pool 78."""
    assert reach_of(build(stride=32).backbone) == Reach(margin=47, stride=32)
    assert reach_of(build(stride=16).backbone) == Reach(margin=39, stride=16)
    dilated = nn.Sequential(nn.Conv2d(1, 1, 3, dilation=4), nn.AvgPool2d(2), nn.Conv2d(1, 1, 5))
    assert reach_of(dilated) == Reach(margin=(1 + 8 + 1 + 8) // 2, stride=2)


def test_what_is_no_plain_sequence_has_no_reach_and_keeps_the_image() -> None:
    assert reach_of(nn.Conv2d(1, 1, 3)) is None
    assert reach_of(nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1))) is None
    # Group normalisation mixes the whole image into every cell.
    assert reach_of(nn.Sequential(nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4))) is None
    assert window_round(torch.tensor([10.0, 10.0, 20.0, 20.0]), None, (64, 96)) == Window(0, 0, 96, 64)


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.floats(0, 1)] * 4), st.sampled_from([16, 32]), st.integers(3, 20), st.integers(3, 20))
def test_a_window_lies_in_the_image_on_whole_cells_and_holds_its_box(
        place: tuple[float, ...], stride: int, rows: int, columns: int) -> None:
    height, width = 32 * rows, 32 * columns
    xs, ys = sorted((place[0] * width, place[1] * width)), sorted((place[2] * height, place[3] * height))
    window = window_round(torch.tensor([xs[0], ys[0], xs[1], ys[1]]), Reach(47, stride), (height, width))
    assert 0 <= window.x0 <= xs[0] <= xs[1] <= window.x1 <= width
    assert 0 <= window.y0 <= ys[0] <= ys[1] <= window.y1 <= height
    assert all(edge % 32 == 0 for edge in (window.x0, window.y0, window.x1, window.y1))
    # Shifting and cutting agree: the box's corner is the same pixel in both.
    assert window.shifted(torch.tensor([[xs[0], ys[0], xs[1], ys[1]]]))[0, :2].tolist() == pytest.approx(
        [xs[0] - window.x0, ys[0] - window.y0], abs=1e-3)
