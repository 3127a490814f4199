"""The check of copies on runs that copy, that do not, that make nothing alike, and that make nothing at all."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from xaimed.checks import memorisation as check
from xaimed.metrics import memorisation as metric
from xaimed.report.sections.memorisation import section
from xaimed.stats import Estimate, Results
from xaimed.types import Outcome

Limits = tuple[float, float, float]


def run_of(nearer: Limits | None, origin: Limits | None) -> Any:
    found = [Estimate(name, *limits) for name, limits in ((metric.NEARER, nearer), (metric.ORIGIN, origin))
             if limits is not None]
    return cast(Any, SimpleNamespace(results=Results(tuple(found), {})))


@pytest.mark.parametrize(("nearer", "origin", "outcome"), [
    ((0.9, 0.8, 0.95), (0.8, 0.7, 0.9), "fail"),
    ((0.5, 0.4, 0.6), (0.7, 0.6, 0.8), "fail"),
    ((0.5, 0.4, 0.6), (0.5, 0.4, 0.6), "pass"),
    ((0.2, 0.1, 0.3), (0.5, 0.4, 0.6), "concern"),
    (None, None, "not applicable")])
def test_outcomes(nearer: Limits | None, origin: Limits | None, outcome: Outcome) -> None:
    finding = check.CHECK.run(run_of(nearer, origin))
    assert finding.outcome == outcome
    if nearer:
        assert f"{nearer[0]:.2f} ({nearer[1]:.2f} to {nearer[2]:.2f})" in finding.statement


def test_the_check_reads_the_names_that_the_metric_writes() -> None:
    assert (check.NEARER, check.ORIGIN) == (metric.NEARER, metric.ORIGIN)


def test_the_section_stands_only_where_images_are_made() -> None:
    assert section(run_of(None, None)) == []
    parts = {name: [0.1, 0.2, 0.9] for name in ("quantile", *metric.DISTANCES)}
    run = cast(Any, SimpleNamespace(results=Results((), {"memorisation": parts})))
    heading, text, figure = section(run)
    assert "Memorisation" in repr(heading)
    assert figure.picture.data.startswith(b"<?xml")  # type: ignore[union-attr]
    assert "left of theirs" in repr(text)
