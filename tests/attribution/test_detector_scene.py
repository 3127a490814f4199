"""A realistic scene: the score of one fixed RoI of the five-block detector."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from xaimed.architectures.five_block_rcnn import build
from xaimed.attribution import GradCAM, IntegratedGradients
from xaimed.attribution.grid import Axis, Geometry, Grid
from xaimed.hooks import captured
from xaimed.scene import Scene

ROI = (16.0, 24.0, 64.0, 72.0)


@pytest.fixture(scope="module", params=[16, 32], ids=["stride 16", "stride 32"])
def detector(request: pytest.FixtureRequest) -> Scene:
    torch.manual_seed(0)
    net = build(stride=request.param).eval()
    image = torch.rand(1, 1, 96, 128, generator=torch.Generator().manual_seed(1))

    def score(images: Tensor) -> Tensor:
        batch, _ = net.transform(list(images))
        features = OrderedDict([("0", net.backbone(batch.tensors))])
        rois = [torch.tensor([ROI]).to(images)] * len(images)
        pooled = net.roi_heads.box_roi_pool(features, rois, batch.image_sizes)
        logits: Tensor = net.roi_heads.box_predictor(net.roi_heads.box_head(pooled))[0]
        return logits[:, 2]

    return Scene(
        case="case",
        target="d0",
        image=image,
        tissue=torch.ones(96, 128, dtype=torch.bool),
        score=score,
        similarity=lambda images: score(images).detach().sigmoid(),
        network=net,
        layers={f"backbone.{name}": part for name, part in net.backbone.named_children()},
        place=lambda values: values,
        chunk=3,
    )


def test_the_cells_are_followed_through_the_detectors_transform(detector: Scene) -> None:
    for name, layer in detector.layers.items():
        with torch.no_grad(), captured(layer) as holder, Geometry(detector.image) as geometry:
            detector.score(detector.image)
            step = 96 / holder.value.shape[-2]
            # 2 x 2 pools: a cell is centred in the middle of its block of pixels.
            assert geometry.of(holder.value) == Grid((Axis((step - 1) / 2, step),) * 2), name


@pytest.mark.parametrize("detector", [16], indirect=True)
def test_the_weights_equal_finite_differences(detector: Scene) -> None:
    """Channels of block 3 moved one by one, with the rest of the network written out here in double precision."""
    net = detector.network.double()
    try:
        with torch.no_grad():
            batch, _ = net.transform(list(detector.image.double()))
            value = nn.Sequential(*list(net.backbone)[:4])(batch.tensors)
            moves = 1e-6 * torch.eye(value.shape[1], dtype=torch.float64)[:, :, None, None]
            up, down = (tail(net, value + sign * moves, batch.image_sizes) for sign in (1, -1))
    finally:
        net.float()
    weights = (up - down) / 2e-6 / value[0, 0].numel()
    cells = (weights[:, None, None] * value[0]).sum(0)
    laid = torch.nn.functional.interpolate(cells[None, None], size=(96, 128), mode="bilinear")[0, 0].numpy()
    found = GradCAM(layer="backbone.3", relu=False).attribute(detector)
    assert np.linalg.norm(found.values - laid) < 1e-3 * np.linalg.norm(laid)


def tail(net: nn.Module, values: Tensor, sizes: list[tuple[int, int]]) -> Tensor:
    scores = []
    for part in values.split(32):
        features = OrderedDict([("0", net.backbone[4](part))])
        pooled = net.roi_heads.box_roi_pool(
            features, [torch.tensor([ROI]).double()] * len(part), sizes * len(part)
        )
        scores.append(net.roi_heads.box_predictor(net.roi_heads.box_head(pooled))[0][:, 2])
    return torch.cat(scores)


def test_integrated_gradients_are_complete_within_one_per_cent(detector: Scene) -> None:
    found = IntegratedGradients(tolerance=0.5).attribute(detector)
    assert found.note == ""
    assert abs(found.values.sum() / (found.facts["f_input"] - found.facts["f_baseline"]) - 1) <= 0.011
