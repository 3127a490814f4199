"""The case study's network: five convolution blocks with the heads of Faster R-CNN.

Hadush S, Girmay Y, Sinamo A, Hagos G (2020) "Breast cancer detection using convolutional neural
networks", arXiv:2003.07911: each block is Conv 3x3 stride 1 same, ReLU, BatchNorm, MaxPool 2x2 stride 2,
Dropout. Widths, anchors and head sizes are not published; these are our choice. The heads are torchvision's
(Ren S et al. (2015) "Faster R-CNN", arXiv:1506.01497).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import MultiScaleRoIAlign, RoIPool

from xaimed.errors import ModelError

RATIOS = (0.5, 1.0, 2.0)
WIDTHS = (32, 64, 128, 256, 512)
DROPOUTS = (0.1, 0.1, 0.2, 0.2, 0.25)


class Block(nn.Sequential):
    """Conv 3x3 same, ReLU, BatchNorm, MaxPool 2x2 (if `pool`), Dropout2d: (B, i, H, W) to (B, o, H/2, W/2)."""

    def __init__(self, inputs: int, outputs: int, dropout: float, pool: bool = True) -> None:
        layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(outputs)]
        if pool:
            layers.append(nn.MaxPool2d(2, 2))
        super().__init__(*layers, nn.Dropout2d(dropout))


class FiveBlocks(nn.Sequential):
    """The backbone: (B, C, H, W) to (B, widths[-1], H/stride, W/stride).

    stride 32 pools in every block, as published; stride 16 leaves out the last pool (same parameters).
    """

    def __init__(self, channels: int, widths: Sequence[int], dropouts: Sequence[float], stride: int) -> None:
        if stride not in (16, 32) or len(widths) != 5 or len(dropouts) != 5:
            raise ModelError(f"five_block_rcnn: stride {stride}, {len(widths)} widths, {len(dropouts)} dropouts; "
                             "expected stride 16 or 32 and five of each")
        sizes = [channels, *widths]
        super().__init__(*(Block(sizes[i], sizes[i + 1], dropouts[i], pool=i < 4 or stride == 32) for i in range(5)))
        self.out_channels = int(widths[-1])


class RoIMaxPool(nn.Module):
    """RoI max-pooling as in the Keras implementations of the time, in place of RoIAlign."""

    def __init__(self, stride: int, size: int = 7) -> None:
        super().__init__()
        self.pool = RoIPool(size, 1.0 / stride)

    def forward(self, features: dict[str, Tensor], boxes: list[Tensor], shapes: list[tuple[int, int]]) -> Tensor:
        """(R, C, 7, 7): the pooled features of all boxes (pixels of the network input)."""
        del shapes
        pooled: Tensor = self.pool(features["0"], boxes)
        return pooled


class BoxHead(nn.Module):
    """Two fully connected layers with dropout: (R, C, 7, 7) to (R, width)."""

    def __init__(self, channels: int, width: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(channels * 49, width), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout))

    def forward(self, pooled: Tensor) -> Tensor:
        """(R, width): the feature vector of each RoI."""
        vectors: Tensor = self.layers(pooled)
        return vectors


def build(
    classes: Sequence[str] = ("benign", "malignant"),
    stride: int = 16,
    anchors: Sequence[int] = (32, 64, 128, 256),
    roi: str = "align",
    channels: int = 1,
) -> FasterRCNN:
    """The detector for images (C, H, W) in [0, 1] whose sides are multiples of 32; class 0 is background.

    stride: 32 is the published variant, 16 the recommended one. anchors: square-root areas in pixels of the
    network input, each with ratios 1:2, 1:1, 2:1. roi: "align" or "max". The best anchor of every lesion is
    always a positive one, however low its overlap. Raises ModelError for other arguments.
    """
    if roi not in ("align", "max"):
        raise ModelError(f"five_block_rcnn: roi = {roi!r}; expected 'align' or 'max'")
    backbone = FiveBlocks(channels, WIDTHS, DROPOUTS, stride)
    model = two_stage(backbone, Heads(len(classes), tuple(anchors)))
    if roi == "max":
        # The constructor takes no other pooling than its own.
        model.roi_heads.box_roi_pool = RoIMaxPool(stride)
    return model


@dataclass(frozen=True)
class Heads:
    """Sizes of the heads. classes: without background. anchors: square-root areas in pixels of the network input.

    overlap: of two found boxes whose intersection over union is greater, the one with the lower score is dropped.
    """

    classes: int
    anchors: tuple[int, ...]
    width: int = 256
    overlap: float = 0.1


def two_stage(backbone: FiveBlocks, heads: Heads) -> FasterRCNN:
    """The five blocks with the region proposals and the box head of Faster R-CNN."""
    model = FasterRCNN(
        backbone, rpn_anchor_generator=AnchorGenerator((heads.anchors,), (RATIOS,)),
        rpn_head=RegionHead(backbone.out_channels, heads.width, len(heads.anchors) * len(RATIOS)),
        box_roi_pool=MultiScaleRoIAlign(["0"], output_size=7, sampling_ratio=2),
        box_head=BoxHead(backbone.out_channels, heads.width, 0.5),
        box_predictor=FastRCNNPredictor(heads.width, heads.classes + 1), box_nms_thresh=heads.overlap,
        box_score_thresh=0.01, box_detections_per_img=50, rpn_pre_nms_top_n_test=300, rpn_post_nms_top_n_test=100,
        rpn_pre_nms_top_n_train=500, rpn_post_nms_top_n_train=200, box_batch_size_per_image=32,
        box_fg_iou_thresh=0.5, box_bg_iou_thresh=0.4, rpn_fg_iou_thresh=0.6, rpn_bg_iou_thresh=0.3)
    model.transform = Stacked(0.5, 0.25)
    return model


class Stacked(nn.Module):
    """Images of one size as a normalised batch; no resize, since the case is prepared with one affine before."""

    def __init__(self, mean: float, spread: float) -> None:
        super().__init__()
        self.mean, self.spread = mean, spread

    def forward(self, images: Sequence[Tensor], targets: list[dict[str, Tensor]] | None = None
                ) -> tuple[ImageList, list[dict[str, Tensor]] | None]:
        """The batch (B, C, H, W) with each image's size, and the targets as they came."""
        batch = (torch.stack(list(images)) - self.mean) / self.spread
        return ImageList(batch, [(batch.shape[-2], batch.shape[-1])] * batch.shape[0]), targets

    def postprocess(self, result: list[dict[str, Tensor]], shapes: list[tuple[int, int]],
                    originals: list[tuple[int, int]]) -> list[dict[str, Tensor]]:
        """The detections as they are: the adapter maps them to original pixels."""
        del shapes, originals
        return result


class RegionHead(RPNHead):
    """One convolution 3x3, then the objectness and the box of each anchor, of a width of its own."""

    def __init__(self, channels: int, width: int, anchors: int) -> None:
        super().__init__(channels, anchors)
        shared = nn.Conv2d(channels, width, 3, padding=1)
        scores, deltas = nn.Conv2d(width, anchors, 1), nn.Conv2d(width, anchors * 4, 1)
        for layer in (shared, scores, deltas):
            nn.init.normal_(layer.weight, std=0.01)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        self.conv = nn.Sequential(nn.Sequential(shared, nn.ReLU()))
        self.cls_logits, self.bbox_pred = scores, deltas
