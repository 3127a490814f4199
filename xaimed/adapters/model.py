"""What an adapted model is: predictions in original pixels, and scenes for attribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from torch import nn

from xaimed.adapters.modelfile import ModelFile
from xaimed.imaging.preprocessing import Prepared
from xaimed.scene import Scene
from xaimed.targets import Target
from xaimed.types import Case, Prediction


@runtime_checkable
class Model(Protocol):
    """A network with its task, its classes and its way from a case to an input.

    file: what model.pt says. network: the module, in eval mode. classes: without background.
    """

    file: ModelFile
    network: nn.Module

    @property
    def task(self) -> str:
        """The task, which is the adapter's file name."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, without background."""

    def prepare(self, case: Case) -> Prepared:
        """The image as the network sees it."""

    def predict(self, cases: Sequence[Case]) -> list[Prediction]:
        """One prediction a case."""

    def targets(self, case: Case, prediction: Prediction) -> list[Target]:
        """What an audit explains: detections above the operating point and missed lesions, or classes."""

    def scenes(self, case: Case, targets: Sequence[Target | str] | None = None) -> list[Scene]:
        """One scene a target or its name; None stands for `targets(case, prediction)`."""

    def layers(self) -> Mapping[str, nn.Module]:
        """The layers whose output is a feature map, in order; the last is the default for CAM."""
