"""What is known of an audit before its first case: criteria that it cannot answer are refused then."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from xaimed.errors import PlanError, unknown
from xaimed.metrics.criteria import criteria_of
from xaimed.metrics.vocabulary import Audited, groups_of, refuse_unknown
from xaimed.plan import Judging, Plan, positive_of

if TYPE_CHECKING:
    from xaimed.adapters.modelfile import ModelFile
    from xaimed.data.dataset import Selection
    from xaimed.data.scoresheet import Scoresheet


def of_model(file: ModelFile, cases: Selection, plan: Plan) -> Audited:
    """What is known of the audit of a model by a plan on some cases."""
    classes = tuple(file.classes)
    rows = cases.rows or cases.dataset.rows
    return Audited(file.task, positive_of(plan.judging.positive, classes, file.card), classes,
                   groups_of(row.groups for row in rows), prevalence=plan.judging.prevalence,
                   hit_rules=plan.judging.hit_rules)


def of_sheet(sheet: Scoresheet, judging: Judging) -> Audited:
    """What is known of the audit of tables."""
    kinds = [str(name) for name in sheet.cases if str(name).startswith("group_")]
    rows = ({name.removeprefix("group_"): str(row[name]) for name in kinds}
            for row in sheet.cases.to_dict("records"))
    return Audited(sheet.task, sheet.positive, sheet.classes, groups_of(rows), tuple(sheet.models),
                   tuple(sheet.readers), judging.prevalence, judging.hit_rules)


def check_parameters(plan: Plan) -> None:
    """Raise PlanError for a parameter that a method of the plan does not have, with those that it has."""
    from xaimed.explain import method_of

    for name, given in plan.explaining.parameters.items():
        known = [field.name for field in fields(method_of(name)) if field.init]
        for key in given:
            if key not in known:
                raise PlanError(f"explaining.parameters.{name}: {unknown('parameter', str(key), known)}")


def check_criteria(given: str | None, plan: Plan, audited: Audited) -> None:
    """Raise PlanError for a criterion of the user's own plan file that names no measure which there can be.

    Of a model also for a parameter that a method of the plan does not have.

    given: the plan as it was named. Those that come with xaimed are for models of many classes: what they ask of other
    ones is NOT ASSESSED.
    """
    if not audited.models:
        check_parameters(plan)
    if Path(given or "").suffix == ".toml":
        refuse_unknown(criteria_of({"criteria": plan.criteria}), audited)
