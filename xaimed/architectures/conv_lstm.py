"""A convolutional LSTM over a sequence of planes, without peepholes: the cell of BDC-LSTM and PyraMiD-LSTM.

Shi X et al. (2015) "Convolutional LSTM network", NIPS, arXiv:1506.04214, whose peepholes both systems leave out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class ConvLSTM(nn.Module):
    """States (B, T, hidden, h, w) of planes (B, T, inputs, h, w), read from the first to the last or back.

    One convolution of (x_t, h_(t-1)) gives the gates i, f, o (sigmoid) and the candidate g (tanh), in this order:
    c_t = f c_(t-1) + i g and h_t = o tanh(c_t), from zero states. Borders are padded with zeros.
    """

    def __init__(self, inputs: int, hidden: int, kernel: int, reverse: bool = False) -> None:
        super().__init__()
        self.inputs, self.hidden, self.reverse = inputs, hidden, reverse
        self.gates = nn.Conv2d(inputs + hidden, 4 * hidden, kernel, padding=kernel // 2)
        # A forget gate that is open at the start lets the gradient through many planes.
        nn.init.ones_(self.gates.get_parameter("bias").data[hidden:2 * hidden])

    def forward(self, planes: Tensor) -> Tensor:
        """The state after each plane; in reverse that of a plane has seen the planes from the last down to it."""
        batch, length = planes.shape[:2]
        entering, carrying = self.gates.weight.split([self.inputs, self.hidden], dim=1)
        # What the planes give does not depend on the state: one convolution for all.
        entered = self._convolved(planes.flatten(0, 1), entering, self.gates.bias).unflatten(0, (batch, length))
        # Taken apart at once: the gradient of one plane at a time would fill a stack of zeros for each.
        gates_of = entered.unbind(1)
        order = range(length - 1, -1, -1) if self.reverse else range(length)
        states: list[Tensor] = []
        cell: Tensor | None = None
        for t in order:
            gates = gates_of[t]
            if states:
                gates = gates + self._convolved(states[-1], carrying, None)
            state, cell = _step(gates, cell)
            states.append(state)
        return torch.stack(states[::-1] if self.reverse else states, dim=1)

    def _convolved(self, planes: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return functional.conv2d(planes, weight, bias, padding=self.gates.padding)


def _step(gates: Tensor, cell: Tensor | None) -> tuple[Tensor, Tensor]:
    entering, forgetting, leaving, candidate = gates.chunk(4, dim=1)
    new = torch.sigmoid(entering) * torch.tanh(candidate)
    if cell is not None:
        new = new + torch.sigmoid(forgetting) * cell
    return torch.sigmoid(leaving) * torch.tanh(new), new
