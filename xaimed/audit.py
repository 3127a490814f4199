"""run_audit: the only orchestration. Predict, explain, measure, judge, check; the store keeps it all."""

from __future__ import annotations

import platform
import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import xaimed
from xaimed.adapters.model import Model
from xaimed.adapters.reference import reference_mask
from xaimed.adapters.replanned import with_preprocessing
from xaimed.adapters.structure import sides, structural
from xaimed.answers import DECIDING
from xaimed.attribution.method import Map, Method
from xaimed.checks.asking import run_checks
from xaimed.copying import Sampling, copying
from xaimed.curvefile import KeptCurve
from xaimed.data.dataset import Selection
from xaimed.data.split import manifest_digest
from xaimed.errors import InputError, PlanError
from xaimed.explain import maps_of, method_of
from xaimed.imaging.geometry import map_values
from xaimed.metrics.concordance import concordance
from xaimed.metrics.explaining import Ground, deletion_curves, explanation_metrics, measure_on
from xaimed.metrics.judging import JudgeOptions, judge
from xaimed.metrics.pixelwise import Pooling, measured, pooled
from xaimed.metrics.probed import CHANGE, probed
from xaimed.metrics.removal import Removal
from xaimed.metrics.tuning import tuned_thresholds
from xaimed.plan import Plan, plan_text, positive_of
from xaimed.probes.schedule import spread
from xaimed.probing import Answers, Prober
from xaimed.sanity import Gate, Known, gate
from xaimed.scene import Scene
from xaimed.software import code_digest, versions
from xaimed.stats import Results
from xaimed.store import MapEntry, Run, Store
from xaimed.surroundings import components
from xaimed.targets import Target
from xaimed.types import Case, Floats, Mask, Prediction, Score
from xaimed.yardsticks import Survey, faithfulness

Progress = Callable[[str, int, int], None]  # stage, done, total
TUNING = 24  # validation cases on which the thresholds of maps are chosen


@dataclass(frozen=True)
class Audit:
    """What is audited: a model, the cases of one split, a plan, and where the run goes.

    trained: maps that the gate need not make again, by case, target and method; filled while the cases are studied.
    """

    model: Model
    cases: Selection
    plan: Plan
    out: Path
    resume: bool = False
    provenance: Mapping[str, Any] = field(default_factory=dict)
    trained: dict[tuple[str, str, str], Map] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def gate_order(self) -> list[int]:
        """The cases as the gate takes them: of each patient one, then the others.

        Where no more cases are explained than the gate takes, these come first: their maps are there already.
        """
        rows, plan = self.cases.rows, self.plan.explaining
        first = {row.patient: index for index, row in reversed(list(enumerate(rows)))}
        few = explained_cases(self.cases, self.plan) if 0 < plan.cases <= plan.gate_scenes else ()
        return sorted(range(len(rows)), key=lambda i: (bool(few) and rows[i].case not in few,
                                                       first[rows[i].patient] != i))


class _Clock:
    """Seconds by stage, and since the clock was made."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.start = time.perf_counter()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start


def run_audit(audit: Audit, progress: Progress | None = None) -> Run:
    """The finished run. Raises XaimedError for anything that a user can mend; a cut-off run can be resumed."""
    say = progress or _silent
    clock = _Clock()
    methods = methods_of(audit.plan) if len(audit.cases) else ()
    audit = _tuned(_resolved(audit), methods)
    with Store.create(audit.out, plan_text(audit.plan), _meta(audit), audit.resume) as store:
        _study_cases(audit, store, methods, clock, say)
        with clock("gate"):
            extra = _gates(audit, store, methods, say)
        say("judging", 0, 1)
        run = _conclude(audit, store, extra, clock)
        say("judging", 1, 1)
    return run


def _resolved(audit: Audit) -> Audit:
    """The same with everything that the plan leaves to the model set down, and the model as the plan wants it."""
    file = audit.model.file
    positive = positive_of(audit.plan.judging.positive, file.classes, file.card)
    plan = replace(audit.plan, judging=replace(audit.plan.judging, positive=positive))
    return replace(audit, model=as_planned(audit.model, plan), plan=plan)


def _tuned(audit: Audit, methods: Sequence[Method]) -> Audit:
    """The same with the threshold of each method's maps chosen on validation cases, where the plan measures IoU.

    Where there is no validation case with a reference lesion it stays at half of the maximum, as the metric says.
    """
    plan = audit.plan.explaining
    given = plan.metric_parameters.get("iou", {})
    if not methods or "iou" not in (plan.metrics or ("iou",)) or "thresholds" in given:
        return audit
    rows = audit.cases.dataset.rows
    cases = (audit.cases.dataset[i] for i in [i for i, row in enumerate(rows) if row.split == "val"][:TUNING])
    try:
        chosen = tuned_thresholds(audit.model, cases, methods)
    except InputError:
        return audit
    parameters = {**plan.metric_parameters, "iou": {**given, "thresholds": chosen}}
    return replace(audit, plan=replace(audit.plan, explaining=replace(plan, metric_parameters=parameters)))


def as_planned(model: Model, plan: Plan) -> Model:
    """The model with the preprocessing that the plan sets in place of its own; the same model if it sets none.

    Raises PlanError for a step that does not exist.
    """
    return with_preprocessing(model, plan.preprocessing) if plan.preprocessing else model


def _silent(stage: str, done: int, total: int) -> None:
    del stage, done, total


def methods_of(plan: Plan) -> tuple[Method, ...]:
    """The methods of a plan with its parameters. Raises PlanError for a parameter that a method does not have."""
    out = []
    for name in plan.explaining.methods:
        method = method_of(name)
        try:
            out.append(replace(method, **plan.explaining.parameters.get(name, {})))
        except TypeError as error:
            raise PlanError(f"explaining.parameters.{name}: {error}; expected fields of {method!r}") from error
    return tuple(out)


def settings_of(method: Method) -> dict[str, Any]:
    """The settings of a method as they are used, defaults too: those that are names, numbers, or lists of them."""
    known = {one.name: getattr(method, one.name) for one in fields(method)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in known.items()
            if isinstance(value, str | int | float | tuple | None)}


def _study_cases(audit: Audit, store: Store, methods: Sequence[Method], clock: _Clock, say: Progress) -> None:
    total = len(audit.cases)
    for index, row in enumerate(audit.cases.rows):
        say("cases", index, total)
        if row.case not in store.done:
            _study(audit, store, audit.cases[index], methods, clock)
    say("cases", total, total)


def _study(audit: Audit, store: Store, case: Case, methods: Sequence[Method], clock: _Clock) -> None:
    with clock("predict"):
        prediction = audit.model.predict([case])[0]
    plan = audit.plan.explaining
    entries: list[tuple[MapEntry, Floats]] = []
    scores: list[Score] = []
    curves: list[KeptCurve] = []
    additive = {method.name for method in methods if method.additive}
    with clock("explain"):
        targets = _limited(audit, case, prediction)
        tissue = tissue_of(audit.model, case)
        scenes = audit.model.scenes(case, targets)
        maps = maps_of(scenes, methods)
        _keep(audit, scenes, maps)
        for target, scene, found in zip(targets, scenes, maps, strict=True):
            chosen = explanation_metrics(plan.metrics or None, plan.metric_parameters)
            removal = Removal(scene)
            scores += measure_on(scene, found, _ground(case, target, targets, tissue, methods), chosen, removal)
            scores += concordance(scene, found)
            curves += [curve for curve in deletion_curves(removal, found, chosen) if curve.method != "random_map"]
            entries += [(_entry(target, name, m.note, m.facts, prediction), scene.laid(m.values, name in additive))
                        for name, m in found.items() if name != "random_map"]
    scores += [*structural(audit.model, case, targets), *measured(case, prediction)]
    prediction = replace(prediction, dense={**prediction.dense, **sides(audit.model, case, targets)})
    with clock("probes"):
        answers = _probed(audit, case, prediction, methods)
    store.add_case(case, replace(prediction, probed=answers.predictions), entries, [*scores, *answers.scores], curves)
    store.log("case", {"case": case.id, "targets": len(targets)})


def _keep(audit: Audit, scenes: Sequence[Scene], maps: Sequence[Mapping[str, Map]]) -> None:
    """Keep the maps of a case that the gate looks at too; those of several targets may have shared their passes."""
    wanted = [audit.cases.rows[index].case for index in audit.gate_order[:audit.plan.explaining.gate_scenes]]
    if len(scenes) == 1 and scenes[0].case in wanted:
        audit.trained.update({(scenes[0].case, scenes[0].target, name): found for name, found in maps[0].items()})


def _probed(audit: Audit, case: Case, prediction: Prediction, methods: Sequence[Method]) -> Answers:
    """What the model says of the case under the plan's probes, if the plan asks it of this case."""
    plan, names = audit.plan.probes, [row.case for row in audit.cases.rows]
    if case.id not in plan.chosen(names):
        return Answers()
    method = next((m for m in methods if m.name == plan.method), None) or method_of(plan.method)
    return Prober(audit.model, plan, audit.plan.seed, method).ask(case, prediction, case.id in plan.explained(names))


def _ground(case: Case, target: Target, targets: Sequence[Target], tissue: Mask, methods: Sequence[Method]) -> Ground:
    """What is known of the image round one of its targets."""
    lesions = [reference_mask(case, other) for other in targets if other is not target]
    others = [lesion for lesion in lesions if lesion is not None]
    return Ground(reference_mask(case, target), tissue, np.any(others, axis=0) if others else None,
                  methods={method.name: method for method in methods}, markers=case.markers)


def _limited(audit: Audit, case: Case, prediction: Prediction) -> list[Target]:
    targets = audit.model.targets(case, prediction)
    limit = audit.plan.explaining.targets
    wanted = audit.plan.explaining.methods and case.id in explained_cases(audit.cases, audit.plan)
    return list(targets[:limit] if limit else targets) if wanted else []


def explained_cases(cases: Selection, plan: Plan) -> tuple[str, ...]:
    """The cases that are explained: all, or as many as the plan says, evenly spread over their order."""
    return spread([row.case for row in cases.rows], plan.explaining.cases)


def tissue_of(model: Model, case: Case) -> Mask:
    """bool (H, W): the tissue that the model's preprocessing found, in original pixels."""
    prepared = model.prepare(case)
    height, width = prepared.size
    inside = prepared.tissue[:height, :width].astype(np.float32)
    return map_values(inside, prepared.affine, prepared.shape) > 0.5


def _entry(target: Target, method: str, note: str, facts: Mapping[str, float], prediction: Prediction) -> MapEntry:
    whole = prediction.scores.get(target.name, prediction.scores.get(target.label, float("nan")))
    missing = whole if target.box is None else float("nan")
    score = next((d.score for d in prediction.detections if d.name == target.name), missing)
    return MapEntry(target.name, method, note, dict(facts), target.label, score, target.box)


def _gates(audit: Audit, store: Store, methods: Sequence[Method], say: Progress) -> list[Score]:
    """The rows of the sanity gate of every method, on detections spread over the cases, and of the axis' two ends."""
    plan = audit.plan.explaining
    rows = _yardsticks(audit, store, methods, say) if methods and plan.axis.donors else []
    if not plan.gate_scenes or not methods:
        return rows
    scenes, rivals = _gate_scenes(audit, plan.gate_scenes)
    rules = Gate(stages=plan.gate_stages, alone=plan.gate_alone)
    for index, method in enumerate(methods):
        say("sanity gate", index, len(methods))
        known = {(case, target): found for (case, target, name), found in audit.trained.items() if name == method.name}
        found = gate(scenes, Known(method, known), audit.plan.seed, rules, rivals)
        rows += found.rows
        store.log("gate", {"method": method.name, "statement": found.statement})
    say("sanity gate", len(methods), len(methods))
    return rows


def _yardsticks(audit: Audit, store: Store, methods: Sequence[Method], say: Progress) -> list[Score]:
    plan = audit.plan.explaining
    metrics = faithfulness(plan.metrics, plan.metric_parameters)
    return Survey(audit.model, audit.cases, store.draft(), methods, metrics, plan.axis).rows(say)


def _gate_scenes(audit: Audit, wanted: int) -> tuple[list[Scene], list[Scene]]:
    """The best detection of up to `wanted` cases, a patient once while there are others, and its other class.

    A displacement is explained at one point in all of them: a map that only knew the point would otherwise pass, for
    it stays where it is when the weights are random and differs from image to image.
    """
    scenes: list[Scene] = []
    rivals: list[Scene] = []
    shared: list[Target] = []
    for index in audit.gate_order:
        if len(scenes) == wanted:
            break
        case = audit.cases[index]
        targets = audit.model.targets(case, audit.model.predict([case])[0])[:1]
        if audit.model.file.task == "registration":
            targets = shared = shared or targets
        scenes += audit.model.scenes(case, targets) if targets else []
        rivals += audit.model.scenes(case, [rival]) if (rival := _rival(audit.model, targets)) else []
    return scenes, rivals


def _rival(model: Model, targets: Sequence[Target]) -> Target | None:
    """The same box with another class, for a model that has one; the same window, so that maps can be compared."""
    if not targets or targets[0].box is None:
        return None
    others = [name for name in model.classes if name != targets[0].label]
    return replace(targets[0], label=others[0]) if others else None


def _conclude(audit: Audit, store: Store, extra: list[Score], clock: _Clock) -> Run:
    from xaimed.metrics.axis import axis

    draft = store.draft(extra)
    options = _judge_options(audit, draft)
    with clock("judge"):
        results = _results(audit, draft, options)
        picture = axis(store.draft(extra, results), options)
    # Of this process alone: a run that was continued took longer.
    store.meta["timings"] = {stage: round(seconds, 2) for stage, seconds in clock.seconds.items()}
    if "components" in store.meta:
        store.meta["components"] = components()
    store.meta["timings"]["total"] = round(time.perf_counter() - clock.start, 2)
    store.meta["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    findings = run_checks(store.draft(extra, results, picture))
    return store.finish(results, findings, extra, picture)


def _results(audit: Audit, draft: Run, options: JudgeOptions) -> Results:
    """What the model's classes and boxes, and what its answers in pixels, are worth; nothing where there is no case."""
    if not len(audit.cases):
        return Results((), {})
    task = audit.model.file.task
    # The boxes of a set say to a classifier where its maps should be; it finds none, and is not judged by them.
    truth = draft.truth if task == "detection" else draft.truth[draft.truth["x0"].isna()]
    found = Results((), {}) if task not in DECIDING else judge(
        draft.cases, truth, draft.predictions, audit.model.file.operating_point, options)
    clean = draft.scores[draft.scores["condition"] == "clean"]
    parts = pooled(clean, draft.cases, Pooling(options.resamples, options.seed, options.smallest_cell))
    copies = copying(audit.model, audit.cases.dataset, Sampling(seed=options.seed, resamples=options.resamples))
    wanted = {str(row["name"]).removeprefix(CHANGE) for row in audit.plan.criteria}
    probes = probed(draft, options, audit.model.file.operating_point, wanted)
    return Results((*found.estimates, *parts.estimates, *copies.estimates, *probes), {**found.curves, **copies.curves})


def _judge_options(audit: Audit, draft: Run) -> JudgeOptions:
    plan = audit.plan.judging
    line = audit.model.file.calibration.get(plan.positive)
    cases = draft.cases
    ignored = cases[cases["group_localisation"] == "ignore"]["case"] if "group_localisation" in cases else []
    return JudgeOptions(
        hit_rules=plan.hit_rules, resamples=plan.resamples, seed=audit.plan.seed, positive=plan.positive,
        ignored_cases=tuple(ignored), smallest_cell=plan.smallest_cell, prevalence=plan.prevalence,
        calibration=(float(line["slope"]), float(line["intercept"])) if line else None)


def _meta(audit: Audit) -> dict[str, Any]:
    file, cases = audit.model.file, audit.cases
    return {
        "created": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "model": {
            "name": str(file.card.get("name", file.architecture)), "digest": file.digest,
            "architecture": file.architecture, "arguments": dict(file.arguments), "task": file.task,
            "classes": list(file.classes), "operating_point": file.operating_point,
            "preprocessing": dict(file.preprocessing), "calibration": dict(file.calibration),
            "training": dict(file.training), "card": dict(file.card)},
        "data": {
            "name": cases.name, "title": cases.title, "split": cases.split, "synthetic": cases.synthetic,
            "cases": len(cases), "patients": len({row.patient for row in cases.rows}),
            "manifest": manifest_digest(cases.dataset.rows), "selection": manifest_digest(cases.rows),
            "warnings": list(cases.warnings), "people": cases.people,
            **({"channels": list(cases.channels)} if cases.channels else {})},
        "xaimed": xaimed.__version__, "code": code_digest(),
        "methods": {method.name: settings_of(method) for method in methods_of(audit.plan)},
        "seeds": {"audit": audit.plan.seed}, "versions": versions(), "platform": platform.platform(terse=True),
        **audit.provenance}
