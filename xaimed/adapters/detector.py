"""A two-stage detector: boxes in original pixels, and scenes whose scalar is the score of one frozen RoI.

The region proposal network gets no gradient from a detection (torchvision detaches its boxes), so a gradient
explanation here is conditional on the proposal. The similarity runs the whole detector again, proposals included.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms, box_iou

from xaimed.adapters.modelfile import ModelFile
from xaimed.adapters.window import Window, reach_of, window_round
from xaimed.errors import ModelError, TargetError
from xaimed.imaging.geometry import inverse, map_boxes, map_values
from xaimed.imaging.preprocessing import Prepared, prepare, preprocessing_of
from xaimed.scene import Scene
from xaimed.targets import Target, detection_similarity, log_odds
from xaimed.types import Case, Detection, Floats, Mask, Prediction


@dataclass(frozen=True, eq=False)
class Proposed:
    """The RoI head's output for every proposal: boxes (R, 4) of the best class, probabilities (R, classes + 1).

    proposals (R, 4) are the RoIs that were pooled; all boxes in pixels of the network's input.
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


@dataclass(frozen=True, eq=False)
class _Found:
    case: Case
    prepared: Prepared
    proposed: Proposed
    kept: tuple[int, ...]


class Detector:
    """A torchvision Faster R-CNN of `xaimed.architectures` as a Model."""

    def __init__(self, file: ModelFile, network: nn.Module, device: str = "cpu") -> None:
        if not hasattr(network, "roi_heads"):
            raise ModelError(f"architecture {file.architecture!r} has no RoI heads; expected a two-stage detector")
        self.file, self.device = file, device
        # Channels last is exact and up to twice as fast on a CPU.
        self.network = network.to(device).to(memory_format=torch.channels_last).eval()
        # nn.Module types every attribute as a tensor or a module; torchvision's parts are more than that.
        self._parts: Any = self.network
        self.steps = preprocessing_of(file.preprocessing)
        self._reach = reach_of(network.get_submodule("backbone"))
        self._last: _Found | None = None

    @property
    def task(self) -> str:
        """"detector"."""
        return "detector"

    @property
    def classes(self) -> tuple[str, ...]:
        """The lesion classes, without background."""
        return self.file.classes

    def prepare(self, case: Case) -> Prepared:
        """The filtered, cropped, resized and padded image."""
        return prepare(case, self.steps)

    def layers(self) -> Mapping[str, nn.Module]:
        """The blocks of the backbone by name."""
        backbone = self.network.get_submodule("backbone")
        return {f"backbone.{name}": part for name, part in backbone.named_children()}

    def predict(self, cases: Sequence[Case]) -> list[Prediction]:
        """Detections by falling score; the score of a class for the image is its best RoI."""
        return [self._prediction(self._find(case)) for case in cases]

    def targets(self, case: Case, prediction: Prediction) -> list[Target]:
        """Every detection at or above the operating point, then every lesion that none of them hits."""
        shown = [d for d in prediction.detections if d.score >= self.file.operating_point]
        out = [Target(d.name, d.label, d.edges) for d in shown]
        for number, box in enumerate(case.boxes):
            if not any(_centre_in(d.edges, box.edges) for d in shown):
                out.append(Target(f"m{number}", box.label, box.edges))
        return out

    def scenes(self, case: Case, targets: Sequence[Target | str] | None = None) -> list[Scene]:
        """One scene a target: a Target, or the name of a detection ("d0"), a lesion ("m0") or a class (its best box).

        Raises TargetError for one that does not exist.
        """
        found = self._find(case)
        prediction = self._prediction(found)
        wanted = self.targets(case, prediction) if targets is None else [
            self._named(target, case, prediction) if isinstance(target, str) else target for target in targets]
        return [self._scene(found, target) for target in wanted]

    def _named(self, name: str, case: Case, prediction: Prediction) -> Target:
        known = {d.name: Target(d.name, d.label, d.edges) for d in prediction.detections}
        known |= {f"m{i}": Target(f"m{i}", box.label, box.edges) for i, box in enumerate(case.boxes)}
        for detection in reversed(prediction.detections):
            known[detection.label] = known[detection.name]
        if name not in known:
            raise TargetError(f"case {case.id}: no target {name!r}; expected one of {', '.join(known) or 'none: the '}"
                              f"{'' if known else 'detector finds nothing here'}")
        return known[name]

    def _find(self, case: Case) -> _Found:
        if self._last is not None and self._last.case is case:
            return self._last
        prepared = self.prepare(case)
        image = torch.from_numpy(prepared.image)[None].to(self.device)
        with torch.no_grad():
            proposed = self.propose(image)[0]
        heads = self._parts.roi_heads
        # One box a place: the classes of a RoI compete, so that a mass is not reported twice.
        kept = batched_nms(proposed.boxes, proposed.scores, torch.zeros_like(proposed.labels),
                           heads.nms_thresh)[:heads.detections_per_img]
        kept = kept[proposed.scores[kept] >= heads.score_thresh]
        self._last = _Found(case, prepared, proposed, tuple(int(i) for i in kept))
        return self._last

    def propose(self, images: Tensor) -> list[Proposed]:
        """What the detector finds in each of the images (B, C, h, w), before non-maximum suppression."""
        net = self._parts
        batch, _ = net.transform(list(images))
        features = _named(net.backbone(batch.tensors))
        proposals, _ = net.rpn(batch, features)
        logits, deltas = self._head(features, proposals, batch.image_sizes)
        size = (int(images.shape[-2]), int(images.shape[-1]))
        out, start = [], 0
        for rois in proposals:
            part = slice(start, start + len(rois))
            out.append(self._decoded(rois, logits[part], deltas[part], size))
            start += len(rois)
        return out

    def _head(self, features: Mapping[str, Tensor], rois: list[Tensor], sizes: list[tuple[int, int]]
              ) -> tuple[Tensor, Tensor]:
        heads = self._parts.roi_heads
        pooled = heads.box_roi_pool(features, rois, sizes)
        logits, deltas = heads.box_predictor(heads.box_head(pooled))
        return logits, deltas

    def _decoded(self, rois: Tensor, logits: Tensor, deltas: Tensor, size: tuple[int, int]) -> Proposed:
        probabilities = logits.softmax(dim=1)
        boxes = self._parts.roi_heads.box_coder.decode(deltas, [rois])
        best = probabilities[:, 1:].argmax(dim=1) + 1
        chosen = boxes[torch.arange(len(boxes), device=boxes.device), best]
        limit = torch.tensor([size[1], size[0], size[1], size[0]], device=boxes.device)
        chosen = torch.minimum(chosen.clamp(min=0), limit)
        solid = (chosen[:, 2] - chosen[:, 0] > 1) & (chosen[:, 3] - chosen[:, 1] > 1)
        return Proposed(rois[solid], chosen[solid], probabilities[solid])

    def _prediction(self, found: _Found) -> Prediction:
        proposed = found.proposed
        limit = [found.case.width, found.case.height] * 2
        boxes = np.clip(map_boxes(proposed.boxes[list(found.kept)].cpu().numpy(), found.prepared.affine), 0, limit)
        detections = tuple(
            Detection(f"d{rank}", self.classes[int(proposed.labels[i])], float(proposed.scores[i]),
                      *(float(v) for v in boxes[rank]))
            for rank, i in enumerate(found.kept))
        best = proposed.probabilities[:, 1:].max(dim=0).values if len(proposed.probabilities) else torch.zeros(
            len(self.classes))
        return Prediction(found.case.id, detections, {
            name: float(best[i]) for i, name in enumerate(self.classes)})

    def _scene(self, found: _Found, target: Target) -> Scene:
        if target.label not in self.classes or target.box is None:
            raise TargetError(f"target {target.name!r} of class {target.label!r}; expected a box of one of the classes "
                              f"{', '.join(self.classes)}")
        roi, wanted = self._roi(found, target)
        size = (int(found.prepared.image.shape[1]), int(found.prepared.image.shape[2]))
        window = window_round(roi[0], self._reach, size)
        image = window.cut(torch.from_numpy(found.prepared.image)[None]).to(self.device)
        box = window.shifted(_inward(found.prepared, target.box).to(roi))
        return Scene(
            case=found.case.id, target=target.name, image=image.contiguous(),
            tissue=window.cut(torch.from_numpy(found.prepared.tissue)).to(self.device),
            score=self._score(window.shifted(roi), 1 + self.classes.index(target.label)),
            similarity=self._similarity(box, wanted), network=self.network, layers=self.layers(),
            place=_placed(found.prepared, window), lesion=_lesion(found, target, window, self.device),
            chunk=1 if self.device == "cpu" else 16)

    def _roi(self, found: _Found, target: Target) -> tuple[Tensor, Tensor]:
        """The proposal (1, 4) behind a detection, or the best one over a missed lesion, and the class scores."""
        index = 1 + self.classes.index(target.label)
        box = _inward(found.prepared, target.box or (0, 0, 1, 1)).to(self.device)
        proposed = found.proposed
        wanted = torch.zeros(len(self.classes), device=self.device)
        wanted[index - 1] = 1.0
        if not len(proposed.boxes):
            return box, wanted
        if target.name.startswith("d"):
            near = int(box_iou(proposed.boxes, box)[:, 0].argmax())
            return proposed.proposals[near][None], proposed.probabilities[near, 1:]
        overlap = box_iou(proposed.proposals, box)[:, 0]
        near = int(overlap.argmax())
        return (proposed.proposals[near][None] if overlap[near] > 0.1 else box), wanted

    def _score(self, roi: Tensor, index: int) -> Callable[[Tensor], Tensor]:
        def score(images: Tensor) -> Tensor:
            batch, _ = self._parts.transform(list(images))
            features = _named(self._parts.backbone(batch.tensors))
            logits, _ = self._head(features, [roi] * len(images), batch.image_sizes)
            return log_odds(logits, index)

        return score

    def _similarity(self, box: Tensor, wanted: Tensor) -> Callable[[Tensor], Tensor]:
        def similarity(images: Tensor) -> Tensor:
            with torch.no_grad():
                return torch.stack([detection_similarity(p.boxes, p.probabilities, box[0], wanted)
                                    for p in self.propose(images)])

        return similarity


ADAPTER = Detector


def _named(features: Tensor | Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    return OrderedDict([("0", features)]) if isinstance(features, Tensor) else features


def _centre_in(inner: Sequence[float], outer: Sequence[float]) -> bool:
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]


def _inward(prepared: Prepared, box: Sequence[float]) -> Tensor:
    edges = map_boxes(np.array([box], float), inverse(prepared.affine))
    return torch.from_numpy(edges.astype(np.float32))


def _placed(prepared: Prepared, window: Window) -> Callable[[Floats], Floats]:
    def place(values: Floats) -> Floats:
        whole = np.zeros(prepared.image.shape[1:], np.float32)
        whole[window.y0:window.y1, window.x0:window.x1] = values
        height, width = prepared.size
        return map_values(whole[:height, :width], prepared.affine, prepared.shape)

    return place


def lesion_mask(case: Case, target: Target) -> Mask | None:
    """bool (H, W): the reference lesion of a target in original pixels; None for a detection that hits none."""
    if target.box is None:
        return None
    hit = [i for i, box in enumerate(case.boxes)
           if (target.name == f"m{i}" or (target.name.startswith("d") and _centre_in(target.box, box.edges)))]
    if not hit:
        return None
    mask = np.zeros((case.height, case.width), bool)
    for index in hit:
        if case.masks is not None:
            mask |= case.masks[index]
        else:
            x0, y0, x1, y1 = case.boxes[index].edges
            mask[int(y0):int(np.ceil(y1)), int(x0):int(np.ceil(x1))] = True
    return mask


def _lesion(found: _Found, target: Target, window: Window, device: str) -> Tensor | None:
    mask = lesion_mask(found.case, target)
    if mask is None:
        return None
    inward = inverse(found.prepared.affine)
    height, width = found.prepared.image.shape[1:]
    small = map_values(mask.astype(np.float32), inward, (int(height), int(width))) > 0.5
    return window.cut(torch.from_numpy(small)).to(device)
