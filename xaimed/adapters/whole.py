"""What the adapters of all tasks but detection share: the whole image goes through the network once for all targets.

An adapter adds what its output means: a prediction, the targets, and one Scalar for each of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from xaimed.adapters.modelfile import ModelFile
from xaimed.adapters.reference import reference_mask
from xaimed.attribution.memory import held_bytes
from xaimed.errors import ModelError
from xaimed.features import features
from xaimed.hooks import versions
from xaimed.imaging.geometry import Lay, inverse, map_boxes, map_shares, map_values
from xaimed.imaging.preprocessing import Prepared, prepare_planes, preprocessing_of
from xaimed.patches import evidence_on, gives_evidence
from xaimed.scene import Joint, Scene
from xaimed.targets import Edges, Scalar, Target
from xaimed.types import Case, Floats, Prediction

PIXELS_AT_ONCE = 2**21
BYTES_AT_ONCE = 2**30  # kept for the gradient by the images of one pass on a CPU


@dataclass(frozen=True, eq=False)
class Seen:
    """A case as the network saw it: image (1, C, h, w), its output without gradient, the layers with a map.

    layer: the one that a CAM takes by itself; "" stands for the last.
    """

    case: Case
    prepared: Prepared
    image: Tensor
    output: Tensor
    layers: Mapping[str, nn.Module]
    layer: str

    def region(self, box: Edges | None) -> Tensor:
        """bool (h, w): the pixels of the network's input within a box of original pixels; the image for None."""
        inside = torch.zeros(self.image.shape[-2:], dtype=torch.bool, device=self.image.device)
        x0, y0, x1, y1 = (0, 0, *self.prepared.size[::-1]) if box is None else self.inward(box)
        inside[round(max(0, y0)):max(0, round(y1)), round(max(0, x0)):max(0, round(x1))] = True
        return inside

    def inward(self, box: Edges) -> Edges:
        """A box of original pixels in those of the network's input."""
        x0, y0, x1, y1 = map_boxes(np.array([box], float), inverse(self.prepared.affine))[0]
        return (float(x0), float(y0), float(x1), float(y1))


class WholeImage(ABC):
    """A network that sees the whole image, as a Model. The network is used itself, in eval mode."""

    kind: ClassVar[str]
    inward: ClassVar[bool] = False  # the output is an image again: CAM takes the coarsest map, not the last

    def __init__(self, file: ModelFile, network: nn.Module, device: str = "cpu") -> None:
        self.file, self.device = file, device
        self.network = network.to(device).eval()
        self.steps = preprocessing_of(file.preprocessing)
        weight = next((w for w in network.parameters() if w.is_floating_point()), None)
        self._type = torch.float32 if weight is None else weight.dtype
        self._mean, self._deviation = (self._channels(key, default) for key, default in (("mean", 0.0), ("std", 1.0)))
        self._last: tuple[Seen, int] | None = None
        self._held: dict[tuple[int, ...], int] = {}

    def _channels(self, key: str, default: float) -> Tensor:
        values = torch.tensor(self.file.input.get(key, [default]), dtype=self._type, device=self.device)
        if values.numel() not in (1, self.planes):
            raise ModelError(f"{key} has {values.numel()} values; expected 1 or {self.planes}, one a channel")
        return values.reshape(1, -1, 1, 1)

    @property
    def task(self) -> str:
        """The task, which is the adapter's file name."""
        return self.kind

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the output."""
        return self.file.classes

    @property
    def planes(self) -> int:
        """The channels of the network's input."""
        return self.steps.channels

    def prepare(self, case: Case) -> Prepared:
        """The filtered, cropped, resized and padded image; a grey case is repeated for a network of three channels."""
        return prepare_planes(case, self.steps)

    def layers(self) -> Mapping[str, nn.Module]:
        """The layers whose output is a feature map, in order, for the last image seen; the last is CAM's default."""
        if self._last is not None:
            return self._last[0].layers
        side = self.steps.long_side or 224
        side += -side % self.steps.multiple
        return self._run(torch.zeros(1, self.planes, side, side, dtype=self._type, device=self.device))[1]

    def predict(self, cases: Sequence[Case]) -> list[Prediction]:
        """One prediction a case."""
        return [self.prediction(self.see(case)) for case in cases]

    def targets(self, case: Case, prediction: Prediction) -> list[Target]:
        """What an audit explains."""
        del prediction
        return self.shown(self.see(case))

    def scenes(self, case: Case, targets: Sequence[Target | str] | None = None) -> list[Scene]:
        """One scene a target or its name, all with one Joint. Raises TargetError for one that does not exist."""
        seen = self.see(case)
        wanted = self.shown(seen) if targets is None else [
            self.named(seen, target) if isinstance(target, str) else target for target in targets]
        scalars = [self.scalar(seen, target) for target in wanted]
        joint = self._joint(scalars)
        return [self._scene(seen, scalar, joint, column) for column, scalar in enumerate(scalars)]

    @abstractmethod
    def prediction(self, seen: Seen) -> Prediction:
        """What the network says of a case."""

    @abstractmethod
    def shown(self, seen: Seen) -> list[Target]:
        """The targets that are explained when nobody names one."""

    @abstractmethod
    def named(self, seen: Seen, name: str) -> Target:
        """The target of a name. Raises TargetError with the known ones."""

    @abstractmethod
    def scalar(self, seen: Seen, target: Target) -> Scalar:
        """The target as a function of images and output, frozen on what was seen."""

    def output(self, images: Tensor) -> Tensor:
        """The network's output for images (B, C, h, w) in [0, 1]: its tensor, or "out" or "logits" of several."""
        found = self.network(self.normalised(images))
        if isinstance(found, Mapping):
            found = found.get("out", found.get("logits"))
        if not isinstance(found, Tensor):
            raise ModelError(f"{self.file.architecture!r} gives {type(found).__name__}; expected one tensor: wrap the "
                             "network in a module that returns it")
        return found

    def normalised(self, images: Tensor) -> Tensor:
        """Images (B, C, h, w) in [0, 1] less the mean and by the deviation of the file's input."""
        return (images - self._mean) / self._deviation

    def see(self, case: Case) -> Seen:
        """The case as the network sees it; the last one is remembered."""
        weights = versions(self.network)
        if self._last is None or self._last[0].case is not case or self._last[1] != weights:
            prepared = self.prepare(case)
            image = torch.from_numpy(prepared.image)[None].to(self.device, self._type)
            self._last = Seen(case, prepared, image, *self._run(image)), weights
        return self._last[0]

    def _run(self, image: Tensor) -> tuple[Tensor, Mapping[str, nn.Module], str]:
        with torch.no_grad(), features(self.network) as found:
            output = self.output(image)
        return output, found.layers, found.coarsest if self.inward else ""

    def _joint(self, scalars: Sequence[Scalar]) -> Joint:
        def scores(images: Tensor) -> Tensor:
            output = self.output(images)
            return torch.stack([scalar.value(images, output) for scalar in scalars], dim=1)

        def similarities(images: Tensor) -> Tensor:
            with torch.no_grad():
                output = self.output(images)
                return torch.stack([scalar.likeness(images, output) for scalar in scalars], dim=1).clamp(0, 1)

        return Joint(scores, similarities, len(scalars))

    def _scene(self, seen: Seen, scalar: Scalar, joint: Joint, column: int) -> Scene:
        own = self._joint([scalar])
        lesion = reference_mask(seen.case, scalar.target)
        return Scene(
            case=seen.case.id, target=scalar.target.name, image=seen.image,
            tissue=torch.from_numpy(seen.prepared.tissue).to(self.device),
            score=lambda images: own.scores(images)[:, 0], similarity=lambda images: own.similarities(images)[:, 0],
            network=self.network, layers=seen.layers, place=placed(seen.prepared),
            spread=placed(seen.prepared, map_shares),
            lesion=None if lesion is None else self._inside(seen, lesion.astype(np.float32)),
            chunk=self._chunk(seen.image),
            joint=joint, column=column, layer=seen.layer, evidence=self._evidence(scalar.target))

    def _chunk(self, image: Tensor) -> int:
        """How many images of this shape a pass may hold; measured once a shape."""
        shape = tuple(image.shape)
        if shape not in self._held:
            self._held[shape] = max(1, held_bytes(self.output, image))
        room = 1 if self.device == "cpu" else 8
        pixels = image.shape[-2] * image.shape[-1]
        return max(1, min(32, PIXELS_AT_ONCE // pixels * room, BYTES_AT_ONCE // self._held[shape] * room))

    def _evidence(self, target: Target) -> Callable[[Tensor], Tensor] | None:
        if not gives_evidence(self.network):
            return None
        return lambda images: self.own(evidence_on(self.network, self.normalised(images)), target)

    def own(self, evidence: Tensor, target: Target) -> Tensor:
        """(B, h, w): the network's own evidence (B, K, h, w) for a target: that of its class, or the only one."""
        known = target.label in self.classes and evidence.shape[1] == len(self.classes)
        return evidence[:, self.classes.index(target.label) if known else 0]

    def _inside(self, seen: Seen, mask: Floats) -> Tensor:
        height, width = seen.image.shape[-2:]
        small = map_values(mask, inverse(seen.prepared.affine), (int(height), int(width)))
        return torch.from_numpy(small > 0.5).to(self.device)


def placed(prepared: Prepared, lay: Lay = map_values) -> Callable[[Floats], Floats]:
    """Values (h, w) on the prepared image to (H, W) in original pixels, 0 outside, laid as `map_values` does it."""
    height, width = prepared.size
    return lambda values: lay(values[:height, :width], prepared.affine, prepared.shape)


def dense(seen: Seen, parts: Mapping[str, Tensor]) -> dict[str, Floats]:
    """float32 (H, W) in original pixels for each part (h', w') of what the network gave, grown to its input first."""
    size = [int(side) for side in seen.image.shape[-2:]]
    place = placed(seen.prepared)
    out = {}
    for name, part in parts.items():
        grown = part[None, None].float()
        if list(part.shape[-2:]) != size:
            grown = torch.nn.functional.interpolate(grown, size=size, mode="bilinear", align_corners=False)
        out[name] = place(grown[0, 0].cpu().numpy())
    return out


def outward(prepared: Prepared, boxes: Sequence[Sequence[float]]) -> list[Edges]:
    """Boxes of the prepared image in original pixels, cut to the original image."""
    limit = [prepared.shape[1], prepared.shape[0]] * 2
    moved = np.clip(map_boxes(np.array(boxes, float).reshape(-1, 4), prepared.affine), 0, limit)
    return [(float(x0), float(y0), float(x1), float(y1)) for x0, y0, x1, y1 in moved]
