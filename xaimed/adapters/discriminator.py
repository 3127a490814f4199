"""A discriminator: how real an image looks to it is the scalar of its scenes; some make images of noise too."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from xaimed.adapters.whole import Seen, WholeImage
from xaimed.errors import ModelError
from xaimed.hooks import frozen
from xaimed.target_names import place_name
from xaimed.targets import Scalar, Target, realness
from xaimed.types import Floats, Prediction

AT_ONCE = 64


@runtime_checkable
class Making(Protocol):
    """A network whose forward tells real images from those that it makes itself."""

    discriminator: nn.Module

    def draw(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """(count, noise): noise to make images of."""
        ...

    def make(self, noise: Tensor) -> Tensor:
        """The images of noise, in the range that the network takes images in."""
        ...


class Discriminator(WholeImage):
    """A network that gives one logit an image, (B,) or (B, 1), or one a patch, (B, 1, h', w'), as a Model."""

    kind = "discriminator"

    def prediction(self, seen: Seen) -> Prediction:
        """The probability of "real"."""
        return Prediction(seen.case.id, scores={"real": float(realness(seen.output)[0].sigmoid())})

    def shown(self, seen: Seen) -> list[Target]:
        """The logit of "real"."""
        del seen
        return [Target("real", "real")]

    def named(self, seen: Seen, name: str) -> Target:
        """The target "real"."""
        del seen
        place_name(name, ("real",), (0,))
        return Target(name, "real")

    def scalar(self, seen: Seen, target: Target) -> Scalar:
        """The logit of "real", the mean over patches; the likeness is its probability."""
        del seen
        return Scalar(target, lambda _, output: realness(output), lambda _, output: realness(output).sigmoid())

    def made(self, count: int, seed: int = 0) -> Floats:
        """float32 (count, C, h, w) in [0, 1]: what the network makes; the same seed gives the same images.

        Raises ModelError for a network that makes no images.
        """
        network = self.network
        if not isinstance(network, Making):
            raise ModelError(f"architecture {self.file.architecture!r} makes no images; expected one with a generator, "
                             "such as dcgan")
        noise = network.draw(count, torch.Generator().manual_seed(seed))
        with torch.no_grad(), frozen(self.network):
            parts = [network.make(part) * self._deviation + self._mean for part in noise.split(AT_ONCE)]
        return np.asarray(torch.cat(parts).clamp(0, 1).cpu().numpy(), np.float32)

    def logits(self, images: Floats) -> Floats:
        """float32 (n,): the logit of "real" of prepared images (n, C, h, w) in [0, 1]."""
        given = torch.from_numpy(images).to(self.device, self._type)
        with torch.no_grad():
            return torch.cat([realness(self.output(part)) for part in given.split(AT_ONCE)]).cpu().numpy()


ADAPTER = Discriminator
