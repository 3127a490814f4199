"""Asks every check of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.registry import load, names

if TYPE_CHECKING:
    from xaimed.run import Run
    from xaimed.types import Finding


def run_checks(run: Run) -> list[Finding]:
    """The findings of all checks on a run, by code."""
    found: list[Finding] = [load("checks", name).CHECK.run(run) for name in names("checks")]
    return sorted(found, key=lambda finding: finding.code)
