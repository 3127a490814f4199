"""A discriminator: how real an image looks to it is the scalar of its scenes."""

from __future__ import annotations

from xaimed.adapters.whole import Seen, WholeImage
from xaimed.target_names import place_name
from xaimed.targets import Scalar, Target, realness
from xaimed.types import Prediction


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


ADAPTER = Discriminator
