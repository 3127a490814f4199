"""Grad-CAM of any torch network: no model.pt, no dataset, a tensor of images.

    python examples/03_own_network.py

The network is made so that the answer is known: its class "right" is the mean brightness of the right half. The
map of that class therefore has to lie on the right.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from xaimed.attribution import GradCAM


class Halves(nn.Module):
    """Logits (B, 2): the mean of the features on the left and on the right."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.AvgPool2d(4))
        ramp = torch.linspace(-1, 1, 3).expand(3, 3)
        with torch.no_grad():
            self.features[0].weight.copy_(torch.stack([ramp * 0 + 1 / 9, ramp])[:, None])
            self.features[0].bias.zero_()

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, 2) of images (B, 1, H, W)."""
        left, right = self.features(images)[:, 0].chunk(2, dim=-1)
        return torch.stack([left.mean((1, 2)), right.mean((1, 2))], dim=1)


images = torch.zeros(1, 1, 32, 64)
images[0, 0, 8:24, 40:56] = 1.0
network = Halves().eval()
found = GradCAM(layer="features")(network, images, targets=[1])
share = float(found.values[0][:, 32:].sum() / found.values[0].sum())
print(f"{found.caption}: {100 * share:.0f} % of the map lies on the right half")
