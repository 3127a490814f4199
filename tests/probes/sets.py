"""Drawn cases in memory and models with known answers, for the probes: SYNTHETIC, no weight is learnt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from xaimed.data.dataset import CaseRow, Selection
from xaimed.types import Case

SIDE = 64


class Drawn:
    """Cases in memory as a dataset of a classification task; one patient each."""

    name, title, task, synthetic = "drawn", "Drawn squares (SYNTHETIC)", "classification", True
    classes: tuple[str, ...] = ("plain", "marked")
    warnings: tuple[str, ...] = ()

    def __init__(self, cases: Sequence[Case]) -> None:
        self.cases = list(cases)
        self.rows = tuple(CaseRow(c.id, c.patient, "test", c.label, {}) for c in cases)

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, index: int) -> Case:
        return self.cases[index]

    @property
    def all(self) -> Selection:
        """Every case."""
        return Selection(self, range(len(self)), "test")


def squares(count: int = 24, seed: int = 0) -> Drawn:
    """Grey tissue on the left; every other case has a bright marker in the dark at the top right, and is "marked"."""
    draw, cases = np.random.default_rng(seed), []
    for number in range(count):
        image = np.full((1, SIDE, SIDE), 0.02, np.float32)
        image[0, 4:60, :36] = 0.5 + 0.05 * draw.standard_normal((56, 36))
        markers = np.zeros((SIDE, SIDE), np.bool_)
        if number % 2:
            markers[6:14, 48:56] = True
            image[0][markers] = 0.8 + 0.15 * draw.random()
        cases.append(Case(f"s{number:03d}", np.clip(image, 0, 1).astype(np.float32), patient=f"p{number:03d}",
                          label=("plain", "marked")[number % 2], markers=markers, split="test", synthetic=True))
    return Drawn(cases)


class CornerReader(nn.Module):
    """Logits of (plain, marked): how bright the top right corner is, by one averaging kernel and a line."""

    def __init__(self) -> None:
        super().__init__()
        self.smooth = nn.Conv2d(1, 1, 5, padding=2, bias=False)
        self.smooth.weight.data.fill_(1 / 25)
        self.line = nn.Linear(1, 2)
        self.line.weight.data = torch.tensor([[-10.0], [10.0]])
        self.line.bias.data = torch.tensor([2.0, -2.0])

    def forward(self, images: Tensor) -> Tensor:
        corner = torch.relu(self.smooth(images))[:, :, 2:18, 44:60]
        logits: Tensor = self.line(corner.amax(dim=(2, 3)))
        return logits
