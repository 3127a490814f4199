"""A registration network: the displacement at one point is the scalar of its scenes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from xaimed.adapters.whole import Seen, WholeImage, dense
from xaimed.errors import InputError, ModelError, TargetError
from xaimed.imaging.geometry import inverse
from xaimed.imaging.preprocessing import Prepared, prepare
from xaimed.target_names import place_name
from xaimed.targets import Scalar, Target, displacement
from xaimed.types import Case, Prediction

DIRECTIONS = {"dx": (1.0, 0.0), "dy": (0.0, 1.0), "shift": None}


class Registration(WholeImage):
    """A network that gives displacements (B, 2, h, w), x then y in pixels of its input, as a Model.

    A case holds the moving image, then the fixed one, as channels. Targets: "dx:x,y", "dy:x,y" and "shift:x,y" (the
    length) at a point of the original image; without a point at the largest displacement. Attributions are summed
    over both images; one channel at a time is asked for with the other held still.
    """

    kind = "registration"
    inward = True

    @property
    def planes(self) -> int:
        """Both images' channels."""
        return 2 * self.steps.channels

    def prepare(self, case: Case) -> Prepared:
        """Both images prepared alike. Raises InputError for another number of channels, or a crop."""
        if case.image.shape[0] != self.planes:
            raise InputError(f"case {case.id}: {case.image.shape[0]} channels; expected {self.planes}: the moving image"
                             ", then the fixed one")
        if self.steps.crop:
            raise InputError("the preprocessing crops to the breast; expected crop = false: both images of a pair "
                             "must keep one grid")
        half = self.steps.channels
        first, second = (prepare(replace(case, image=np.ascontiguousarray(part)), self.steps)
                         for part in (case.image[:half], case.image[half:]))
        return replace(first, image=np.concatenate([first.image, second.image]), tissue=first.tissue | second.tissue)

    def prediction(self, seen: Seen) -> Prediction:
        """The displacement of each pixel, "dx" and "dy" in original pixels."""
        field, affine = self._field(seen.output)[0], seen.prepared.affine
        scaled = {"dx": field[0] * float(affine[0, 0]), "dy": field[1] * float(affine[1, 1])}
        return Prediction(seen.case.id, dense=dense(seen, scaled))

    def shown(self, seen: Seen) -> list[Target]:
        """The length of the displacement at the centre of each reference box, else where it is largest."""
        points = [box.centre for box in seen.case.boxes]
        return [Target(f"shift:{x:g},{y:g}", "shift") for x, y in points] or [self.named(seen, "shift")]

    def named(self, seen: Seen, name: str) -> Target:
        """The target "dx:x,y", "dy:x,y" or "shift:x,y"; without a point that of the largest displacement."""
        asked = place_name(name, tuple(DIRECTIONS), (0, 2))
        if asked.numbers:
            return Target(name, asked.kind)
        x, y = self._largest(seen)
        return Target(f"{name}:{x:g},{y:g}", asked.kind)

    def _largest(self, seen: Seen) -> tuple[float, float]:
        field = self._field(seen.output)[0]
        height, width = seen.prepared.size
        length = field.square().sum(dim=0)[:height, :width]
        row, column = divmod(int(length.argmax()), width)
        x, y, _ = seen.prepared.affine @ (column + 0.5, row + 0.5, 1.0)
        return float(x), float(y)

    def _field(self, output: Tensor) -> Tensor:
        if output.ndim != 4 or output.shape[1] != 2:
            raise ModelError(f"{self.file.architecture!r} gives {tuple(output.shape)}; expected displacements "
                             "(B, 2, h, w), x then y in pixels")
        return output

    def scalar(self, seen: Seen, target: Target) -> Scalar:
        """The displacement at the point; the likeness is exp(-change in pixels)."""
        asked = place_name(target.name, tuple(DIRECTIONS), (2,))
        x, y, _ = inverse(seen.prepared.affine) @ (*asked.numbers, 1.0)
        height, width = seen.prepared.size
        if not (0 <= x <= width and 0 <= y <= height):
            raise TargetError(f"case {seen.case.id}: point {asked.numbers} lies outside the image; expected x,y inside")
        point, direction = (float(x), float(y)), DIRECTIONS[asked.kind]

        def value(_: Tensor, output: Tensor) -> Tensor:
            return displacement(self._field(output), point, direction)

        if seen.output.shape[-2:] != seen.image.shape[-2:]:
            raise ModelError(f"{self.file.architecture!r} gives displacements {tuple(seen.output.shape)} for images "
                             f"{tuple(seen.image.shape)}; expected one for each pixel")

        with torch.no_grad():
            before = value(seen.image, seen.output)
        return Scalar(target, value, lambda images, output: torch.exp(-(value(images, output) - before).abs()))


ADAPTER = Registration
