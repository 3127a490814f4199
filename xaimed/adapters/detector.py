"""A two-stage detector: boxes in original pixels, and scenes whose scalar is the score of one frozen RoI.

The region proposal network gets no gradient from a detection (torchvision detaches its boxes), so a gradient
explanation here is conditional on the proposal; the target rpn:d0 explains the objectness behind it. The similarity
runs the whole detector again, proposals included.
A box is explained on the window that its score depends on, whatever other boxes are asked for: a map must not change
with its neighbours. Boxes whose window is the whole image share one joint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms, box_iou

from xaimed.adapters.asked import Asked, edge_of
from xaimed.adapters.modelfile import ModelFile
from xaimed.adapters.reference import centre_in, reference_mask
from xaimed.adapters.roi import SAME_PLACE, Features, Proposed, TwoStage, each_log_odds, scaled
from xaimed.adapters.whole import outward
from xaimed.adapters.window import Reach, Window, reach_of, window_round
from xaimed.errors import TargetError, near
from xaimed.hooks import versions
from xaimed.imaging.geometry import Lay, inverse, map_boxes, map_shares, map_values
from xaimed.imaging.preprocessing import Prepared, prepare_planes, preprocessing_of
from xaimed.scene import Joint, Scene, Stages
from xaimed.target_names import BoxName, box_name, no_target
from xaimed.targets import Edges, Target, detection_similarity
from xaimed.types import Case, Detection, Floats, Prediction

SHOWN = 8  # boxes that a message names


@dataclass(frozen=True, eq=False)
class _Found:
    case: Case
    prepared: Prepared
    proposed: Proposed
    kept: tuple[int, ...]
    weights: int = 0
    mirrored: Tensor | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the network's input."""
        return int(self.prepared.image.shape[1]), int(self.prepared.image.shape[2])


class Detector:
    """A torchvision Faster R-CNN, of `xaimed.architectures` or a stock one, as a Model.

    Raises ModelError for a network without the parts of one.
    """

    def __init__(self, file: ModelFile, network: nn.Module, device: str = "cpu") -> None:
        self.file, self.device = file, device
        # Channels last is exact and up to twice as fast on a CPU.
        self.network = network.to(device).to(memory_format=torch.channels_last).eval()
        self._stages = TwoStage(self.network, file.architecture)
        self.steps = preprocessing_of(file.preprocessing)
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
        """The filtered, cropped, resized and padded image; a grey one on three equal planes for a colour network."""
        return prepare_planes(case, self.steps)

    def layers(self) -> Mapping[str, nn.Module]:
        """The blocks of the backbone by name, then the levels of its feature pyramid, if it has one."""
        return self._stages.layers()

    def predict(self, cases: Sequence[Case]) -> list[Prediction]:
        """Detections by falling score; the score of a class for the image is its best RoI.

        Where the preprocessing asks for it, that score is the mean over the image and its mirror image.
        """
        return [self._prediction(self._find(case)) for case in cases]

    def targets(self, case: Case, prediction: Prediction) -> list[Target]:
        """Every detection at or above the operating point, then every lesion that none of them hits.

        A box finds one lesion at most, as in the FROC curve: the first, by falling score, not found yet.
        """
        shown = [d for d in prediction.detections if d.score >= self.file.operating_point]
        missed = dict(enumerate(case.boxes))
        for detection in shown:
            hit = [number for number, box in missed.items() if centre_in(detection.edges, box.edges)]
            if hit:
                del missed[hit[0]]
        return [*(Target(d.name, d.label, d.edges) for d in shown),
                *(Target(f"m{number}", box.label, box.edges) for number, box in missed.items())]

    def scenes(self, case: Case, targets: Sequence[Target | str] | None = None) -> list[Scene]:
        """One scene a target: a Target, or the name of a detection ("d0"), a lesion ("m0") or a class (its best RoI).

        For None all that `targets` gives, or the best box where none reaches the operating point. Of each the class
        score, or an edge of its box in original pixels ("d0:x0"), not cut to the image, or the objectness of the anchor
        whose proposal lies nearest to it ("rpn:d0").
        Raises TargetError for one that does not exist.
        """
        found = self._find(case)
        prediction = self._prediction(found)
        if targets is None:
            targets = self.targets(case, prediction) or [d.name for d in prediction.detections[:1]]
        wanted = [self._named(one, found, prediction) if isinstance(one, str) else one for one in targets]
        asked = [self._asked(found, target) for target in wanted]
        windows = [self._window(found, one) for one in asked]
        whole = Window(0, 0, found.size[1], found.size[0])
        shared = iter(self._together(found, [one for one, w in zip(asked, windows, strict=True) if w == whole], whole))
        return [next(shared) if window == whole else self._scene(found, one, window)
                for one, window in zip(asked, windows, strict=True)]

    def target(self, case: Case, name: str) -> Target:
        """The target of a name, with its class and box. Raises TargetError, with the nearest, for an unknown one."""
        found = self._find(case)
        return self._named(name, found, self._prediction(found))

    def _named(self, name: str, found: _Found, prediction: Prediction) -> Target:
        case, boxes = found.case, {d.name: Target(d.name, d.label, d.edges) for d in prediction.detections}
        lesions = {f"m{i}": Target(f"m{i}", box.label, box.edges) for i, box in enumerate(case.boxes)}
        known = {**boxes, **lesions, **self._best_of_classes(found, boxes)}
        parts = BoxName("score", name) if name in known else box_name(name)
        if not known:
            raise TargetError(f"case {case.id}: no target {name!r}; expected none: the detector finds nothing here")
        if parts.box not in known:
            raise _no_box(name, case.id, list(boxes), [key for key in known if key not in boxes])
        target = known[parts.box]
        return replace(target, name=parts.renamed(target.name))

    def _best_of_classes(self, found: _Found, boxes: Mapping[str, Target]) -> dict[str, Target]:
        """For each class the RoI that its score comes from: a detection, or one that another box suppressed."""
        if not len(found.proposed.probabilities):
            return {}
        best = found.proposed.probabilities[:, 1:].argmax(dim=0).tolist()
        out = {}
        for label, roi, edges in zip(self.classes, best, self._outward(found, best), strict=True):
            shown = boxes.get(f"d{found.kept.index(roi)}") if roi in found.kept else None
            out[label] = shown if shown is not None and shown.label == label else Target(label, label, edges)
        return out

    def _outward(self, found: _Found, rois: Sequence[int]) -> list[Edges]:
        """The boxes of RoIs in original pixels, cut to the original image."""
        return outward(found.prepared, found.proposed.boxes[list(rois)].tolist())

    def _find(self, case: Case) -> _Found:
        weights = versions(self.network)
        if self._last is not None and self._last.case is case and self._last.weights == weights:
            return self._last
        prepared = self.prepare(case)
        image = torch.from_numpy(prepared.image)[None].to(self.device)
        with torch.no_grad():
            proposed = self.propose(image)[0]
            mirrored = self._best(self.propose(image.flip(-1))[0]) if self.steps.mirror else None
        heads = self._stages.heads
        # One box a place: the classes of a RoI compete, so that a mass is not reported twice.
        kept = batched_nms(proposed.boxes, proposed.scores, torch.zeros_like(proposed.labels),
                           heads.nms_thresh)[:heads.detections_per_img]
        kept = kept[proposed.scores[kept] >= heads.score_thresh]
        solid = _inside(proposed.boxes[kept], prepared.size)
        self._last = _Found(case, prepared, proposed, tuple(int(i) for i in kept[solid]), weights, mirrored)
        return self._last

    def _best(self, proposed: Proposed) -> Tensor:
        """(classes,): the score of the best RoI of each class."""
        if not len(proposed.probabilities):
            return torch.zeros(len(self.classes), device=self.device)
        return proposed.probabilities[:, 1:].max(dim=0).values

    def propose(self, images: Tensor) -> list[Proposed]:
        """What the detector finds in each of the images (B, C, h, w), before non-maximum suppression."""
        return self._stages.propose(images)

    def _prediction(self, found: _Found) -> Prediction:
        proposed = found.proposed
        boxes = self._outward(found, found.kept)
        detections = tuple(
            Detection(f"d{rank}", self.classes[int(proposed.labels[i])], float(proposed.scores[i]), *boxes[rank])
            for rank, i in enumerate(found.kept))
        best = self._best(proposed)
        if found.mirrored is not None:
            best = (best + found.mirrored) / 2
        return Prediction(found.case.id, detections, {
            name: float(best[i]) for i, name in enumerate(self.classes)})

    def _asked(self, found: _Found, target: Target) -> Asked:
        if target.label not in self.classes or target.box is None:
            raise TargetError(f"target {target.name!r} of class {target.label!r}; expected a box of one of the classes "
                              f"{', '.join(self.classes)}")
        index = 1 + self.classes.index(target.label)
        box = _inward(found.prepared, target.box).to(self.device)
        name = box_name(target.name)
        roi, wanted = self._roi(found, name.box, box, index)
        asked = Asked(target, roi, box[0], index, wanted)
        if name.kind == "edge":
            height, width = self._stages.resized(found.size)
            scale = (found.size[1] / width, found.size[0] / height)
            return replace(asked, edge=edge_of(found.prepared, name.side, scale))
        if name.kind == "objectness":
            with torch.no_grad():
                return replace(asked, anchor=self._stages.anchor_behind(self._image(found), roi))
        return asked

    def _image(self, found: _Found) -> Tensor:
        return torch.from_numpy(found.prepared.image)[None].to(self.device)

    def _roi(self, found: _Found, name: str, box: Tensor, index: int) -> tuple[Tensor, Tensor]:
        """The proposal (4,) behind a detection or a class, or the best one over a lesion, and the class scores."""
        proposed, resized = found.proposed, scaled(box, found.size, self._stages.resized(found.size))
        wanted = torch.zeros(len(self.classes), device=self.device)
        wanted[index - 1] = 1.0
        if not len(proposed.boxes):
            return resized[0], wanted
        if name.startswith("d") or name in self.classes:
            overlap = box_iou(proposed.boxes, box)[:, 0]
            # Several proposals may end in one place: the one that is surest of the class made the detection.
            sure = proposed.probabilities[:, index].where(overlap >= overlap.max() - SAME_PLACE, -1.0)
            near = int(sure.argmax())
            return proposed.proposals[near], proposed.probabilities[near, 1:]
        overlap = box_iou(proposed.proposals, resized)[:, 0]
        near = int(overlap.argmax())
        return (proposed.proposals[near] if overlap[near] > 0.1 else resized[0]), wanted

    def _window(self, found: _Found, asked: Asked) -> Window:
        # The anchors of a window would lie elsewhere and have other numbers.
        reach = self._reach(found) if asked.anchor is None else None
        return window_round(asked.roi, reach, found.size)

    def _reach(self, found: _Found) -> Reach | None:
        # A window of a resized input would be resized to another scale.
        if self._stages.resized(found.size) != found.size:
            return None
        return reach_of(self.network.get_submodule("backbone"))

    def _together(self, found: _Found, asked: Sequence[Asked], whole: Window) -> list[Scene]:
        joint = self._joint(asked)
        return [replace(self._scene(found, one, whole), joint=joint, column=column)
                for column, one in enumerate(asked)]

    def _joint(self, asked: Sequence[Asked]) -> Joint:
        pooling = len(self._stages.level_names())
        uses = tuple(self._level(one) if one.anchor is None else pooling + one.anchor.level for one in asked)

        def score(maps: Tensor, columns: Sequence[int]) -> Tensor:
            some, use = [asked[column] for column in columns], uses[columns[0]]
            if use >= pooling:
                places = [one.anchor.place for one in some if one.anchor is not None]
                return self._stages.objectness([maps], places).diagonal()
            rois = torch.stack([one.roi for one in some])
            return _values(some, *self._stages.answers(self._stages.pooled(maps, rois, use), list(rois[:, None])))

        return Joint(self._scores(asked), self._similarities(asked), len(asked),
                     Stages(self._stages.levels, uses, score))

    def _level(self, asked: Asked) -> int:
        return self._stages.level_of(asked.roi[None])[0]

    def _scene(self, found: _Found, asked: Asked, window: Window) -> Scene:
        inside = asked.within(window)
        scores, similarities = self._scores([inside]), self._similarities([inside])
        level = asked.anchor.name if asked.anchor else self._stages.level_names()[self._level(inside)]
        return Scene(
            case=found.case.id, target=asked.target.name,
            image=window.cut(self._image(found)).contiguous(),
            tissue=window.cut(torch.from_numpy(found.prepared.tissue)).to(self.device),
            score=lambda images: scores(images)[:, 0], similarity=lambda images: similarities(images)[:, 0],
            network=self.network, layers=self.layers(), place=_placed(found.prepared, window),
            spread=_placed(found.prepared, window, map_shares),
            lesion=_lesion(found, asked.target, window, self.device), chunk=1 if self.device == "cpu" else 16,
            layer=self._stages.layer(level))

    def _scores(self, asked: Sequence[Asked]) -> Callable[[Tensor], Tensor]:
        """(B, C, h, w) to (B, K): what each target asks for, with its RoI or anchor frozen."""
        boxed = [column for column, one in enumerate(asked) if one.anchor is None]
        anchored = [column for column, one in enumerate(asked) if one.anchor is not None]

        def scores(images: Tensor) -> Tensor:
            batch = self._stages.batch(images)
            features = self._stages.features(batch)
            found: dict[int, Tensor] = {}
            if boxed:
                some = [asked[column] for column in boxed]
                rois = torch.stack([one.roi for one in some])
                values = _values(some * len(images), *self._stages.outputs(features, rois, batch.image_sizes))
                found |= zip(boxed, values.view(len(images), len(some)).unbind(1), strict=True)
            if anchored:
                found |= zip(anchored, self._objectness(features, [asked[i] for i in anchored]).unbind(1), strict=True)
            return torch.stack([found[column] for column in range(len(asked))], dim=1)

        return scores

    def _objectness(self, features: Features, asked: Sequence[Asked]) -> Tensor:
        """(B, K): the objectness of each target's anchor."""
        maps = list(features.values())
        return torch.cat([self._stages.objectness([maps[one.anchor.level]], [one.anchor.place])
                          for one in asked if one.anchor is not None], dim=1)

    def _similarities(self, asked: Sequence[Asked]) -> Callable[[Tensor], Tensor]:
        """(B, C, h, w) to (B, K), without gradient, from one run of the whole detector."""
        def similarities(images: Tensor) -> Tensor:
            with torch.no_grad():
                return torch.stack([torch.stack([
                    detection_similarity(found.boxes, found.probabilities, one.box, one.wanted) for one in asked])
                    for found in self.propose(images)])

        return similarities


ADAPTER = Detector


def _values(asked: Sequence[Asked], logits: Tensor, boxes: Tensor) -> Tensor:
    """(R,): a score or an edge from each row of logits (R, classes + 1) and boxes (R, classes + 1, 4)."""
    scores = each_log_odds(logits, torch.tensor([one.index for one in asked], device=logits.device))
    edges = {row: one.edge.of(boxes[row, one.index]) for row, one in enumerate(asked) if one.edge is not None}
    return torch.stack([edges.get(row, score) for row, score in enumerate(scores)]) if edges else scores


def _no_box(name: str, case: str, boxes: Sequence[str], others: Sequence[str]) -> TargetError:
    """A TargetError with the nearest targets, which names few of many boxes."""
    every = [*boxes, *others]
    every += [BoxName(kind, one, side).renamed(one) for one in every
              for kind, side in (*(("edge", side) for side in range(4)), ("objectness", 0))]
    shown = {*near(name, every), *others, *boxes[:SHOWN]}
    rest = len(boxes) - len(shown.intersection(boxes))
    more = f" and {rest} boxes more to {boxes[-1]}" if rest else ""
    return TargetError(f"{no_target(name, shown, f'case {case}: ')}{more}, an edge of one (d0:x0, d0:y0, d0:x1, d0:y1) "
                       "or its objectness (rpn:d0)")


def _inside(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """bool (R,): the boxes of which more than a pixel's width and height lie on the image, not in its padding."""
    return (size[1] - boxes[:, 0] > 1) & (size[0] - boxes[:, 1] > 1)


def _inward(prepared: Prepared, box: Sequence[float]) -> Tensor:
    edges = map_boxes(np.array([box], float), inverse(prepared.affine))
    return torch.from_numpy(edges.astype(np.float32))


def _placed(prepared: Prepared, window: Window, lay: Lay = map_values) -> Callable[[Floats], Floats]:
    def place(values: Floats) -> Floats:
        whole = np.zeros(prepared.image.shape[1:], np.float32)
        whole[window.y0:window.y1, window.x0:window.x1] = values
        height, width = prepared.size
        return lay(whole[:height, :width], prepared.affine, prepared.shape)

    return place


def _lesion(found: _Found, target: Target, window: Window, device: str) -> Tensor | None:
    mask = reference_mask(found.case, target)
    if mask is None:
        return None
    inward = inverse(found.prepared.affine)
    height, width = found.prepared.image.shape[1:]
    small = map_values(mask.astype(np.float32), inward, (int(height), int(width))) > 0.5
    return window.cut(torch.from_numpy(small)).to(device)
