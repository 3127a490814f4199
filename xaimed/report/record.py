"""The crosswalk of standards: a table that people write, read from TOML, and what a run and its plan hold of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from xaimed.checks.subgroup_gap import OTHERS
from xaimed.content import folder
from xaimed.errors import PlanError
from xaimed.metrics.axis import CONTROLS, gate_of
from xaimed.metrics.probed import conditions
from xaimed.report.blocks import NOT_ASSESSED
from xaimed.report.contents import section_number
from xaimed.settings import read_table, settings

if TYPE_CHECKING:
    from xaimed.run import Run

Answer = Literal["met", "partly", "NOT ASSESSED"]
LINE = {"calibration slope", "calibration intercept"}
PASSED, UNANSWERED = ("pass",), ("NOT ASSESSED", "not applicable")


@dataclass(frozen=True)
class Item:
    """What a standard asks, by topic; needs: names of `held`, all of which make it met."""

    source: str
    topic: str
    section: str
    needs: tuple[str, ...]


@cache
def crosswalk(path: Path | None = None) -> tuple[Item, ...]:
    """The items of a TOML file, by default audits/record/crosswalk.toml. Raises PlanError for a bad row, NotFound
    for a section that no report has.
    """
    where = path or folder("audits") / "record" / "crosswalk.toml"
    rows = read_table(where, "crosswalk").get("items", [])
    found = tuple(settings(Item, row, f"{where.name}: items") for row in rows)
    for item in found:
        section_number(item.section)
        odd = [need for need in item.needs if need not in KNOWN]
        if odd:
            raise PlanError(f"{where.name}: {item.topic!r} needs {odd[0]!r}; expected of {', '.join(sorted(KNOWN))}")
    return found


def answer(item: Item, held_now: frozenset[str]) -> Answer:
    """met if the run holds all that the item needs, partly if some, else NOT ASSESSED."""
    found = [need in held_now for need in item.needs]
    return "met" if found and all(found) else "partly" if any(found) else "NOT ASSESSED"


def held(run: Run) -> frozenset[str]:
    """What a run and its plan hold, by the names that a crosswalk uses: what has a result, not what was only tried."""
    return frozenset(name for name, known in _facts(run).items() if known)


SCOPE = ("population", "users", "setting", "out_of_scope", "reference_standard", "sample_size", "missing", "oversight",
         "risks", "monitoring")


def _facts(run: Run) -> Mapping[str, bool]:
    model, data, scope = (_part(run.meta, "model"), _part(run.meta, "data"), _part(run.plan, "scope"))
    estimates = tuple(e for e in run.results.estimates if math.isfinite(e.value))
    outcomes = {finding.code: finding.outcome for finding in run.findings}
    told = {code for code, outcome in outcomes.items() if outcome not in UNANSWERED}
    return {
        **{f"scope.{name}": bool(scope.get(name)) for name in SCOPE},
        **{f"plan.{name}": given_text(run.plan.get(name)) for name in ("purpose", "intended_use")},
        "plan.hit_rules": bool(_part(run.plan, "judging").get("hit_rules")),
        **{f"model.{name}": bool(model.get(name)) for name in ("digest", "training", "card")},
        **{f"data.{name}": bool(data.get(name)) for name in ("name", "manifest")},
        "run.findings": bool(run.findings), "run.predictions": bool(len(run.predictions)),
        "run.pictured": run.pictured, "run.cases": bool(len(run.cases)), "data.dates": bool(data.get("dates")),
        "run.decision_curve": "decision" in run.results.curves, "run.truth": bool(len(run.truth)),
        "run.estimates": any(math.isfinite(e.low) for e in estimates),
        "run.groups": "XM501" in told and any("=" in e.group and not e.group.startswith(OTHERS) for e in estimates),
        "run.probes": bool(conditions(run)) and "XM601" in told,
        "run.maps": bool((run.scores["method"] != "").any()),
        "run.gate": any(gate_of(run.scores, name) != NOT_ASSESSED for name in _explainers(run)),
        "run.calibration": {e.name for e in estimates if math.isfinite(e.low)} >= LINE,
        "run.readers": any(e.group.startswith("reader=") for e in estimates),
        "run.log": bool(_part(run.meta, "log")), "run.versions": bool(run.meta.get("versions")),
        "run.hardware": bool(run.meta.get("hardware")), "run.independent": outcomes.get("XM101") in PASSED,
        "run.reuse": "XM105" in told,
        "run.comparison": any(e.name.startswith("non-inferiority") and NOT_ASSESSED not in e.rule for e in estimates),
        "signature.people": False}


def _explainers(run: Run) -> set[str]:
    """The methods that are no controls."""
    return {str(name) for name in run.scores["method"].dropna().unique() if name} - {*CONTROLS}


# Names of facts; _facts and this list are held together by a test.
KNOWN = frozenset({*(f"scope.{name}" for name in SCOPE), "plan.purpose", "plan.intended_use", "plan.hit_rules",
                   "model.digest", "model.training", "model.card", "data.name", "data.manifest", "data.dates",
                   "run.cases", "run.decision_curve", "run.findings",
                   "run.predictions", "run.pictured", "run.truth", "run.estimates", "run.groups", "run.probes",
                   "run.maps", "run.gate", "run.calibration", "run.readers", "run.log", "run.versions",
                   "run.hardware", "run.independent", "run.reuse", "run.comparison", "signature.people"})


def given_text(value: object) -> bool:
    """Whether somebody wrote a text that does not say NOT ASSESSED."""
    return isinstance(value, str) and bool(value) and NOT_ASSESSED not in value


def _part(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = table.get(name)
    return found if isinstance(found, Mapping) else {}
