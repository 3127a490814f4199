"""The case study's network in small, for images crowded with things of a few sizes, such as cells.

The five blocks and the heads are those of `five_block_rcnn`, at stride 16. Two things differ: the blocks may be
narrower, for a small file and few images, and found boxes may overlap, since cells lie on cells.
"""

from __future__ import annotations

from collections.abc import Sequence

from torchvision.models.detection import FasterRCNN

from xaimed.architectures.five_block_rcnn import DROPOUTS, FiveBlocks, Heads, two_stage
from xaimed.errors import ModelError


def build(
    classes: Sequence[str] = ("RBC", "WBC", "Platelets"),
    anchors: Sequence[int] = (20, 50, 100),
    widths: Sequence[int] = (16, 32, 64, 128, 256),
    overlap: float = 0.3,
    channels: int = 3,
) -> FasterRCNN:
    """The detector for images (C, H, W) in [0, 1] whose sides are multiples of 32; class 0 is background.

    anchors: square-root areas in pixels of the network input, each with ratios 1:2, 1:1, 2:1. widths: of the five
    blocks. overlap: of two found boxes whose intersection over union is greater, the lower one is dropped.
    Raises ModelError for an overlap outside 0 to 1 and for other than five widths.
    """
    if not 0 < overlap < 1:
        raise ModelError(f"five_block_crowd: overlap = {overlap}; expected more than 0 and less than 1")
    return two_stage(FiveBlocks(channels, tuple(widths), DROPOUTS, 16),
                     Heads(len(classes), tuple(anchors), overlap=overlap))
