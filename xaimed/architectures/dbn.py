"""A deep belief network: restricted Boltzmann machines trained one upon the other, and a linear layer at the top.

Hinton GE, Osindero S, Teh YW (2006) "A fast learning algorithm for deep belief nets", doi:10.1162/neco.2006.18.7.1527;
Bengio Y et al. (2007) "Greedy layer-wise training of deep networks", NIPS. Means are passed up in place of samples and
the whole is fine-tuned by back-propagation. The greedy training is in xaimed.training.greedy.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Tensor, nn

from xaimed.architectures.rbm import RBM
from xaimed.errors import ModelError


class DBN(nn.Module):
    """Logits (B, outputs) of images (B, ...) through a stack of RBMs, the lowest with binary or Gaussian units."""

    def __init__(self, visible: int, widths: Sequence[int], kind: str, outputs: int) -> None:
        super().__init__()
        if not widths:
            raise ModelError("dbn: no hidden layer; expected one width or more")
        sizes = [visible, *widths]
        self.layers = nn.ModuleList(
            RBM(sizes[i], sizes[i + 1], kind if i == 0 else "binary") for i in range(len(widths)))
        self.linear = nn.Linear(widths[-1], outputs)

    @property
    def machines(self) -> list[RBM]:
        """The RBMs, the lowest first."""
        return [layer for layer in self.layers if isinstance(layer, RBM)]

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, outputs)."""
        logits: Tensor = self.linear(self.states(images)[-1])
        return logits

    def states(self, images: Tensor) -> list[Tensor]:
        """The mean (B, width) of each hidden layer."""
        out: list[Tensor] = []
        for rbm in self.machines:
            out.append(rbm.hidden_mean(out[-1] if out else rbm.flat(images)))
        return out

    def free_energy(self, images: Tensor) -> Tensor:
        """The free energy (B,) of the lowest RBM, which is the only exact one: that of the whole has no closed form."""
        return self.machines[0].free_energy(images)


def build(outputs: int = 2, shape: Sequence[int] = (1, 28, 28), widths: Sequence[int] = (256, 128, 64),
          visible: str = "binary") -> nn.Module:
    """The network. shape: channels, height and width. widths: of the hidden layers. visible: "binary" or "gaussian"."""
    return DBN(prod(shape), widths, visible, outputs)
