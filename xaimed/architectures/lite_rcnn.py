"""A mammogram detector by transfer learning: EfficientNet-Lite0 with the heads of Faster R-CNN at stride 16.

The last stage (stride 32) is brought up to stride 16 and added to the stage before, as in a feature pyramid with one
level kept: Lin T et al. (2017) "Feature pyramid networks for object detection", arXiv:1612.03144.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.ops import MultiScaleRoIAlign

from xaimed.architectures.efficientnet_lite import BLOCKS, imagenet_weights, lite_blocks
from xaimed.architectures.five_block_rcnn import RATIOS, BoxHead, RegionHead, Stacked

# Blocks up to here have stride 16; those after it stride 32.
NECK = 11


class LiteBackbone(nn.Module):
    """(B, C, H, W) to (B, width, H / 16, W / 16)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        blocks = lite_blocks(channels)
        self.fine, self.coarse = nn.Sequential(*blocks[:NECK + 1]), nn.Sequential(*blocks[NECK + 1:])
        self.lateral = nn.Conv2d(BLOCKS[NECK - 1][3], width, 1)
        self.top = nn.Conv2d(BLOCKS[-1][3], width, 1)
        self.smooth = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        self.out_channels, self.channels = width, channels

    def forward(self, images: Tensor) -> Tensor:
        """The fused features at stride 16."""
        fine = self.fine(images)
        coarse = self.top(self.coarse(fine))
        out: Tensor = self.smooth(self.lateral(fine) + functional.interpolate(coarse, fine.shape[-2:], mode="nearest"))
        return out


def start_from_imagenet(network: FasterRCNN) -> None:
    """The detector with the ImageNet weights in its blocks. Raises MissingExtra where their package is absent."""
    backbone: LiteBackbone = network.backbone
    for name, value in imagenet_weights(backbone.channels).items():
        number, _, rest = name.partition(".")
        place = int(number)
        part, index = (backbone.fine, place) if place <= NECK else (backbone.coarse, place - NECK - 1)
        part.state_dict()[f"{index}.{rest}"].copy_(value)


def build(classes: Sequence[str] = ("benign", "malignant"), anchors: Sequence[int] = (32, 64, 128, 256),
          channels: int = 1, width: int = 128) -> FasterRCNN:
    """The detector for images (C, H, W) in [0, 1] whose sides are multiples of 32; class 0 is background.

    anchors: square-root areas in pixels of the network input, each with ratios 1:2, 1:1, 2:1.
    """
    backbone = LiteBackbone(channels, width)
    model = FasterRCNN(
        backbone, rpn_anchor_generator=AnchorGenerator((tuple(anchors),), (RATIOS,)),
        rpn_head=RegionHead(width, width, len(anchors) * len(RATIOS)),
        box_roi_pool=MultiScaleRoIAlign(["0"], output_size=7, sampling_ratio=2), box_head=BoxHead(width, 256, 0.5),
        box_predictor=FastRCNNPredictor(256, len(classes) + 1), box_nms_thresh=0.1, box_score_thresh=0.01,
        box_detections_per_img=50, rpn_pre_nms_top_n_test=300, rpn_post_nms_top_n_test=100,
        rpn_pre_nms_top_n_train=500, rpn_post_nms_top_n_train=200, box_batch_size_per_image=32,
        box_fg_iou_thresh=0.5, box_bg_iou_thresh=0.4, rpn_fg_iou_thresh=0.6, rpn_bg_iou_thresh=0.3)
    model.transform = Stacked(0.5, 0.5)
    return model
