"""Schedule: which probes a plan asks for, at which levels, on how many cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xaimed.errors import PlanError, unknown
from xaimed.probes.probe import Level, Probe, Setting, label_of
from xaimed.registry import load, names
from xaimed.settings import settings


@dataclass(frozen=True)
class Schedule:
    """The table [probes] of a plan. levels: for each probe by name its levels, an empty list for the probe's own.

    cases: at most so many, evenly spread, 0 for all. targets: on at most so many of these cases, evenly spread, the
    map of the best target is compared with that under the probe; 0 for none. method: the method of these maps.
    """

    cases: int = 0
    targets: int = 8
    method: str = "grad_cam"
    levels: Mapping[str, Sequence[Level]] = field(default_factory=dict)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Every probe at every level, in the order of the plan."""
        return tuple(Condition(probe_of(name), level) for name, levels in self.levels.items() for level in levels)

    def chosen(self, cases: Sequence[str]) -> tuple[str, ...]:
        """The cases that are asked, of all cases in their order; none where there is no probe."""
        return spread(cases, self.cases) if self.levels else ()

    def explained(self, cases: Sequence[str]) -> tuple[str, ...]:
        """Those of the asked cases whose map is compared."""
        return spread(self.chosen(cases), self.targets) if self.targets else ()


@dataclass(frozen=True)
class Condition:
    """A probe at one level."""

    probe: Probe
    level: Level

    @property
    def label(self) -> str:
        """Its name in the run's tables: "noise:0.05"."""
        return label_of(self.probe.name, self.level)

    def setting(self, seed: int) -> Setting:
        """The level with a seed."""
        return Setting(self.level, seed)


def probe_of(name: str) -> Probe:
    """The probe of a plug-in name. Raises PlanError with the nearest names."""
    if name not in names("probes"):
        raise PlanError(str(unknown("probe", name, names("probes"))))
    found: Probe = load("probes", name).PROBE
    return found


def schedule_of(table: object) -> Schedule:
    """The schedule of a parsed table with every level spelled out.

    Raises PlanError for an unknown key or probe, with the nearest name, or a level that the probe does not have.
    """
    given = settings(Schedule, table, "probes")
    if given.cases < 0 or given.targets < 0:
        raise PlanError(f"probes: cases {given.cases}, targets {given.targets}; expected 0 or more")
    if not isinstance(given.levels, Mapping):
        raise PlanError(f"probes.levels is {given.levels!r}; expected a table of probes and their levels")
    levels = {name: tuple(_levels(probe_of(name), value)) for name, value in given.levels.items()}
    if given.targets and levels:
        _check_method(given.method)
    return Schedule(given.cases, given.targets, given.method, levels)


def labels_of(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """The conditions that a stored plan asked for, in its order; none for a plan without probes."""
    table = plan.get("probes", {})
    levels = table.get("levels", {}) if isinstance(table, Mapping) else {}
    return tuple(label_of(str(name), level) for name, own in levels.items() for level in own)


def spread(cases: Sequence[str], most: int) -> tuple[str, ...]:
    """At most so many of the cases, evenly spread over their order; all for 0."""
    if not most or len(cases) <= most:
        return tuple(cases)
    return tuple(cases[i] for i in np.linspace(0, len(cases) - 1, most).round().astype(int))


def _levels(probe: Probe, given: object) -> Iterator[Level]:
    if not isinstance(given, list | tuple):
        raise PlanError(f"probes.levels.{probe.name} is {given!r}; expected a list, such as {list(probe.levels)}")
    for level in given or probe.levels:
        probe.check(level)
        yield level if isinstance(level, str) else float(level)


def _check_method(name: str) -> None:
    if name not in names("attribution"):
        raise PlanError(str(unknown("method", name, names("attribution"))))
