"""Metrics of models and of explanations: one file a metric, imported on use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xaimed.metrics.completeness import Completeness as Completeness
    from xaimed.metrics.deletion import Deletion as Deletion
    from xaimed.metrics.energy_in_lesion import EnergyInLesion as EnergyInLesion
    from xaimed.metrics.energy_lift import EnergyLift as EnergyLift
    from xaimed.metrics.explained import Explained as Explained
    from xaimed.metrics.explaining import measure as measure
    from xaimed.metrics.insertion import Insertion as Insertion
    from xaimed.metrics.pointing_game import PointingGame as PointingGame

ENGINE = frozenset({"axis", "criteria", "evidence", "explained", "explaining", "judged", "judging", "matching",
                    "removal"})


def __getattr__(name: str) -> Any:
    from xaimed.registry import classes

    if name == "measure":
        return importlib.import_module("xaimed.metrics.explaining").measure
    if name.startswith("_") or name not in classes("xaimed.metrics"):
        raise AttributeError(f"module 'xaimed.metrics' has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module(classes("xaimed.metrics")[name]), name)
    return value


def __dir__() -> list[str]:
    from xaimed.registry import classes

    return sorted(classes("xaimed.metrics"))
