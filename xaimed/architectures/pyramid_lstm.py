"""PyraMiD-LSTM: six convolutional LSTMs sweep a stack along its three axes, both ways, and their states are summed.

Stollenga MF et al. (2015) "Parallel multi-dimensional LSTM, with application to fast biomedical volumetric image
segmentation", NIPS, arXiv:1506.07452. Three such layers of 16, 32 and 64 units with 7 x 7 kernels, a fully connected
tanh layer of 25 and 45 units between them and a linear one at the end: 10 673 400 parameters for two classes. The
small one is ours: 4-8-16 units, 6 and 12 between, kernel 3, 126 124 parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from xaimed.architectures.conv_lstm import ConvLSTM
from xaimed.architectures.shapes import expect_stack
from xaimed.errors import ModelError

SWEEPS = ("z+", "z-", "y+", "y-", "x+", "x-")


class Sweep(nn.Module):
    """States (B, hidden, D, h, w) of a stack (B, inputs, D, h, w) that is read plane by plane along one axis.

    axis: "z" (slices), "y" (rows) or "x" (columns). A "+" sweep begins at the first plane, a "-" one at the last.
    """

    def __init__(self, inputs: int, hidden: int, kernel: int, name: str) -> None:
        super().__init__()
        self.axis = {"z": 2, "y": 3, "x": 4}[name[0]]
        self.lstm = ConvLSTM(inputs, hidden, kernel, reverse=name[1] == "-")

    def forward(self, stack: Tensor) -> Tensor:
        """The states."""
        planes = stack.movedim(self.axis, 1)
        states: Tensor = self.lstm(planes)
        return states.movedim(1, self.axis)


class SixSweeps(nn.Module):
    """The sum (B, hidden, D, h, w) of the six sweeps of a stack (B, inputs, D, h, w)."""

    def __init__(self, inputs: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.parts = nn.ModuleList(Sweep(inputs, hidden, kernel, name) for name in SWEEPS)

    def forward(self, stack: Tensor) -> Tensor:
        """The sum."""
        return self.states(stack).sum(dim=1)

    def states(self, stack: Tensor) -> Tensor:
        """(B, 6, hidden, D, h, w): the state of each sweep, in the order of SWEEPS."""
        return torch.stack([part(stack) for part in self.parts], dim=1)


class PointwiseTanh(nn.Sequential):
    """A fully connected layer at every voxel, then tanh: (B, inputs, D, h, w) to (B, outputs, D, h, w)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(nn.Conv3d(inputs, outputs, 1), nn.Tanh())


@dataclass(frozen=True, eq=False)
class Parts:
    """The logits of a slice as a sum: sweeps (B, 6, outputs, h, w), in the order of SWEEPS, and the bias (outputs,)."""

    sweeps: Tensor
    bias: Tensor

    @property
    def whole(self) -> Tensor:
        """The logits (B, outputs, h, w)."""
        return self.sweeps.sum(dim=1) + self.bias[:, None, None]


class PyramidLSTM(nn.Module):
    """Logits (B, outputs, h, w) of the centre slice D // 2 of stacks (B, D, h, w)."""

    def __init__(self, outputs: int, widths: Sequence[int], between: Sequence[int], kernel: int) -> None:
        super().__init__()
        if len(between) != len(widths) - 1 or kernel % 2 == 0:
            raise ModelError(f"pyramid_lstm: {len(widths)} widths, {len(between)} layers between, kernel {kernel}; "
                             "expected one layer less than widths, and an odd kernel")
        layers: list[nn.Module] = []
        inputs = 1
        for width, points in zip(widths, between, strict=False):
            layers += [SixSweeps(inputs, width, kernel), PointwiseTanh(width, points)]
            inputs = points
        self.lower = nn.Sequential(*layers)
        self.top = SixSweeps(inputs, widths[-1], kernel)
        self.linear = nn.Conv3d(widths[-1], outputs, 1)

    def forward(self, stack: Tensor) -> Tensor:
        """The logits. Raises ModelError for a tensor that is no stack."""
        return self.volume(stack)[:, :, stack.shape[1] // 2]

    def volume(self, stack: Tensor) -> Tensor:
        """Logits (B, outputs, D, h, w) of every slice."""
        logits: Tensor = self.linear(self.top(self.lower(self._channel(stack))))
        return logits

    def decomposed(self, stack: Tensor) -> Parts:
        """The logits of the centre slice by the sweep of the top layer that gives them: exact, without a remainder.

        It says which direction a logit was read in at last, not which one the lower layers' sweeps had.
        """
        states = self.top.states(self.lower(self._channel(stack)))[:, :, :, stack.shape[1] // 2]
        weight = self.linear.weight[:, :, 0, 0, 0]
        return Parts(torch.einsum("ok,bskhw->bsohw", weight, states), self.linear.get_parameter("bias"))

    def _channel(self, stack: Tensor) -> Tensor:
        expect_stack("pyramid_lstm", stack)
        return stack[:, None]


def build(outputs: int = 2, widths: Sequence[int] = (4, 8, 16), between: Sequence[int] = (6, 12),
          kernel: int = 3) -> nn.Module:
    """The network. outputs: classes, or one logit for one class. widths, between: units of LSTMs and layers between.

    Published: widths 16, 32, 64, between 25, 45, kernel 7. Raises ModelError for arguments that do not match.
    """
    return PyramidLSTM(outputs, widths, between, kernel)
