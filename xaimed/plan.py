"""The plan of an audit: what is asked, set down before the run; read from TOML, unknown keys are refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from xaimed.content import folder
from xaimed.errors import InputError, NotFound, PlanError, unknown
from xaimed.failure_modes import modes_of, read_modes
from xaimed.imaging.preprocessing import preprocessing_of
from xaimed.metrics.criteria import KEYS, Rules, criteria_of, rules_of
from xaimed.metrics.explaining import explanation_metrics
from xaimed.metrics.matching import HIT_RULES, hit_test
from xaimed.metrics.yard import Yard
from xaimed.probes.schedule import Schedule, labels_of, schedule_of
from xaimed.registry import names
from xaimed.settings import read_table, settings

LEAST_RESAMPLES = 20  # of fewer the 2.5 % limits are not even between two draws
MOST_SEED = 2**32 - 1


@dataclass(frozen=True)
class Judging:
    """How the model is judged; see metrics.judging.JudgeOptions. positive: "" for the model's own (`positive_of`).

    prevalence: share of positives where the model will be used, in (0, 1): predictive values are given for it too.
    margin: by how much of AUC a model may be worse than the ones it is compared with and still not be inferior, in
    (0, 1). Both are set before the data are seen; None where nobody set them. resamples: of the bootstrap, at least
    LEAST_RESAMPLES. smallest_cell: at least 1.
    """

    hit_rules: tuple[str, ...] = tuple(HIT_RULES)
    resamples: int = 2000
    positive: str = ""
    smallest_cell: int = 10
    prevalence: float | None = None
    margin: float | None = None


@dataclass(frozen=True)
class Explaining:
    """How the model is explained. methods: plug-in names. parameters: fields of a method by its name.

    metrics: plug-in names of explanation metrics, empty for all; metric_parameters: their fields by name.
    gate_scenes: how many targets the sanity gate looks at, 0 switches it off; gate_stages: in how many steps it
    randomises from the output down; gate_alone: in how many parts it does so one part at a time, 0 for not at all.
    targets: at most so many targets a case, best score first, 0 for all. cases: at most so many cases are explained,
    evenly spread, 0 for all; the others are judged alone. axis: how its null and ceiling are measured.
    """

    methods: tuple[str, ...] = ("grad_cam", "integrated_gradients", "gradient_shap", "kernel_shap", "random_map")
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    metric_parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    gate_scenes: int = 8
    gate_stages: int = 4
    gate_alone: int = 0
    targets: int = 0
    cases: int = 0
    axis: Yard = field(default_factory=Yard)


@dataclass(frozen=True)
class Ladder:
    """Several models on the same cases of one dataset. steps: names of models, from the one that is easiest to read on.

    primary: the method by which the models are compared, the same for all and set before the test.
    """

    dataset: str = ""
    steps: tuple[str, ...] = ()
    primary: str = ""


@dataclass(frozen=True)
class Scope:
    """What only people can say of the model's use, for the report; an empty text prints NOT ASSESSED.

    population: of whom, where, with what disease and share of it. users: who reads the output, and how trained.
    setting: where in the pathway. out_of_scope: what it must not be used for. reference_standard: how the truth was
    found, and by whom. sample_size: why so many cases. missing: how missing and indeterminate outputs count.
    oversight: who may overrule it, and how. risks: what remains. monitoring: what is watched and what sets off action.
    """

    population: str = ""
    users: str = ""
    setting: str = ""
    out_of_scope: str = ""
    reference_standard: str = ""
    sample_size: str = ""
    missing: str = ""
    oversight: str = ""
    risks: tuple[str, ...] = ()
    monitoring: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """An audit plan. criteria: tables of name, at_least or at_most, and optionally rule, group, on, endpoint and why.

    verdict: the rules by which the verdict follows, as metrics.criteria says.

    seed: of every draw, in [0, MOST_SEED]; PlanError for another.
    preprocessing: keys that replace those of the model's own preprocessing, for example filters.median = 0.
    ladder: what `audit --all` compares; an audit of one model leaves it aside.
    probes: the conditions under which the model is asked again; none if nothing is said.
    failure_modes: rows of the table of failure modes and effects, see failure_modes.Mode; in a file also the path, from
    the plan's folder, of a TOML file that holds them as [[modes]]. None for those that come with xaimed.
    """

    name: str = "quick"
    purpose: str = "NOT ASSESSED: no purpose was set down"
    intended_use: str = "NOT ASSESSED: no intended use was set down"
    split: str = "test"
    seed: int = 0
    judging: Judging = field(default_factory=Judging)
    explaining: Explaining = field(default_factory=Explaining)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    scope: Scope = field(default_factory=Scope)
    verdict: Mapping[str, Any] = field(default_factory=lambda: {k: list(v) for k, v in asdict(Rules()).items()})
    criteria: tuple[Mapping[str, Any], ...] = ()
    ladder: Ladder = field(default_factory=Ladder)
    probes: Schedule = field(default_factory=Schedule)
    failure_modes: tuple[Mapping[str, Any], ...] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= MOST_SEED:
            raise PlanError(f"seed = {self.seed}; expected a whole number from 0 to {MOST_SEED}")


def open_plan(name: str) -> Plan:
    """The plan of a name in `audits/` ("quick", "full") or of a TOML file.

    Raises NotFound with the names that there are, PlanError for bad TOML or an unknown key.
    """
    path = Path(name)
    if path.suffix != ".toml":
        plans = {p.stem: p for p in sorted(folder("audits").glob("*.toml"))}
        if name not in plans:
            raise unknown("plan", name, plans)
        path = plans[name]
    return plan_of(read_table(path, "plan; 'xaimed list plans' names those that come with xaimed"), path.parent)


def plan_for(task: str, architecture: str = "") -> str:
    """The name of the plan that an audit takes by itself for a task: "quick" for detection, else quick-TASK.

    quick-TASK-ARCHITECTURE where there is one, for a network whose passes are too dear for the plan of its task.
    """
    own = f"quick-{'classification' if task == 'multilabel' else task}"
    wanted = [f"{own}-{architecture.replace('_', '-')}", own]
    return next((name for name in wanted if (folder("audits") / f"{name}.toml").is_file()), "quick")


def positive_of(given: str, classes: Sequence[str], card: Mapping[str, Any]) -> str:
    """The class to be found: the plan's, else "malignant" if the model has it, else its card's, else its last.

    "" for a model without classes. Raises PlanError for one that the model does not have.
    """
    if given and given not in classes:
        raise PlanError(f"judging.positive is {given!r}, and the model's classes are {', '.join(classes) or 'none'}; "
                        "expected one of them: set it in the plan")
    known = [name for name in (given, "malignant", str(card.get("positive", "")), *classes[-1:]) if name in classes]
    return known[0] if known else ""


def suited(plan: Plan, classes: Sequence[str], card: Mapping[str, Any]) -> Plan:
    """A plan that nobody named, with a class of the model's own to be found where the model has none of its name."""
    given = plan.judging.positive
    if not given or not classes or given in classes:
        return plan
    own = positive_of("", classes, card)
    criteria = tuple({**one, "name": str(one["name"]).replace(f" {given}", f" {own}")} for one in plan.criteria)
    return replace(plan, judging=replace(plan.judging, positive=own), criteria=criteria)


def plan_of(table: Mapping[str, Any], beside: Path | None = None) -> Plan:
    """The plan of a parsed TOML table. beside: the folder from which it names other files, by default the present."""
    values = dict(table)
    if values.get("failure_modes") not in (None, "none"):
        values["failure_modes"] = _failure_modes(values["failure_modes"], beside or Path())
    values["judging"] = settings(Judging, values.get("judging", {}), "judging")
    values["scope"] = settings(Scope, values.get("scope", {}), "scope")
    values["verdict"] = {key: list(v) for key, v in asdict(rules_of(values)).items()}
    values["explaining"] = _explaining(values.get("explaining", {}))
    values["ladder"] = settings(Ladder, values.get("ladder", {}), "ladder")
    values["probes"] = schedule_of(values.get("probes", {}))
    plan = settings(Plan, values, "plan")
    _refuse_odd_judging(plan.judging)
    _refuse_negative(plan.explaining)
    _refuse_unknown_methods(plan.explaining)
    _refuse_unknown_metrics(plan.explaining)
    preprocessing_of(plan.preprocessing)
    for criterion in plan.criteria:
        _refuse_unknown_keys(criterion)
    known = labels_of({"probes": asdict(plan.probes)})
    for read in criteria_of({"criteria": plan.criteria}):
        if read.probe and read.probe not in known:
            raise PlanError(str(unknown("probe in criteria", read.probe, known)))
    return plan


def _failure_modes(given: object, beside: Path) -> tuple[Mapping[str, Any], ...]:
    """The rows themselves, so that a run's plan holds them wherever the file is later."""
    if isinstance(given, str):
        found = read_modes(beside / given)
    elif isinstance(given, list | tuple):
        found = modes_of(given, "failure_modes")
    else:
        raise PlanError(f"failure_modes = {given!r}; expected the path of a TOML file, or tables")
    return tuple({key: list(v) if isinstance(v, tuple) else v for key, v in asdict(mode).items()} for mode in found)


def _explaining(table: object) -> Explaining:
    if isinstance(table, Mapping) and "axis" in table:
        table = {**table, "axis": settings(Yard, table["axis"], "explaining.axis")}
    return settings(Explaining, table, "explaining")


def plan_text(plan: Plan) -> str:
    """The plan as TOML with every default spelled out."""
    import tomli_w

    return tomli_w.dumps(_plain(dataclasses.asdict(plan)))


def _refuse_no_share(name: str, value: object) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1):
        raise PlanError(f"judging.{name} = {value!r}; expected a number between 0 and 1, without either")


def _refuse_odd_judging(judging: Judging) -> None:
    for name in ("prevalence", "margin"):
        _refuse_no_share(name, getattr(judging, name))
    for name, least in (("resamples", LEAST_RESAMPLES), ("smallest_cell", 1)):
        if getattr(judging, name) < least:
            raise PlanError(f"judging.{name} = {getattr(judging, name)}; expected {least} or more")
    if not judging.hit_rules:
        raise PlanError(f"judging.hit_rules is empty; expected one of {', '.join(HIT_RULES)}, or another")
    for rule in judging.hit_rules:
        try:
            hit_test(str(rule))
        except NotFound as error:
            raise PlanError(f"judging.hit_rules: {error}") from error


def _refuse_negative(explaining: Explaining) -> None:
    for name in ("gate_scenes", "gate_stages", "gate_alone", "targets", "cases"):
        if getattr(explaining, name) < 0:
            raise PlanError(f"explaining.{name} = {getattr(explaining, name)}; expected 0 or more")


def _refuse_unknown_methods(explaining: Explaining) -> None:
    known = names("attribution")
    for where, given in (("methods", explaining.methods), ("parameters", explaining.parameters)):
        for name in given:
            if str(name).replace("-", "_") not in known:
                raise PlanError(f"explaining.{where}: {unknown('attribution method', str(name), known)}")


def _refuse_unknown_metrics(explaining: Explaining) -> None:
    """The metrics of maps that are named, and their fields, so that no case is looked at before one is refused."""
    chosen = list(dict.fromkeys([*explaining.metrics, *explaining.metric_parameters]))
    if chosen:
        try:
            explanation_metrics(chosen, explaining.metric_parameters)
        except (NotFound, InputError) as error:
            raise PlanError(f"explaining.metrics: {error}") from error


def _refuse_unknown_keys(criterion: object) -> None:
    for key in criterion if isinstance(criterion, Mapping) else ():
        if key not in KEYS:
            raise PlanError(str(unknown("key in criteria", key, KEYS)))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in value.items() if v is not None}
    return [_plain(v) for v in value] if isinstance(value, tuple | list) else value
