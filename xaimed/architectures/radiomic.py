"""Logistic regression on radiomic features: the yardstick that can be read, and the lowest step of the ladder.

Gillies RJ et al. (2016) "Radiomics: images are more than pictures, they are data", doi:10.1148/radiol.2015151169. The
features are those of xaimed.architectures.texture; as they are differentiable, every attribution method can be asked.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from xaimed.architectures.shapes import expect
from xaimed.architectures.texture import FEATURES, Radiomics


class Standard(nn.Module):
    """Radiomic features less the mean and by the deviation of the training images; until then as they are."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.radiomics = Radiomics()
        # Double precision, which a model file does not halve: some deviations are tiny.
        self.register_buffer("mean", torch.zeros(len(FEATURES), dtype=torch.float64))
        self.register_buffer("deviation", torch.ones(len(FEATURES), dtype=torch.float64))

    def forward(self, images: Tensor) -> Tensor:
        """(B, len(FEATURES)) of images (B, 1, h, w). Raises ModelError for other images."""
        expect("radiomic", images, 1)
        found: Tensor = self.radiomics(images)
        return ((found - self.mean) / self.deviation).to(found)

    def fit(self, images: Tensor) -> None:
        """The module with mean and deviation of the features of these images; a constant feature has deviation 1."""
        with torch.no_grad():
            found = self.radiomics(images).double()
            spread = found.std(dim=0, unbiased=False)
            self.mean.copy_(found.mean(dim=0))
            self.deviation.copy_(torch.where(spread > 1e-6, spread, torch.ones_like(spread)))


class Radiomic(nn.Module):
    """Logits (B, outputs) of images (B, 1, h, w) in [0, 1]: linear in the standardised features."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.standard, self.linear = Standard(), nn.Linear(len(FEATURES), outputs)

    def forward(self, images: Tensor) -> Tensor:
        """The logits."""
        logits: Tensor = self.linear(self.standard(images))
        return logits

    @property
    def part_names(self) -> tuple[str, ...]:
        """The features."""
        return FEATURES

    def parts(self, images: Tensor) -> Tensor:
        """(B, outputs, len(FEATURES)): what each feature adds to each logit; with the bias their sum is the logit."""
        features: Tensor = self.standard(images)
        return features[:, None] * self.linear.weight


def build(outputs: int = 2) -> nn.Module:
    """The network. outputs: classes, or 1 for two classes."""
    return Radiomic(outputs)
