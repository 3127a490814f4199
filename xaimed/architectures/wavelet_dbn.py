"""A deep belief network on Haar coefficients of level two, soft-thresholded and chosen by a test.

Khatami A et al. (2017) "Medical image analysis using wavelet transform and deep belief networks", Expert Systems with
Applications 86:190-198: wavelet denoising and a Kolmogorov-Smirnov choice of features before a deep belief network.
The threshold, the number of features and the widths are our choice. The transform is orthonormal and its inverse
exact, so an attribution of the coefficients is carried back to pixels without loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaimed.architectures.dbn import DBN
from xaimed.architectures.shapes import expect
from xaimed.errors import ModelError

# Mean, horizontal, vertical and diagonal difference of four pixels; the four are orthonormal.
HAAR = (((1, 1), (1, 1)), ((1, -1), (1, -1)), ((1, 1), (-1, -1)), ((1, -1), (-1, 1)))


class Haar(nn.Module):
    """The orthonormal Haar transform of level two of images (B, 1, side, side), as one vector (B, side * side).

    Order: the approximation LL of level two, its three details, the three details of level one, each row by row.
    """

    kernel: Tensor

    def __init__(self, side: int) -> None:
        super().__init__()
        if side < 4 or side % 4:
            raise ModelError(f"wavelet_dbn: side {side}; expected a multiple of 4")
        self.side = side
        self.register_buffer("kernel", torch.tensor(HAAR, dtype=torch.float32)[:, None] / 2, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """The coefficients (B, side * side)."""
        fine = functional.conv2d(images, self.kernel.to(images), stride=2)
        coarse = functional.conv2d(fine[:, :1], self.kernel.to(images), stride=2)
        return torch.cat([coarse.flatten(1), fine[:, 1:].flatten(1)], dim=1)

    def inverse(self, coefficients: Tensor) -> Tensor:
        """The images (B, 1, side, side) of coefficients (B, side * side): the transpose, which is the inverse."""
        half, quarter = self.side // 2, self.side // 4
        kernel, small = self.kernel.to(coefficients), 4 * quarter * quarter
        coarse = coefficients[:, :small].reshape(-1, 4, quarter, quarter)
        approximation = functional.conv_transpose2d(coarse, kernel, stride=2)
        details = coefficients[:, small:].reshape(-1, 3, half, half)
        return functional.conv_transpose2d(torch.cat([approximation, details], dim=1), kernel, stride=2)


@dataclass(frozen=True)
class Choice:
    """What a training chose: kept coefficients (n,) by number, their mean and deviation (n,) after the threshold."""

    kept: Tensor
    mean: Tensor
    deviation: Tensor


class WaveletDBN(nn.Module):
    """Logits (B, outputs) of images (B, 1, side, side): transform, threshold, choice, standardisation, DBN."""

    kept: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, haar: Haar, dbn: DBN, kept: int, threshold: float) -> None:
        super().__init__()
        self.haar, self.dbn, self.threshold = haar, dbn, threshold
        self.register_buffer("kept", torch.arange(kept))
        self.register_buffer("mean", torch.zeros(kept))
        self.register_buffer("deviation", torch.ones(kept))

    def forward(self, images: Tensor) -> Tensor:
        """The logits."""
        logits: Tensor = self.dbn(self.code(images))
        return logits

    def code(self, images: Tensor) -> Tensor:
        """(B, n): the chosen coefficients, standardised, as the lowest RBM sees them."""
        return (self.coefficients(images)[:, self.kept] - self.mean) / self.deviation

    def coefficients(self, images: Tensor) -> Tensor:
        """(B, side * side): all coefficients, details moved towards 0 by the threshold; ModelError for other sizes."""
        expect("wavelet_dbn", images, 1, (self.haar.side, self.haar.side))
        found: Tensor = self.haar(images)
        first = (self.haar.side // 4) ** 2
        return torch.cat([found[:, :first], functional.softshrink(found[:, first:], self.threshold)], dim=1)

    def pixels(self, values: Tensor) -> Tensor:
        """(B, 1, side, side): values (B, n) of the chosen coefficients carried back by the inverse transform."""
        whole = values.new_zeros(values.shape[0], self.haar.side ** 2)
        return self.haar.inverse(whole.index_copy(1, self.kept, values))

    def free_energy(self, images: Tensor) -> Tensor:
        """The free energy (B,) of the lowest RBM at the chosen coefficients."""
        return self.dbn.free_energy(self.code(images))

    def choose(self, choice: Choice) -> None:
        """The network with a choice of coefficients, as many as before. Raises ModelError for another number."""
        if choice.kept.shape != self.kept.shape:
            raise ModelError(f"wavelet_dbn: {len(choice.kept)} coefficients; expected {len(self.kept)}: the argument "
                             "kept")
        self.kept.copy_(choice.kept)
        self.mean.copy_(choice.mean)
        self.deviation.copy_(choice.deviation)


def build(outputs: int = 5, side: int = 64, kept: int = 256, widths: Sequence[int] = (256, 128, 64),
          threshold: float = 0.05) -> nn.Module:
    """The network. side: pixels, a multiple of 4. kept: coefficients that enter the DBN; until a training chooses, the
    first ones, which for side 64 are the approximation. threshold: of the details of images in [0, 1].

    Raises ModelError for other arguments.
    """
    if not 1 <= kept <= side * side or threshold < 0:
        raise ModelError(f"wavelet_dbn: {kept} coefficients kept, threshold {threshold}; expected 1 to {side * side} "
                         "and 0 or more")
    return WaveletDBN(Haar(side), DBN(kept, widths, "gaussian", outputs), kept, threshold)
