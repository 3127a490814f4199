"""A scene with a known answer: bright tissue in one corner is all that the score looks at."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from xaimed.scene import Scene

SIDE, LOW, HIGH = 64, 8, 24
SITE = (slice(LOW, HIGH), slice(LOW, HIGH))


class Corner(nn.Module):
    """The mean of a smoothed and rectified image over the square 4:28: (B, 1, H, W) to (B,)."""

    def __init__(self) -> None:
        super().__init__()
        self.blur = nn.Conv2d(1, 2, 5, padding=2, bias=False)
        self.act = nn.ReLU()
        with torch.no_grad():
            self.blur.weight[0], self.blur.weight[1] = 1 / 25, 2 / 25

    def forward(self, images: Tensor) -> Tensor:
        features = self.act(self.blur(images))
        return 8 * features[:, :, LOW - 4:HIGH + 4, LOW - 4:HIGH + 4].mean(dim=(1, 2, 3))

    def evidence(self, images: Tensor) -> Tensor:
        """(B, H, W): what each place adds to the mean."""
        inside = torch.zeros(SIDE, SIDE)
        inside[LOW - 4:HIGH + 4, LOW - 4:HIGH + 4] = 8 / (HIGH - LOW + 8) ** 2
        return self.act(self.blur(images)).mean(dim=1) * inside


def corner_scene() -> Scene:
    """An image of zeros with one bright square of 16 x 16 pixels on weak noise, its score and its lesion."""
    torch.manual_seed(0)
    network = Corner().eval()
    image = torch.zeros(1, 1, SIDE, SIDE)
    image[..., SITE[0], SITE[1]] = 0.6 + 0.3 * torch.rand(HIGH - LOW, HIGH - LOW)
    lesion = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    lesion[SITE] = True
    with torch.no_grad():
        full = network(image)

    def similarity(images: Tensor) -> Tensor:
        with torch.no_grad():
            return (network(images) / full).clamp(0, 1)

    return Scene(case="corner", target="bright", image=image, tissue=torch.ones(SIDE, SIDE, dtype=torch.bool),
                 score=network, similarity=similarity, network=network, layers={"act": network.act},
                 place=lambda values: np.asarray(values, np.float32), lesion=lesion, evidence=network.evidence)
