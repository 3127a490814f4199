"""A recurrent network over the rows of an image or the slices of a stack: Elman's cell or the multiplicative one.

Elman JL (1990) "Finding structure in time", doi:10.1207/s15516709cog1402_1: h_t = tanh(W x_t + U h_(t-1) + b).
Sutskever I, Martens J, Hinton G (2011) "Generating text with recurrent neural networks", ICML: the multiplicative
cell, whose recurrent matrix depends on the input: U h is replaced by V (F x_t * G h_(t-1)). Reading an image row by
row and a linear read-out of the state at each step are our choice.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from xaimed.errors import ModelError

AXES = ("rows", "slices")


def sequence_of(images: Tensor, axis: str, inputs: int, name: str) -> Tensor:
    """(B, T, inputs): the rows of images (B, C, h, w), with all channels each, or the slices of a stack (B, D, h, w).

    Raises ModelError where a step does not have `inputs` numbers.
    """
    if images.ndim != 4 or axis not in AXES:
        raise ModelError(f"{name}: input {tuple(images.shape)} read by {axis!r}; expected (B, C, h, w) and one of "
                         f"{', '.join(AXES)}")
    steps = (images.transpose(1, 2) if axis == "rows" else images).flatten(2)
    if steps.shape[2] != inputs:
        raise ModelError(f"{name}: input {tuple(images.shape)} has {steps.shape[2]} numbers in each of its {axis}; "
                         f"expected {inputs}: set the preprocessing or the argument sizes")
    return steps


class Cell(nn.Module):
    """States (B, T, hidden) of a sequence (B, T, inputs), from the zero state."""

    def __init__(self, inputs: int, hidden: int, multiplicative: bool) -> None:
        super().__init__()
        self.hidden = hidden
        self.enter = nn.Linear(inputs, hidden)
        self.recur = nn.Linear(hidden, hidden, bias=False)
        self.input_factor = nn.Linear(inputs, hidden, bias=False) if multiplicative else None
        self.state_factor = nn.Linear(hidden, hidden, bias=False) if multiplicative else None
        nn.init.orthogonal_(self.recur.weight)

    def forward(self, steps: Tensor) -> Tensor:
        """The state after each step, in [-1, 1]."""
        entered, state = self.enter(steps), steps.new_zeros(steps.shape[0], self.hidden)
        factors = None if self.input_factor is None else self.input_factor(steps)
        states = []
        for t in range(steps.shape[1]):
            carried = state
            if factors is not None and self.state_factor is not None:
                carried = factors[:, t] * self.state_factor(state)
            state = torch.tanh(entered[:, t] + self.recur(carried))
            states.append(state)
        return torch.stack(states, dim=1)


class Elman(nn.Module):
    """Logits of a sequence: (B, outputs) after the last step, or (B, T, outputs) after every one."""

    def __init__(self, cell: Cell, outputs: int, axis: str, every: bool) -> None:
        super().__init__()
        self.cell, self.axis, self.every = cell, axis, every
        self.linear = nn.Linear(cell.hidden, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """The logits. Raises ModelError for images whose steps have another size."""
        states = self.cell(sequence_of(images, self.axis, self.cell.enter.in_features, "elman"))
        logits: Tensor = self.linear(states if self.every else states[:, -1])
        return logits


def build(outputs: int = 2, sizes: Sequence[int] = (64, 64), cell: str = "elman", axis: str = "rows",
          every: bool = False) -> nn.Module:
    """The network. sizes: numbers in a step (width times channels, or the pixels of a slice) and hidden units.

    cell: "elman" or "multiplicative". axis: "rows" or "slices". every: logits after every step (the last one is the
    answer) in place of the last. Raises ModelError for other arguments.
    """
    if cell not in ("elman", "multiplicative") or axis not in AXES or len(sizes) != 2:
        raise ModelError(f"elman: cell {cell!r}, axis {axis!r}, {len(sizes)} sizes; expected cell 'elman' or "
                         f"'multiplicative', axis {' or '.join(AXES)}, and two sizes")
    return Elman(Cell(sizes[0], sizes[1], cell == "multiplicative"), outputs, axis, every)
