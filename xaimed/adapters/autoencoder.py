"""An autoencoder: how badly it rebuilds an image is its anomaly score, and the scalar of its scenes."""

from __future__ import annotations

import torch
from torch import Tensor

from xaimed.adapters.whole import Seen, WholeImage, dense
from xaimed.errors import ModelError
from xaimed.target_names import place_name
from xaimed.targets import Edges, Scalar, Target, anomaly_score
from xaimed.types import Prediction


class Autoencoder(WholeImage):
    """A network that gives its input back, (B, C, h, w), as a Model.

    The target "anomaly" is the squared error summed over the tissue, "anomaly:x0,y0,x1,y1" that within a box. The
    score of the image is the mean squared error over the tissue, in [0, 1]. A black image does not score 0, so the
    baseline of a path method matters more here than for a classifier.
    """

    kind = "autoencoder"
    inward = True

    def prediction(self, seen: Seen) -> Prediction:
        """The mean squared error over the tissue, for the class "anomaly" or the only class, with planes of it.

        "error" is its map, as the network sees the image; "rebuilt" (of several channels "rebuilt 0" and so on) the
        image that it gives back, in grey values from 0 to 1.
        """
        region = self._region(seen, None)
        total = self._error(seen.image, seen.output, region)
        mean = float(total / (region.sum() * seen.image.shape[1]).clamp(min=1))
        error = (self.normalised(seen.image) - seen.output).square().mean(dim=1)[0]
        back = (seen.output * self._deviation + self._mean).clamp(0, 1)[0]
        planes = {f"rebuilt{f' {i}' if len(back) > 1 else ''}": plane for i, plane in enumerate(back)}
        return Prediction(seen.case.id, scores={self._label: min(1.0, mean)},
                          dense=dense(seen, {"error": error, **planes}))

    @property
    def _label(self) -> str:
        return self.classes[0] if self.classes else "anomaly"

    def shown(self, seen: Seen) -> list[Target]:
        """The anomaly score of the whole image."""
        del seen
        return [Target("anomaly", "anomaly")]

    def named(self, seen: Seen, name: str) -> Target:
        """The target "anomaly" or "anomaly:x0,y0,x1,y1"."""
        del seen
        numbers = place_name(name, ("anomaly",), (0, 4)).numbers
        return Target(name, "anomaly", _edges(numbers))

    def scalar(self, seen: Seen, target: Target) -> Scalar:
        """The squared error over the tissue or box; the likeness is the share of it that is left."""
        region = self._region(seen, target.box)
        with torch.no_grad():
            full = self._error(seen.image, seen.output, region).clamp(min=1e-12)
        return Scalar(target, lambda images, output: self._error(images, output, region),
                      lambda images, output: self._error(images, output, region) / full)

    def _error(self, images: Tensor, output: Tensor, region: Tensor) -> Tensor:
        if output.shape != images.shape:
            raise ModelError(f"{self.file.architecture!r} gives {tuple(output.shape)} for {tuple(images.shape)}; "
                             "expected the image again")
        return anomaly_score(self.normalised(images), output, region)

    def _region(self, seen: Seen, box: Edges | None) -> Tensor:
        inside = seen.region(box)
        return inside if box else inside & torch.from_numpy(seen.prepared.tissue).to(inside.device)


def _edges(numbers: tuple[float, ...]) -> Edges | None:
    return (numbers[0], numbers[1], numbers[2], numbers[3]) if numbers else None


ADAPTER = Autoencoder
