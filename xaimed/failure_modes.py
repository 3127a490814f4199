"""Failure modes and effects: rows of a TOML file that a plan names, each tied to the checks that look for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from xaimed import registry
from xaimed.content import folder
from xaimed.errors import PlanError, unknown
from xaimed.settings import read_table, settings


@dataclass(frozen=True)
class Mode:
    """A failure mode. severity, detection: 1 to 5. checks: codes of the checks that look for it, may be none."""

    id: str
    part: str
    mode: str
    effect: str
    severity: int
    detection: int
    control: str
    checks: tuple[str, ...] = ()


def modes_of(rows: Iterable[object], where: str) -> tuple[Mode, ...]:
    """The failure modes of TOML tables. Raises PlanError for a bad row, two of one id, or a check that there is not."""
    found = tuple(settings(Mode, row, f"{where}: modes") for row in rows)
    codes = [registry.load("checks", name).CHECK.code for name in registry.names("checks")]
    seen: set[str] = set()
    for mode in found:
        scale = (mode.severity, mode.detection)
        if not all(type(value) is int and 1 <= value <= 5 for value in scale):
            raise PlanError(f"{where}: {mode.id}: severity {mode.severity!r}, detection {mode.detection!r}; expected "
                            "whole numbers from 1 to 5")
        odd = [code for code in mode.checks if code not in codes]
        if odd:
            raise PlanError(f"{where}: {mode.id}: {unknown('check', str(odd[0]), codes)}")
        if mode.id in seen:
            raise PlanError(f"{where}: two failure modes have the id {mode.id!r}; expected one of each")
        seen.add(mode.id)
    return found


def read_modes(path: Path) -> tuple[Mode, ...]:
    """The failure modes of a TOML file. Raises NotFound for no file, PlanError for a bad one or one without a row."""
    rows = read_table(path, "table of failure modes").get("modes", [])
    if not isinstance(rows, list) or not rows:
        raise PlanError(f"{path.name}: no [[modes]]; expected a table of failure modes")
    return modes_of(rows, path.name)


@cache
def usual_modes() -> tuple[Mode, ...]:
    """The failure modes that come with xaimed, audits/record/fmea.toml."""
    return read_modes(folder("audits") / "record" / "fmea.toml")
