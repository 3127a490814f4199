"""The parts of a torchvision two-stage detector, run one after the other: input, features, proposals, RoI head.

The boxes of a detection do not change under an explanation: proposals are frozen, and the head runs on them alone.
torchvision detaches what the region proposal network gives, so no score has a gradient there; the objectness of an
anchor, read from that network's own head, has one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import concat_box_prediction_layers
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign, box_iou, clip_boxes_to_image, roi_align

from xaimed.errors import ModelError
from xaimed.targets import rpn_objectness

Features = Mapping[str, Tensor]
Size = tuple[int, int]
# Boxes with an IoU within this of the best lie in one place.
SAME_PLACE = 1e-3


@dataclass(frozen=True, eq=False)
class Proposed:
    """The RoI head's output for every proposal: boxes (R, 4) of the best class, probabilities (R, classes + 1).

    boxes are in pixels of the network's input; proposals (R, 4), the RoIs that were pooled, in those of the image
    that the backbone saw, which is the input resized by the network's own transform.
    """

    proposals: Tensor
    boxes: Tensor
    probabilities: Tensor

    @property
    def scores(self) -> Tensor:
        """(R,): the probability of the best class."""
        return self.probabilities[:, 1:].max(dim=1).values

    @property
    def labels(self) -> Tensor:
        """(R,): the index of the best class, from 0."""
        return self.probabilities[:, 1:].argmax(dim=1)


@dataclass(frozen=True)
class Anchor:
    """An anchor of the region proposal network: number `place` of map `level`, which is called `name`."""

    level: int
    place: int
    name: str


class TwoStage:
    """A two-stage detector as its parts. Raises ModelError for a network that is none."""

    def __init__(self, network: nn.Module, name: str) -> None:
        missing = [part for part in ("transform", "backbone", "rpn", "roi_heads") if not hasattr(network, part)]
        if missing:
            raise ModelError(f"architecture {name!r} has no {' and no '.join(missing)}; expected a two-stage detector "
                             "as torchvision's Faster R-CNN")
        self.network = network
        # nn.Module types every attribute as a tensor or a module; torchvision's parts are more than that.
        self._parts: Any = network

    @property
    def heads(self) -> Any:
        """The RoI heads with their thresholds."""
        return self._parts.roi_heads

    def layers(self) -> dict[str, nn.Module]:
        """The blocks of the backbone, then the levels of its pyramid from fine to coarse.

        Not the extra coarse level ("pool"), which the proposals alone use: no score of a box has a gradient there.
        """
        backbone = self._parts.backbone
        if not _is_pyramid(backbone):
            return {f"backbone.{name}": part for name, part in backbone.named_children()}
        levels = zip(backbone.body.return_layers.values(), backbone.fpn.layer_blocks, strict=True)
        return {**{f"backbone.body.{name}": part for name, part in backbone.body.named_children()},
                **{f"fpn.{name}": part for name, part in levels}}

    def layer(self, level: str) -> str:
        """The name of the layer that gives a level of the features; "" where the backbone gives but one map.

        For an extra coarse level, which the proposals alone use, it is the coarsest of the pyramid, that it is made of.
        """
        if not _is_pyramid(self._parts.backbone):
            return ""
        return f"fpn.{level}" if f"fpn.{level}" in self.layers() else list(self.layers())[-1]

    def resized(self, size: Size) -> Size:
        """Height and width of the image that the backbone sees, without its padding, for an input of `size`."""
        if not isinstance(self._parts.transform, GeneralizedRCNNTransform):
            return size
        probe = torch.empty(1, *size, device="meta")
        return _size(self._parts.transform.resize(probe)[0])

    def batch(self, images: Tensor) -> ImageList:
        """The images (B, C, h, w) normalised, resized and padded as the network's own transform does it."""
        transform = self._parts.transform
        if not isinstance(transform, GeneralizedRCNNTransform):
            found: ImageList = transform(list(images))[0]
            return found
        resized = torch.stack([transform.resize(transform.normalize(image))[0] for image in images])
        height, width = _size(resized)
        down, right = -height % transform.size_divisible, -width % transform.size_divisible
        # torchvision copies each image into zeros, which hides from a map where its cells lie.
        padded = torch.nn.functional.pad(resized, (0, right, 0, down))
        return ImageList(padded, [(height, width)] * len(images))

    def features(self, batch: ImageList) -> Features:
        """The backbone's maps by level, from fine to coarse."""
        found = self._parts.backbone(batch.tensors)
        features: Features = OrderedDict([("0", found)]) if isinstance(found, Tensor) else found
        return features

    def propose(self, images: Tensor) -> list[Proposed]:
        """What the detector finds in each of the images (B, C, h, w), before non-maximum suppression."""
        batch = self.batch(images)
        features = self.features(batch)
        proposals, _ = self._parts.rpn(batch, features)
        logits, deltas = self.head(self.heads.box_roi_pool(features, proposals, batch.image_sizes))
        out, start = [], 0
        for rois in proposals:
            part = slice(start, start + len(rois))
            boxes = self._decoded(rois, logits[part], deltas[part])
            out.append(_found(rois, boxes, logits[part].softmax(dim=1), batch.image_sizes[0], _size(images)))
            start += len(rois)
        return out

    def head(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (R, classes + 1) and box deltas of pooled features (R, N, 7, 7)."""
        logits, deltas = self.heads.box_predictor(self.heads.box_head(pooled))
        return logits, deltas

    def _decoded(self, rois: Tensor, logits: Tensor, deltas: Tensor) -> Tensor:
        boxes = self.heads.box_coder.decode(deltas, [rois])
        best = logits[:, 1:].argmax(dim=1) + 1
        found: Tensor = boxes[torch.arange(len(boxes), device=boxes.device), best]
        return found

    def outputs(self, features: Features, rois: Tensor, sizes: list[Size]) -> tuple[Tensor, Tensor]:
        """Logits (B * K, classes + 1) and boxes (B * K, classes + 1, 4) of K frozen RoIs (K, 4) on B images."""
        every = [rois] * len(sizes)
        return self.answers(self.heads.box_roi_pool(features, every, sizes), every)

    def answers(self, pooled: Tensor, rois: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Logits (R, classes + 1) and boxes (R, classes + 1, 4), in the backbone's pixels, of pooled RoIs."""
        logits, deltas = self.head(pooled)
        return logits, self.heads.box_coder.decode(deltas, rois)

    def levels(self, images: Tensor) -> tuple[Tensor, ...]:
        """The maps that RoIs are pooled from, from fine to coarse, then those that anchors lie on."""
        features = self.features(self.batch(images))
        return (*(features[name] for name in self.level_names()), *features.values())

    def objectness(self, maps: Sequence[Tensor], anchors: Sequence[int]) -> Tensor:
        """(B, K): the objectness logits of K anchors, which are numbered through the maps (B, N, h', w')."""
        levels, _ = self._parts.rpn.head(list(maps))
        return rpn_objectness(levels, torch.tensor(anchors, device=maps[0].device))

    def anchor_behind(self, images: Tensor, roi: Tensor) -> Anchor:
        """The anchor whose proposal on an image (1, C, h, w) lies nearest to a RoI (4,); of equals the surest."""
        batch, rpn = self.batch(images), self._parts.rpn
        features = self.features(batch)
        levels, deltas = rpn.head(list(features.values()))
        sizes = [level[0].numel() for level in levels]
        flat, moves = concat_box_prediction_layers(list(levels), list(deltas))
        boxes = rpn.box_coder.decode(moves, rpn.anchor_generator(batch, list(features.values())))[:, 0]
        overlap = box_iou(clip_boxes_to_image(boxes, batch.image_sizes[0]), roi[None])[:, 0]
        best = int(flat[:, 0].where(overlap >= overlap.max() - SAME_PLACE, -torch.inf).argmax())
        level = next(i for i in range(len(sizes)) if best < sum(sizes[:i + 1]))
        return Anchor(level, best - sum(sizes[:level]), list(features)[level])

    def level_names(self) -> tuple[str, ...]:
        """The names of the maps that RoIs are pooled from; known once an image was proposed on."""
        pool = self.heads.box_roi_pool
        if not isinstance(pool, MultiScaleRoIAlign):
            return ("0",)
        return tuple(pool.featmap_names[:len(pool.scales or ())])

    def level_of(self, rois: Tensor) -> tuple[int, ...]:
        """For each of K RoIs (K, 4) the index of the map that it is pooled from, by the network's own rule."""
        pool = self.heads.box_roi_pool
        if not isinstance(pool, MultiScaleRoIAlign) or len(pool.scales or ()) < 2 or pool.map_levels is None:
            return (0,) * len(rois)
        return tuple(int(level) for level in pool.map_levels([rois]))

    def pooled(self, maps: Tensor, rois: Tensor, level: int) -> Tensor:
        """(M, N, 7, 7): RoI i of M (M, 4) pooled from copy i of one map, (M, N, h', w')."""
        pool = self.heads.box_roi_pool
        boxes = list(rois[:, None])
        if isinstance(pool, MultiScaleRoIAlign):
            scales: list[float] = pool.scales or [1.0]
            aligned: Tensor = roi_align(maps, boxes, pool.output_size, scales[level], pool.sampling_ratio)
            return aligned
        # A pool of another kind needs no image sizes beyond those of its boxes.
        pooled: Tensor = pool(OrderedDict([("0", maps)]), boxes, [_size(maps)] * len(maps))
        return pooled


def each_log_odds(logits: Tensor, indices: Tensor) -> Tensor:
    """(R,): log p / (1 - p) of logits (R, classes + 1), as targets.log_odds, with a class of its own for each row."""
    chosen = torch.nn.functional.one_hot(indices, logits.shape[1]).bool()
    return logits[chosen] - logits.masked_fill(chosen, -torch.inf).logsumexp(dim=1)


def scaled(boxes: Tensor, before: Size, after: Size) -> Tensor:
    """Boxes (N, 4) of an image of size `before` (height, width) on the same image resized to `after`."""
    if before == after:
        return boxes
    y, x = after[0] / before[0], after[1] / before[1]
    return boxes * torch.tensor([x, y, x, y], dtype=boxes.dtype, device=boxes.device)


def _is_pyramid(backbone: nn.Module) -> bool:
    body = getattr(backbone, "body", None)
    return isinstance(getattr(backbone, "fpn", None), FeaturePyramidNetwork) and hasattr(body, "return_layers")


def _size(image: Tensor) -> Size:
    return int(image.shape[-2]), int(image.shape[-1])


def _found(rois: Tensor, boxes: Tensor, probabilities: Tensor, resized: Size, size: Size) -> Proposed:
    limit = torch.tensor([resized[1], resized[0]] * 2, device=boxes.device)
    inside = torch.minimum(boxes.clamp(min=0), limit)
    solid = (inside[:, 2] - inside[:, 0] > 1) & (inside[:, 3] - inside[:, 1] > 1)
    return Proposed(rois[solid], scaled(inside[solid], resized, size), probabilities[solid])
