"""Mirrored: left and right exchanged, as of the other side or a film laid the wrong way round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xaimed.imaging.geometry import mirror
from xaimed.probes.moved import Moved
from xaimed.probes.probe import Level, Setting
from xaimed.types import Case, Matrix


@dataclass(frozen=True)
class Mirrored(Moved):
    """The mirror image from left to right; letters in it are reversed too."""

    name: ClassVar[str] = "mirrored"
    says: ClassVar[str] = "left and right exchanged"
    unit: ClassVar[str] = "direction"
    levels: ClassVar[tuple[Level, ...]] = ("sideways",)
    words: ClassVar[tuple[str, ...]] = ("sideways",)

    def motion(self, case: Case, setting: Setting) -> Matrix:
        """The flip from left to right."""
        del setting
        return mirror(float(case.width))


PROBE = Mirrored()
