"""Every check has a stable code of its own and gives a Finding on any run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from tests.contracts.plugins import every
from xaimed import registry
from xaimed.run import Run
from xaimed.types import Finding, Outcome, Severity


def test_the_codes_are_unique() -> None:
    codes = [registry.load("checks", name).CHECK.code for name in registry.names("checks")]
    assert len(codes) == len(set(codes))


@every("checks")
def test_it_says_what_it_asks(name: str) -> None:
    check = registry.load("checks", name).CHECK
    assert re.fullmatch(r"XM\d{3}", check.code)
    assert check.title
    assert check.severity in get_args(Severity)


@every("checks")
def test_its_finding_stands_on_its_own(name: str, example_run: Path) -> None:
    check = registry.load("checks", name).CHECK
    finding = check.run(Run.open(example_run))
    assert isinstance(finding, Finding)
    assert (finding.code, finding.title, finding.severity) == (check.code, check.title, check.severity)
    assert finding.outcome in get_args(Outcome)
    assert len(finding.statement) > 20
    assert finding == check.run(Run.open(example_run))
