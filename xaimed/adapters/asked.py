"""What a target asks of a two-stage detector: the score of a class, an edge of the box, or the anchor behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from xaimed.adapters.roi import Anchor
from xaimed.adapters.window import Window
from xaimed.imaging.preprocessing import Prepared
from xaimed.targets import Target


@dataclass(frozen=True)
class Edge:
    """An edge in original pixels as gain * coordinate + offset, of coordinate `side` (0 to 3) in the backbone's."""

    side: int
    gain: float
    offset: float

    def of(self, box: Tensor) -> Tensor:
        """The edge (...,) of boxes (..., 4) in the backbone's pixels."""
        return self.gain * box[..., self.side] + self.offset

    def within(self, window: Window) -> Edge:
        """The same edge, of boxes in the coordinates of a window of an input that is not resized."""
        corner = window.y0 if self.side % 2 else window.x0
        return replace(self, offset=self.offset + self.gain * corner)


@dataclass(frozen=True, eq=False)
class Asked:
    """What one target asks of the network: RoI (4,) in the backbone's pixels, box (4,) and `wanted` in the input's.

    index: the class, 0 being background. wanted: (classes,), the class scores to be like. edge: the edge of the box
    that is explained; anchor: the anchor whose objectness is; without either it is the score of the class.
    """

    target: Target
    roi: Tensor
    box: Tensor
    index: int
    wanted: Tensor
    edge: Edge | None = None
    anchor: Anchor | None = None

    def within(self, window: Window) -> Asked:
        """The same for an image that is the window of the input."""
        return replace(self, roi=window.shifted(self.roi[None])[0], box=window.shifted(self.box[None])[0],
                       edge=self.edge and self.edge.within(window))


def edge_of(prepared: Prepared, side: int, scale: tuple[float, float]) -> Edge:
    """Edge `side` (0 to 3) of a box in original pixels; scale: input pixels, x and y, for one of the backbone's."""
    axis = side % 2
    gain = float(prepared.affine[axis, axis])
    # A mirrored image has the original's left on its right.
    return Edge((side + 2) % 4 if gain < 0 else side, gain * scale[axis], float(prepared.affine[axis, 2]))
