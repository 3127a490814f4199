"""run_ladder: the audits of several models on the same cases, one run folder each, and what they say together.

Every model has the same plan, cases, draws of patients and primary method. A method that cannot explain a network (no
feature map, no evidence of its own) is left out of that network's run, and the table says why.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from xaimed.adapters.model import Model
from xaimed.audit import Audit, run_audit
from xaimed.data.dataset import Selection
from xaimed.data.split import manifest_digest
from xaimed.errors import InputError, PlanError, StoreError
from xaimed.metrics.rungs import Rung
from xaimed.plan import Plan, plan_text, positive_of
from xaimed.refusals import refused
from xaimed.run import Run

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class LadderAudit:
    """What is compared: models by name, easiest to read first, the cases of one split, the plan, and where it goes.

    out: a folder; each run lies in it under its model's name. provenance: what every run.json says besides.
    """

    models: Mapping[str, Model]
    cases: Selection
    plan: Plan
    out: Path
    provenance: Mapping[str, Any] = field(default_factory=dict)


def run_ladder(ladder: LadderAudit, progress: Callable[[str], Progress] | None = None) -> list[Rung]:
    """One rung a model, in the order given. A run that is finished is taken as it is, one that was cut off goes on.

    progress: gives a model's own progress. Raises PlanError for a primary method that is not among the plan's,
    StoreError for a finished run of another model, plan or data, and what an audit raises.
    """
    _check(ladder)
    rungs = []
    for name, model in ladder.models.items():
        missing = refused(model, ladder.cases, ladder.plan)
        audit = Audit(model, ladder.cases, _own_plan(ladder.plan, model, missing), ladder.out / name, True,
                      ladder.provenance)
        run = finished(audit) or run_audit(audit, progress(name) if progress else None)
        rungs.append(Rung(name, run, _parameters(model), missing))
    return rungs


def _check(ladder: LadderAudit) -> None:
    plan = ladder.plan
    if plan.ladder.primary not in plan.explaining.methods:
        raise PlanError(f"ladder.primary is {plan.ladder.primary!r}; expected one of the plan's methods "
                        f"({', '.join(plan.explaining.methods)}), set before the test")
    if len(ladder.models) < 2:
        raise InputError(f"{len(ladder.models)} models; expected two or more of one dataset")
    classes = {name: model.classes for name, model in ladder.models.items()}
    first = next(iter(classes))
    strange = [name for name, own in classes.items() if own != classes[first]]
    if strange:
        raise InputError(f"{strange[0]} has the classes {', '.join(classes[strange[0]])}, and {first} "
                         f"{', '.join(classes[first])}; expected models of one task")


def _own_plan(plan: Plan, model: Model, missing: Mapping[str, str]) -> Plan:
    methods = tuple(name for name in plan.explaining.methods if name not in missing)
    positive = positive_of(plan.judging.positive, model.classes, model.file.card)
    return replace(plan, explaining=replace(plan.explaining, methods=methods),
                   judging=replace(plan.judging, positive=positive))


def finished(audit: Audit) -> Run | None:
    """The run that is there already, or None. Raises StoreError where it is one of something else."""
    if not (audit.out / "run.json").is_file():
        return None
    run = Run.open(audit.out)
    wanted = {"model": audit.model.file.digest, "cases": manifest_digest(audit.cases.rows),
              "plan": tomllib.loads(plan_text(audit.plan))}
    found = {"model": run.meta["model"]["digest"], "cases": run.meta["data"].get("selection"), "plan": run.plan}
    other = [key for key in wanted if wanted[key] != found[key]]
    if other:
        raise StoreError(f"{audit.out}: a run with another {', '.join(other)}; expected the same as now: give another "
                         "--out, or remove that folder")
    return run


def _parameters(model: Model) -> int:
    """The numbers in the model file that were learnt or fitted."""
    return sum(value.numel() for value in model.file.state.values() if value.is_floating_point())
