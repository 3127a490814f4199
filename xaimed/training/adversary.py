"""The two losses of a generator and its discriminator, each with gradients for its own network alone.

So one step of one optimiser on their sum moves both at once. Goodfellow I et al. (2014), arXiv:1406.2661, with the
generator's loss that does not saturate.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def telling(critic: nn.Module, real: Tensor, made: Tensor, certain: float = 1.0) -> Tensor:
    """The mean cross-entropy of the critic on real and made images; no gradient reaches who made them.

    certain: what is wanted for real images, 1 or a little less: Salimans T et al. (2016), arXiv:1606.03498.
    """
    right, wrong = critic(real), critic(made.detach())
    return (functional.binary_cross_entropy_with_logits(right, torch.full_like(right, certain))
            + functional.binary_cross_entropy_with_logits(wrong, torch.zeros_like(wrong))) / 2


def fooling(critic: nn.Module, made: Tensor) -> Tensor:
    """The mean cross-entropy of the critic on made images that it should take for real; the critic gets no gradient."""
    still = {name: weight.detach() for name, weight in critic.named_parameters()}
    logits = torch.func.functional_call(critic, still, (made,))
    return functional.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
