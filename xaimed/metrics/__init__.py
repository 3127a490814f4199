"""Metrics of models and of explanations: one file a metric, imported on use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xaimed.metrics.completeness import Completeness
    from xaimed.metrics.deletion import Deletion
    from xaimed.metrics.energy_in_lesion import EnergyInLesion
    from xaimed.metrics.energy_lift import EnergyLift
    from xaimed.metrics.explained import Explained
    from xaimed.metrics.explaining import measure
    from xaimed.metrics.insertion import Insertion
    from xaimed.metrics.pointing_game import PointingGame

__all__ = ["Completeness", "Deletion", "EnergyInLesion", "EnergyLift", "Explained", "Insertion",
           "PointingGame", "measure"]
ENGINE = frozenset({"axis", "criteria", "evidence", "explained", "explaining", "judged", "judging", "matching",
                    "removal"})
_HOMES = {"Completeness": "completeness", "Deletion": "deletion", "EnergyInLesion": "energy_in_lesion",
          "EnergyLift": "energy_lift", "Explained": "explained", "Insertion": "insertion",
          "PointingGame": "pointing_game", "measure": "explaining"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'xaimed.metrics' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"xaimed.metrics.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
