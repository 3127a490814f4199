"""An LSTM over the rows of an image or the slices of a stack, in one direction or both.

Hochreiter S, Schmidhuber J (1997) "Long short-term memory", doi:10.1162/neco.1997.9.8.1735, with the forget gate of
Gers FA et al. (2000), doi:10.1162/089976600300015015. Reading an image row by row is our choice, as is the forget
gate's bias of 1 at the start.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from xaimed.architectures.elman import AXES, sequence_of
from xaimed.errors import ModelError


class RowLSTM(nn.Module):
    """Logits of a sequence: (B, outputs) after the last step, or (B, T, outputs) after every one."""

    def __init__(self, lstm: nn.LSTM, outputs: int, axis: str, every: bool) -> None:
        super().__init__()
        self.lstm, self.axis, self.every = lstm, axis, every
        self.linear = nn.Linear(lstm.hidden_size * (2 if lstm.bidirectional else 1), outputs)
        hidden = lstm.hidden_size
        for name, bias in lstm.named_parameters():
            if name.startswith("bias_ih"):
                nn.init.ones_(bias.data[hidden:2 * hidden])

    def forward(self, images: Tensor) -> Tensor:
        """The logits. In both directions the answer joins the state after the last step with that after the first.

        Raises ModelError for images whose steps have another size.
        """
        states, (last, _) = self.lstm(sequence_of(images, self.axis, self.lstm.input_size, "lstm_rows"))
        if not self.every:
            states = torch.cat([last[-2], last[-1]], dim=1) if self.lstm.bidirectional else last[-1]
        logits: Tensor = self.linear(states)
        return logits


def build(outputs: int = 2, sizes: Sequence[int] = (64, 64), layers: int = 1, axis: str = "rows",
          reading: str = "last") -> nn.Module:
    """The network. sizes: numbers in a step (width times channels, or the pixels of a slice) and hidden units.

    axis: "rows" or "slices". reading: "last" (the logits after the last step), "every" (after every step) or "both"
    (both directions, logits at the end). Raises ModelError for other arguments.
    """
    if axis not in AXES or len(sizes) != 2 or reading not in ("last", "every", "both"):
        raise ModelError(f"lstm_rows: axis {axis!r}, {len(sizes)} sizes, reading {reading!r}; expected axis "
                         f"{' or '.join(AXES)}, two sizes, and reading 'last', 'every' or 'both'")
    lstm = nn.LSTM(sizes[0], sizes[1], layers, batch_first=True, bidirectional=reading == "both")
    return RowLSTM(lstm, outputs, axis, reading == "every")
