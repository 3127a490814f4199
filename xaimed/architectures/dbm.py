"""A deep Boltzmann machine of two modalities with a shared top layer, and a linear layer upon it.

Salakhutdinov R, Hinton G (2009) "Deep Boltzmann machines", AISTATS; Suk HI et al. (2014) "Hierarchical feature
representation and multimodal fusion with deep learning for AD/MCI diagnosis", doi:10.1016/j.neuroimage.2014.06.077.
Each modality m has visible units v_m and hidden units h_m, and all meet in the units t:
E = sum over m of (E_visible(v_m) - c_m.h_m - h_m.W_m v_m - t.U_m h_m) - d.t.
Training is in xaimed.training.contrastive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaimed.architectures.rbm import RBM
from xaimed.architectures.shapes import expect
from xaimed.errors import ModelError

MODALITIES = 2
MOST = 1000  # steps of mean field; ten bring it near its fixed point


@dataclass(frozen=True, eq=False)
class State:
    """Units, or their means: visible and hidden ones of each modality, (B, pixels) and (B, hidden); top (B, units)."""

    visible: tuple[Tensor, ...]
    hidden: tuple[Tensor, ...]
    top: Tensor


class DBM(nn.Module):
    """Logits (B, outputs) of images (B, 2, h, w), one channel a modality, by unrolled mean-field steps."""

    def __init__(self, sides: Sequence[RBM], top: int, outputs: int, steps: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.steps, self.size = steps, size
        self.sides = nn.ModuleList(sides)
        self.links = nn.ParameterList(torch.randn(top, side.hidden_bias.numel()) * 0.01 for side in sides)
        self.top_bias = nn.Parameter(torch.zeros(top))
        self.linear = nn.Linear(top, outputs)

    @property
    def machines(self) -> list[RBM]:
        """The weights of each modality, as an RBM."""
        return [side for side in self.sides if isinstance(side, RBM)]

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, outputs): linear in the means of the top layer."""
        logits: Tensor = self.linear(self.mean_field(images).top)
        return logits

    def visible(self, images: Tensor) -> tuple[Tensor, ...]:
        """The pixels (B, h * w) of each modality. Raises ModelError for images of another size."""
        expect("dbm", images, MODALITIES, self.size)
        return tuple(images.flatten(2).unbind(dim=1))

    def mean_field(self, images: Tensor, steps: int | None = None) -> State:
        """The means of the hidden layers after this many steps (None: the network's) from the top layer at 1/2.

        A step updates the hidden layers of the modalities, then the top: it never raises the variational free energy.
        """
        visible = self.visible(images)
        top = images.new_full((len(images), self.top_bias.numel()), 0.5)
        state = State(visible, self.hidden_mean(visible, top), top)
        for number in range(self.steps if steps is None else steps):
            hidden = self.hidden_mean(visible, state.top) if number else state.hidden
            state = State(visible, hidden, self.top_mean(hidden))
        return state

    def hidden_mean(self, visible: Sequence[Tensor], top: Tensor) -> tuple[Tensor, ...]:
        """p(h_m = 1 | v, t), (B, hidden) for each modality."""
        return tuple(torch.sigmoid(side.field(flat) + top @ link)
                     for side, link, flat in zip(self.machines, self.links, visible, strict=True))

    def top_mean(self, hidden: Sequence[Tensor]) -> Tensor:
        """p(t = 1 | h), (B, units)."""
        sums = [functional.linear(means, link) for means, link in zip(hidden, self.links, strict=True)]
        return torch.sigmoid(torch.stack(sums).sum(dim=0) + self.top_bias)

    def energy(self, state: State) -> Tensor:
        """E (B,) of units; of means it is the mean energy, since no unit is multiplied with itself."""
        total = -(state.top @ self.top_bias)
        for side, link, flat, hidden in zip(self.machines, self.links, state.visible, state.hidden, strict=True):
            bound = side.field(flat) + state.top @ link
            total = total + side.visible_energy(flat) - (bound * hidden).sum(dim=1)
        return total

    def free_energy(self, images: Tensor) -> Tensor:
        """The variational free energy (B,), mean energy less entropy: an upper bound of -log of the sum of exp(-E)."""
        state = self.mean_field(images)
        entropies = [_entropy(means) for means in (*state.hidden, state.top)]
        return self.energy(state) - torch.stack(entropies).sum(dim=0)


def _entropy(means: Tensor) -> Tensor:
    return -(torch.xlogy(means, means) + torch.xlogy(1 - means, 1 - means)).sum(dim=1)


def build(outputs: int = 2, side: int = 28, widths: Sequence[int] = (128, 64), steps: int = 10,
          visible: str = "binary") -> nn.Module:
    """The network. side: height and width. widths: hidden units of each modality and of the shared top layer.

    steps: of mean field, 1 to 1000; ten bring it near its fixed point. visible: "binary" or "gaussian".
    Raises ModelError for other arguments.
    """
    if len(widths) != 2 or not 1 <= steps <= MOST:
        raise ModelError(f"dbm: {len(widths)} widths, {steps} steps; expected two widths and 1 to {MOST} steps")
    sides = [RBM(side * side, widths[0], visible) for _ in range(MODALITIES)]
    return DBM(sides, widths[1], outputs, steps, (side, side))
