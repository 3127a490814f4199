"""Which methods of a plan cannot explain a model (no feature map, no gradient), and which one it brings itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from xaimed.adapters.model import Model
from xaimed.attribution.method import Method
from xaimed.attribution.own_evidence import OwnEvidence
from xaimed.audit import explained_cases, methods_of
from xaimed.data.dataset import Selection
from xaimed.errors import ModelError, TargetError
from xaimed.patches import gives_evidence
from xaimed.plan import Plan
from xaimed.scene import Scene


def offered(model: Model, plan: Plan) -> Plan:
    """The plan with the network's own evidence among its methods, where the network gives such a map."""
    name, methods = OwnEvidence.name, plan.explaining.methods
    if not methods or name in methods or not gives_evidence(model.network):
        return plan
    return replace(plan, explaining=replace(plan.explaining, methods=(name, *methods)))


def refused(model: Model, cases: Selection, plan: Plan) -> dict[str, str]:
    """Why each method that cannot explain the model cannot, by its name; asked on the first case that is explained."""
    wanted = explained_cases(cases, plan)[0]
    case = cases[[row.case for row in cases.rows].index(wanted)]
    scenes = model.scenes(case, model.targets(case, model.predict([case])[0])[:1])
    return {method.name: why for method in methods_of(plan) if scenes and (why := _refusal(method, scenes))}


def _refusal(method: Method, scenes: Sequence[Scene]) -> str:
    try:
        method.attribute_all(scenes)
    except (ModelError, TargetError) as error:
        return str(error)
    return ""
