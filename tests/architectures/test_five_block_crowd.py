"""The case study's network in small: its size, its parts, what may overlap, and what is refused."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from xaimed.architectures.five_block_crowd import build
from xaimed.architectures.five_block_rcnn import FiveBlocks
from xaimed.errors import ModelError

CLASSES = ("RBC", "WBC", "Platelets")


def test_the_parameters_are_as_many_as_the_layers_say() -> None:
    sizes = (3, 16, 32, 64, 128, 256)
    backbone = sum(9 * i * o + o + 2 * o for i, o in itertools.pairwise(sizes))
    proposals = 9 * 256 * 256 + 256 + 256 * 9 + 9 + 256 * 36 + 36
    head = 256 * 49 * 256 + 256 + 256 * 256 + 256 + 256 * 4 + 4 + 256 * 16 + 16
    network = build(CLASSES)
    assert sum(weight.numel() for weight in network.parameters()) == backbone + proposals + head == 4_277_697
    assert isinstance(network.backbone, FiveBlocks)
    assert [len([layer for layer in block if isinstance(layer, nn.MaxPool2d)]) for block in network.backbone] == [
        1, 1, 1, 1, 0]


@pytest.mark.parametrize(("overlap", "kept"), [(0.3, 2), (0.05, 1)])
def test_two_boxes_that_overlap_by_an_eighth(overlap: float, kept: int) -> None:
    """Boxes of 40 pixels, 30 apart, share 10 of 70 columns: 0.143."""
    heads = build(CLASSES, overlap=overlap).roi_heads
    boxes = torch.tensor([[0.0, 0, 40, 40], [30.0, 0, 70, 40]])
    logits = torch.tensor([[0.0, 6, 0, 0], [0.0, 5, 0, 0]])
    found, scores, labels = heads.postprocess_detections(logits, torch.zeros(2, 16), [boxes], [(64, 96)])
    sure = scores[0] > 0.5
    assert int(sure.sum()) == kept
    assert labels[0][sure].tolist() == [1] * kept
    assert found[0][sure][0].tolist() == [0, 0, 40, 40]


def test_narrower_blocks_and_what_is_refused() -> None:
    assert build(CLASSES, widths=[8, 8, 16, 16, 32]).backbone.out_channels == 32
    with pytest.raises(ModelError, match="overlap = 1"):
        build(CLASSES, overlap=1.0)
    with pytest.raises(ModelError, match="4 widths"):
        build(CLASSES, widths=(8, 8, 8, 8))
