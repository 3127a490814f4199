"""Moved: what the probes that move pixels share."""

from __future__ import annotations

from dataclasses import dataclass

from xaimed.probes.motion import moved
from xaimed.probes.probe import Probe, Setting
from xaimed.types import Case


@dataclass(frozen=True)
class Moved(Probe):
    """A probe that is a motion: it overrides `motion` alone, and the reference moves with the pixels."""

    def change(self, case: Case, setting: Setting) -> Case:
        """The moved case."""
        return moved(case, self.motion(case, setting))
