"""What is known of an audit before its first case: criteria that it cannot answer are refused then."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from xaimed.metrics.criteria import criteria_of
from xaimed.metrics.vocabulary import Audited, groups_of, refuse_unknown
from xaimed.plan import Plan, positive_of

if TYPE_CHECKING:
    from xaimed.adapters.modelfile import ModelFile
    from xaimed.data.dataset import Selection
    from xaimed.data.scoresheet import Scoresheet


def of_model(file: ModelFile, cases: Selection, plan: Plan) -> Audited:
    """What is known of the audit of a model by a plan on some cases."""
    classes = tuple(file.classes)
    rows = cases.rows or cases.dataset.rows
    return Audited(file.task, positive_of(plan.judging.positive, classes, file.card), classes,
                   groups_of(row.groups for row in rows), prevalence=plan.judging.prevalence)


def of_sheet(sheet: Scoresheet, prevalence: float | None) -> Audited:
    """What is known of the audit of tables. prevalence: of the place of use, or None."""
    kinds = [str(name) for name in sheet.cases if str(name).startswith("group_")]
    rows = ({name.removeprefix("group_"): str(row[name]) for name in kinds}
            for row in sheet.cases.to_dict("records"))
    return Audited(sheet.task, sheet.positive, sheet.classes, groups_of(rows), tuple(sheet.models),
                   tuple(sheet.readers), prevalence)


def check_criteria(given: str | None, plan: Plan, audited: Audited) -> None:
    """Raise PlanError for a criterion of the user's own plan file that names no measure which there can be.

    given: the plan as it was named. Those that come with xaimed are for models of many classes: what they ask of other
    ones is NOT ASSESSED.
    """
    if Path(given or "").suffix == ".toml":
        refuse_unknown(criteria_of({"criteria": plan.criteria}), audited)
