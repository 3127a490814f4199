"""kU-Net and BDC-LSTM: two U-Nets of two scales read each slice, two convolutional LSTMs read the slices.

Chen J et al. (2016) "Combining fully convolutional and recurrent neural networks for 3D biomedical image segmentation",
NIPS, arXiv:1609.01006. The coarse U-Net sees the slice at half the size and its features enter the fine one. The
bi-directional LSTM reads the features from the first slice on and from the last one back; both states together give
the logits. Widths, depth and the single layer of LSTM (the paper's has a U shape of its own) are our choice; with 64
maps, 64 units and kernel 5 the two LSTMs have 1 638 912 parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaimed.architectures.conv_lstm import ConvLSTM
from xaimed.architectures.shapes import doubled, expect_stack
from xaimed.errors import ModelError


class Twice(nn.Sequential):
    """Two 3 x 3 convolutions with ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        first, second = nn.Conv2d(inputs, outputs, 3, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)
        for layer in (first, second):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        super().__init__(first, nn.ReLU(), second, nn.ReLU())


class UNet(nn.Module):
    """Maps (N, width, h, w) of images (N, inputs, h, w) whose sides are multiples of 2 ** (depth - 1).

    Ronneberger O et al. (2015) "U-Net", arXiv:1505.04597, with padded convolutions.
    """

    def __init__(self, inputs: int, width: int, depth: int) -> None:
        super().__init__()
        sizes = doubled("U-Net", width, depth)
        self.down = nn.ModuleList(Twice(a, b) for a, b in zip([inputs, *sizes], sizes, strict=False))
        pairs = list(zip(sizes[::-1], sizes[-2::-1], strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, 2) for a, b in pairs)
        self.join = nn.ModuleList(Twice(2 * b, b) for _, b in pairs)

    def forward(self, images: Tensor) -> Tensor:
        """The maps."""
        levels: list[Tensor] = []
        for number, layer in enumerate(self.down):
            images = layer(functional.max_pool2d(images, 2) if number else images)
            levels.append(images)
        for level, up, join in zip(levels[-2::-1], self.up, self.join, strict=True):
            images = join(torch.cat([level, up(images)], dim=1))
        return images


class KUNet(nn.Module):
    """Maps (N, width, h, w) of slices (N, 1, h, w): a coarse U-Net at half the size feeds a fine one."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.coarse, self.fine = UNet(1, width, depth), UNet(1 + width, width, depth)
        self.enlarge = nn.ConvTranspose2d(width, width, 2, 2)

    def forward(self, slices: Tensor) -> Tensor:
        """The maps."""
        coarse = self.enlarge(self.coarse(functional.avg_pool2d(slices, 2)))
        maps: Tensor = self.fine(torch.cat([slices, coarse], dim=1))
        return maps


class BDCLSTM(nn.Module):
    """Two convolutional LSTMs over maps (B, D, inputs, h, w), from the first slice on and from the last one back."""

    def __init__(self, inputs: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.onward, self.back = ConvLSTM(inputs, hidden, kernel), ConvLSTM(inputs, hidden, kernel, reverse=True)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, D, 2 * hidden, h, w): the states of both at every slice."""
        return torch.cat([self.onward(maps), self.back(maps)], dim=2)

    def centre(self, maps: Tensor) -> Tensor:
        """(B, 2 * hidden, h, w): the same for slice D // 2 alone, which is half the work."""
        middle = maps.shape[1] // 2
        return torch.cat([self.onward(maps[:, :middle + 1])[:, -1], self.back(maps[:, middle:])[:, 0]], dim=1)


class KUNetBDCLSTM(nn.Module):
    """Logits (B, outputs, h, w) of the centre slice D // 2 of stacks (B, D, h, w)."""

    def __init__(self, ku_net: KUNet, lstm: BDCLSTM, outputs: int, multiple: int) -> None:
        super().__init__()
        self.ku_net, self.lstm, self.multiple = ku_net, lstm, multiple
        self.linear = nn.Conv2d(2 * lstm.onward.hidden, outputs, 1)

    def forward(self, stack: Tensor) -> Tensor:
        """The logits. Raises ModelError for a tensor that is no stack or whose sides do not fit.

        The centre slice goes through the U-Nets by itself and last, so that what a hook sees of them is that slice.
        """
        self._check(stack)
        middle = stack.shape[1] // 2
        others = [d for d in range(stack.shape[1]) if d != middle]
        around = self._maps(stack[:, others]) if others else stack.new_zeros(len(stack), 0)
        own = self._maps(stack[:, middle:middle + 1])
        maps = torch.cat([around[:, :middle], own, around[:, middle:]], dim=1) if others else own
        logits: Tensor = self.linear(self.lstm.centre(maps))
        return logits

    def volume(self, stack: Tensor) -> Tensor:
        """Logits (B, outputs, D, h, w) of every slice. Raises ModelError as forward does."""
        self._check(stack)
        states = self.lstm(self._maps(stack))
        logits: Tensor = self.linear(states.flatten(0, 1))
        return _apart(logits, stack).transpose(1, 2)

    def _maps(self, stack: Tensor) -> Tensor:
        return _apart(self.ku_net(stack.flatten(0, 1)[:, None]), stack)

    def _check(self, stack: Tensor) -> None:
        expect_stack("ku_net_bdc_lstm", stack)
        if stack.shape[2] % self.multiple or stack.shape[3] % self.multiple:
            raise ModelError(f"ku_net_bdc_lstm: slices {tuple(stack.shape[2:])}; expected sides that are multiples of "
                             f"{self.multiple}: set the preprocessing's multiple")


def _apart(slices: Tensor, stack: Tensor) -> Tensor:
    return slices.reshape(*stack.shape[:2], *slices.shape[1:])


def build(outputs: int = 2, width: int = 16, depth: int = 3, hidden: int = 16, kernel: int = 3) -> nn.Module:
    """The network. outputs: classes, or one logit for one class. width: maps of a U-Net's first level. depth: levels.

    hidden, kernel: units and kernel of each LSTM. Raises ModelError for a depth below 1 or an even kernel.
    """
    if depth < 1 or kernel % 2 == 0:
        raise ModelError(f"ku_net_bdc_lstm: depth {depth}, kernel {kernel}; expected depth 1 or more, an odd kernel")
    return KUNetBDCLSTM(KUNet(width, depth), BDCLSTM(width, hidden, kernel), outputs, 1 << depth)
