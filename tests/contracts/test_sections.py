"""Every report section gives blocks for any run, the same twice."""

from __future__ import annotations

from pathlib import Path

from tests.contracts.plugins import every
from xaimed import registry
from xaimed.report import blocks
from xaimed.run import Run


@every("report.sections")
def test_it_gives_blocks(name: str, example_run: Path) -> None:
    section = registry.load("report.sections", name).section
    found = section(Run.open(example_run))
    assert isinstance(found, list)
    assert all(type(block).__module__ == blocks.__name__ for block in found)
    assert repr(found) == repr(section(Run.open(example_run)))
