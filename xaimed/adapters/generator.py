"""A generator from image to image: the mean of what it makes, over a region, is the scalar of its scenes."""

from __future__ import annotations

import torch
from torch import Tensor

from xaimed.adapters.whole import Seen, WholeImage, dense
from xaimed.errors import ModelError, TargetError
from xaimed.target_names import place_name
from xaimed.targets import Scalar, Target, region_mean
from xaimed.types import Prediction


class Generator(WholeImage):
    """A network that makes an image (B, C', h, w) from an image (B, C, h, w), as a Model.

    Targets: "mean" over the whole image, "mean:x0,y0,x1,y1" over a box of original pixels. It predicts no class.
    """

    kind = "generator"
    inward = True

    def prediction(self, seen: Seen) -> Prediction:
        """The image that it makes, a plane at a time: "image", or "image 0", "image 1" ..."""
        planes = seen.output[0] if seen.output.ndim == 4 else seen.output
        names = ["image"] if len(planes) == 1 else [f"image {number}" for number in range(len(planes))]
        return Prediction(seen.case.id, dense=dense(seen, dict(zip(names, planes, strict=True))))

    def shown(self, seen: Seen) -> list[Target]:
        """The mean over each reference box; the whole image where there is none."""
        boxes = [Target(f"mean:{','.join(f'{v:g}' for v in box.edges)}", box.label, box.edges)
                 for box in seen.case.boxes]
        return boxes or [Target("mean", "mean")]

    def named(self, seen: Seen, name: str) -> Target:
        """The target "mean" or "mean:x0,y0,x1,y1"."""
        del seen
        numbers = place_name(name, ("mean",), (0, 4)).numbers
        return Target(name, "mean", (numbers[0], numbers[1], numbers[2], numbers[3]) if numbers else None)

    def scalar(self, seen: Seen, target: Target) -> Scalar:
        """The mean over the region; the likeness is 1 less its change, relative to what it was."""
        region = seen.region(target.box)
        if seen.output.shape[-2:] != region.shape:
            raise ModelError(f"{self.file.architecture!r} gives {tuple(seen.output.shape)} for an image of "
                             f"{tuple(region.shape)}; expected an image of the same size")
        if not bool(region.any()):
            raise TargetError(f"case {seen.case.id}: the region of {target.name!r} holds no pixel that the network "
                              "sees; expected a box x0,y0,x1,y1 inside the image")
        with torch.no_grad():
            before = region_mean(seen.output, region)

        def left(_: Tensor, output: Tensor) -> Tensor:
            return 1 - (region_mean(output, region) - before).abs() / before.abs().clamp(min=1e-6)

        return Scalar(target, lambda _, output: region_mean(output, region), left)


ADAPTER = Generator
