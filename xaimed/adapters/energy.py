"""An energy-based model, such as a restricted Boltzmann machine: the scalar is the free energy of the image."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from xaimed.adapters.whole import Seen, WholeImage
from xaimed.target_names import place_name
from xaimed.targets import Scalar, Target, free_energy
from xaimed.types import Prediction


class Energy(WholeImage):
    """A network that gives the free energy (B,) of images (B, C, h, w), as a Model.

    If the network has a method `free_energy` it is asked instead of `forward`. A free energy has no natural zero: the
    image gets a score in [0, 1], for its only class or "energy", with a slope and an intercept for "energy" in the
    file's calibration alone.
    """

    kind = "energy"

    def output(self, images: Tensor) -> Tensor:
        """The free energy (B,)."""
        energy = getattr(self.network, "free_energy", None)
        shown = self.normalised(images)
        found: Tensor = energy(shown) if callable(energy) else self.network(shown)
        return free_energy(found)

    def prediction(self, seen: Seen) -> Prediction:
        """The calibrated score of the class, or none."""
        line = self.file.calibration.get("energy")
        if not line:
            return Prediction(seen.case.id)
        label = self.classes[0] if self.classes else "energy"
        logit = float(line["slope"]) * float(seen.output[0]) + float(line["intercept"])
        return Prediction(seen.case.id, scores={label: 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))})

    def shown(self, seen: Seen) -> list[Target]:
        """The free energy."""
        del seen
        return [Target("energy", "energy")]

    def named(self, seen: Seen, name: str) -> Target:
        """The target "energy"."""
        del seen
        place_name(name, ("energy",), (0,))
        return Target(name, "energy")

    def scalar(self, seen: Seen, target: Target) -> Scalar:
        """The free energy F; the likeness is exp(-slope * |F - F before|) with the slope of the calibration.

        Without one it is exp(F before - F), the relative density of the image, at most 1: a few nats are much then.
        """
        before, line = seen.output.detach(), self.file.calibration.get("energy")
        if not line:
            return Scalar(target, _first, lambda _, output: torch.exp((before - output).clamp(max=0.0)))
        slope = abs(float(line["slope"]))
        return Scalar(target, _first, lambda _, output: torch.exp(-slope * (output - before).abs()))


def _first(images: Tensor, output: Tensor) -> Tensor:
    del images
    return output


ADAPTER = Energy
