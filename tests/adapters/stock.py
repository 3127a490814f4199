"""Stock torchvision detectors with random weights that answer clearly, small enough for a test."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN, fasterrcnn_mobilenet_v3_large_320_fpn
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.ops import FrozenBatchNorm2d

from xaimed.adapters.detector import Detector
from xaimed.adapters.modelfile import ModelFile
from xaimed.types import Case

PLAIN = {"filters": {"median": 0, "gaussian": 0.0, "bilateral": 0}, "segment": False, "crop": False,
         "long_side": 0, "stretch": None, "multiple": 1, "channels": 3}
CLASSES = ("benign", "malignant")


def lively(network: nn.Module, seed: int = 0) -> nn.Module:
    """Normalisation that keeps the activations in bounds, and class scores that differ from box to box."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, FrozenBatchNorm2d | nn.BatchNorm2d):
            module.running_mean.copy_(0.1 * torch.rand(module.running_mean.shape, generator=generator))
            module.running_var.copy_(1 + torch.rand(module.running_var.shape, generator=generator))
    nn.init.normal_(network.roi_heads.box_predictor.cls_score.weight, std=0.3, generator=generator)
    return network.eval()


def resnet_detector(classes: int = 3) -> FasterRCNN:
    """ResNet-18 with a feature pyramid of four levels; the shorter side is resized to 96 pixels."""
    torch.manual_seed(0)
    backbone = resnet_fpn_backbone(backbone_name="resnet18", weights=None, trainable_layers=5)
    head = TwoMLPHead(backbone.out_channels * 49, 32)
    network = FasterRCNN(
        backbone, min_size=96, max_size=160, box_head=head, box_score_thresh=0.0, rpn_post_nms_top_n_test=30,
        box_predictor=Predictor(32, classes))
    return lively(network)


class Predictor(nn.Module):
    """Two linear layers side by side, as torchvision's FastRCNNPredictor."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.cls_score, self.bbox_pred = nn.Linear(width, classes), nn.Linear(width, classes * 4)

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        return self.cls_score(vectors), self.bbox_pred(vectors)


def mobilenet_detector(classes: int = 3) -> FasterRCNN:
    """The stock mobilenet detector for 320 pixels, here for 96."""
    torch.manual_seed(0)
    network = fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=None, weights_backbone=None, num_classes=classes, min_size=96, max_size=160, box_score_thresh=0.0)
    return lively(network)


def adapted(network: nn.Module, classes: tuple[str, ...] = CLASSES) -> Detector:
    return Detector(ModelFile("stock", {}, "detection", classes, PLAIN, {}), network)


def case(height: int = 75, width: int = 100, channels: int = 1, seed: int = 0) -> Case:
    pixels = np.random.default_rng(seed).random((channels, height // 5, width // 5), dtype=np.float32)
    return Case(f"p{seed}", np.ascontiguousarray(pixels.repeat(5, 1).repeat(5, 2)))
