"""A segmenter: components of the predicted masks as boxes, and scenes whose scalar is the sum over a frozen mask."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from xaimed.adapters.whole import Seen, WholeImage, dense, outward
from xaimed.errors import ModelError, TargetError
from xaimed.target_names import no_target
from xaimed.targets import Scalar, Target, mask_sum
from xaimed.types import Detection, Prediction

SMALLEST = 4  # pixels of a component


@dataclass(frozen=True, eq=False)
class _Part:
    """One component: class index, mean probability, mask (h, w) and box on the network's output."""

    label: int
    score: float
    mask: Tensor
    box: tuple[float, float, float, float]


class Segmenter(WholeImage):
    """A network that gives logits (B, classes, h, w), with or without a background before them, as a Model.

    One logit map for one class is a sigmoid, more are a softmax. A component of the predicted mask is a detection,
    scored by the mean of its probability.
    """

    kind = "segmenter"
    inward = True

    def prediction(self, seen: Seen) -> Prediction:
        """The components by falling score, the highest probability of each class, and its map."""
        parts = self._parts(seen)
        boxes = outward(seen.prepared, [self._grown(seen, part.box) for part in parts])
        found = tuple(Detection(f"d{rank}", self.classes[part.label], part.score, *boxes[rank])
                      for rank, part in enumerate(parts))
        maps = self._probabilities(seen.output)[0]
        highest = maps.flatten(1).amax(dim=1)
        return Prediction(seen.case.id, found, {name: float(highest[i]) for i, name in enumerate(self.classes)},
                          dense(seen, dict(zip(self.classes, maps, strict=True))))

    def shown(self, seen: Seen) -> list[Target]:
        """The whole mask of each class that has one, then every component at or above the operating point."""
        masks = self._predicted(seen.output)
        whole = [Target(name, name) for name, mask in zip(self.classes, masks, strict=True) if bool(mask.any())]
        return whole + [Target(d.name, d.label, d.edges) for d in self.prediction(seen).detections
                        if d.score >= self.file.operating_point]

    def named(self, seen: Seen, name: str) -> Target:
        """The target of a class (its whole mask) or of one component ("d0")."""
        found = {d.name: Target(d.name, d.label, d.edges) for d in self.prediction(seen).detections}
        known = {label: Target(label, label) for label in self.classes} | found
        if name not in known:
            raise no_target(name, known, f"case {seen.case.id}: ")
        return known[name]

    def scalar(self, seen: Seen, target: Target) -> Scalar:
        """The sum of the class's logits over the mask; the likeness is the mean probability left in it."""
        channel, mask = self.region(seen, target)
        index = channel - self._background(seen.output)

        def left(_: Tensor, output: Tensor) -> Tensor:
            inside = self._probabilities(output)[:, index] * mask
            return inside.flatten(1).sum(dim=1) / mask.sum()

        return Scalar(target, lambda _, output: mask_sum(output, channel, mask), left)

    def region(self, seen: Seen, target: Target) -> tuple[int, Tensor]:
        """The channel of the output that a target is about, and its mask, bool (h', w'). Raises TargetError."""
        index, mask = self._mask(seen, target)
        return index + self._background(seen.output), mask

    def reference(self, seen: Seen) -> Tensor:
        """(1, classes, h, w): 1 in the reference of each class, on the network's input."""
        empty = np.zeros((seen.case.height, seen.case.width), np.float32)
        masks = [self._inside(seen, seen.case.segments.get(name, empty).astype(np.float32)) for name in self.classes]
        return torch.stack(masks)[None].to(seen.image)

    def _mask(self, seen: Seen, target: Target) -> tuple[int, Tensor]:
        parts = self._parts(seen)
        rank = target.name.removeprefix("d")
        if target.name not in self.classes and rank.isdecimal() and int(rank) < len(parts):
            return parts[int(rank)].label, parts[int(rank)].mask
        if target.label not in self.classes:
            raise no_target(target.name, self.classes, f"case {seen.case.id}: ")
        index = self.classes.index(target.label)
        mask = self._predicted(seen.output)[index]
        if not bool(mask.any()):
            raise TargetError(f"case {seen.case.id}: nothing is segmented as {target.label!r}; expected a class with a "
                              "mask in this image")
        return index, mask

    def _background(self, output: Tensor) -> int:
        extra = output.shape[1] - len(self.classes) if output.ndim == 4 else -1
        if extra not in (0, 1):
            raise ModelError(f"{self.file.architecture!r} gives {tuple(output.shape)}; expected (B, {len(self.classes)}"
                             f", h, w), or one channel more for a background before the classes "
                             f"{', '.join(self.classes)}")
        return extra

    def _probabilities(self, output: Tensor) -> Tensor:
        start = self._background(output)
        if output.shape[1] == 1:
            return output.sigmoid()
        return output.softmax(dim=1)[:, start:]

    def _predicted(self, output: Tensor) -> Tensor:
        """bool (classes, h, w): the pixels at which a class is the best, or above one half where it stands alone."""
        found = self._probabilities(output)[0]
        if output.shape[1] == 1:
            return found > 0.5
        best = output[0].argmax(dim=0) - self._background(output)
        return torch.stack([best == index for index in range(len(self.classes))])

    def _parts(self, seen: Seen) -> list[_Part]:
        probabilities, masks = self._probabilities(seen.output)[0], self._predicted(seen.output)
        skip = 1 if not self._background(seen.output) and len(self.classes) > 1 and "background" in self.classes else 0
        parts = [part for index in range(skip, len(self.classes))
                 for part in _components(index, masks[index], probabilities[index])]
        return sorted(parts, key=lambda part: -part.score)

    def _grown(self, seen: Seen, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        x, y = (seen.image.shape[-1] / seen.output.shape[-1], seen.image.shape[-2] / seen.output.shape[-2])
        return (box[0] * x, box[1] * y, box[2] * x, box[3] * y)


def _components(label: int, mask: Tensor, probability: Tensor) -> list[_Part]:
    count, marks, stats, _ = cv2.connectedComponentsWithStats(mask.cpu().numpy().astype(np.uint8), connectivity=8)
    parts = []
    for number in range(1, count):
        x, y, width, height, area = (int(v) for v in stats[number])
        if area >= SMALLEST:
            own = torch.from_numpy(marks == number).to(mask.device)
            parts.append(_Part(label, float(probability[own].mean()), own, (x, y, x + width, y + height)))
    return parts


ADAPTER = Segmenter
