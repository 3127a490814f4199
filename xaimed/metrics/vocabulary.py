"""The names that measures can have in an audit, known before it runs: by task, classes, groups and models.

A criterion that asks for another name is refused before the first case; a test holds the names to what is measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.metadata import entry_points
from itertools import permutations

from xaimed.answers import DECIDING, PIXELS
from xaimed.errors import PlanError, unknown
from xaimed.metrics.comparison import RATES
from xaimed.metrics.confusion import adjusted
from xaimed.metrics.criteria import PROBE, Criterion
from xaimed.metrics.froc import AT_LEAST, END, POINTS
from xaimed.metrics.operating import AMONG, EXTRA
from xaimed.metrics.pixelwise import directions
from xaimed.metrics.probed import CHANGE, DRIFT, FLIPS, LOST, NEW
from xaimed.unanswered import INTENDED, left_out

IMAGE = ("image AUC {p}", "image AUC {p} (images taken as independent)",
         "image AUC {p} (images of a patient taken as a cluster)", "patient AUC {p}",
         "{c}/{p} AUC, images with a lesion", "{c}/{p} AUC, lesions found",
         "partial AUC {p} (false positive rate up to 0.1)", "partial AUC {p} (sensitivity from 0.8)",
         "accuracy", "precision", "sensitivity", "specificity",
         "AUC of this one point", "negative predictive value", "share called positive", "F1", "MCC",
         "likelihood ratio +", "likelihood ratio -", "ECE", "ECE, debiased",
         "Brier score", "calibration slope", "calibration intercept",
         "calibration in the large", "calibration temperature", "Brier score, reliability",
         "Brier score, resolution", "Brier score, uncertainty", "Brier score, within bins", "net benefit",
         "net benefit over acting on all")
CLASSES = ("accuracy of the best class", "balanced accuracy", "mean AUC of the classes", "recall {c}",
           "AUC {c} against the rest")
RATE = "sensitivity at {r} false positives per image"
CPM = "CPM, mean sensitivity at 0.125 to 8 false positives per image"
END_RATE = "false positives per image at the end of the curve"
POINT_RATE = "false positives per image at the operating point"
LESION = ("images with a full reference for places", END, "lesion sensitivity at the operating point", "AFROC area",
          "weighted AFROC area", "average precision {c}", "mean average precision",
          "marks that repeat a lesion at the operating point", "lesions found in any view at the operating point",
          "lesions found in every view at the operating point, of those in several views",
          f"{RATE}, lesion in any view",
          *(name + of for of in ("", ", normal images")
            for name in (RATE, CPM, RATE + AT_LEAST, CPM + AT_LEAST, END_RATE, POINT_RATE)),
          *(f"{name}, normal images{AT_LEAST}" for name in (RATE, CPM)))
READ = ("mean of {n} readers' image AUC {p}", "image AUC {p} of the readers' average score",
        "readers with a smaller AUC than {m}", "mean image AUC {p} of a reader with {m}")
OUTPUTS = ("missing outputs", "indeterminate outputs", "operating point")
COMPARED = ("image AUC {p}", "sensitivity", "specificity", "Brier score")
TESTS = ("{d}", "p ({d})", "Holm p ({d})")
PARTS = ("Dice", "HD95", "IoU")  # of each class too
SEGMENTED = ("V_info", "V_rand", *(f"sweep {term}" for term in ("z+", "z-", "y+", "y-", "x+", "x-", "bias", "sum")),
             *(f"{what} at scale {level}" for what in ("difference", "slope") for level in range(10)))
COPIES = ("made images nearer to training images than held-out ones are",
          "made images whose nearest real image is a training image", "median nearest distance, made to training",
          "median nearest distance, held-out to training", "median nearest distance, made to held-out",
          "AUC of the discriminator, held-out images against made ones")
PROBED = (FLIPS, LOST, NEW, *DRIFT.values())
GAPS = ("image AUC {p}", "sensitivity", "specificity", "lesion sensitivity at the operating point")

ONE_POINT = ("accuracy", "precision", "sensitivity", "specificity", "AUC of this one point")
# How the names of measures in [0, 1], and of those that are only not negative, begin.
SHARE = ("image AUC", "patient AUC", "partial AUC", "AUC ", "mean AUC", "mean image AUC", "sensitivity", "specificity",
         "accuracy", "precision", "balanced accuracy", "recall ", "negative predictive value", "share called", "F1",
         "lesion sensitivity", "AFROC area", "weighted AFROC", "average precision", "mean average precision", "CPM",
         "missing outputs", "indeterminate outputs", "made images", "Dice", "IoU", "V_rand", "V_info", "folding", "p (",
         "Holm p (", "lesions found", "slope at scale")
COUNT = ("false positives per image", "HD95", "MAE", "target registration error", "error before registration",
         "likelihood ratio", "Brier score, reliability", "difference at scale")


@dataclass(frozen=True)
class Audited:
    """What is known of an audit before it runs. positive: the class to be found. groups: the values of each column.

    models, readers: the names of several that are compared, from tables. prevalence: as the plan sets it, or None.
    hit_rules: of the plan, empty where they are not known.
    """

    task: str
    positive: str = ""
    classes: tuple[str, ...] = ()
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    prevalence: float | None = None
    hit_rules: tuple[str, ...] = ()


def groups_of(rows: Iterable[Mapping[str, str]]) -> dict[str, frozenset[str]]:
    """The values of each group column, from the groups of each case."""
    found: dict[str, set[str]] = {}
    for row in rows:
        for kind, value in row.items():
            found.setdefault(str(kind), set()).add(str(value))
    return {kind: frozenset(values) for kind, values in found.items()}


def measures(audited: Audited) -> tuple[str, ...]:
    """Every name that a measure of the cases as they are can have."""
    templates = [*(IMAGE if audited.task in DECIDING else ()), *(CLASSES if audited.task in DECIDING else ()),
                 *(LESION if audited.task == "detection" else ()), *_in_pixels(audited.task),
                 *(COPIES if audited.task == "discrimination" else ()), *_among(audited)]
    names = [name for template in templates for name in _filled(template, audited)]
    if audited.task in DECIDING:
        names += [f"gap between groups of {kind} ({name})" for kind in audited.groups
                  for template in GAPS for name in _filled(template, audited)]
    if audited.prevalence is not None:
        names += [f"{name} at prevalence {audited.prevalence:g}" for name in adjusted(audited.prevalence)]
    return tuple(dict.fromkeys(names))


def _in_pixels(task: str) -> tuple[str, ...]:
    if task not in PIXELS:
        return ()
    own = (*(f"{name} {{c}}" for name in PARTS), *SEGMENTED) if task == "segmentation" else ()
    return (*directions(), *own)


def _among(audited: Audited) -> list[str]:
    """The names that compare models and readers."""
    everyone = (*audited.models, *audited.readers)
    found = list(OUTPUTS) if everyone else []
    crowd = [f"{one} - {other}" for one, other in permutations(audited.models, 2)]
    pairs = [f"difference in {name}: {pair}" for pair in crowd for name in
             (*COMPARED, *(f"sensitivity at {rate:g} false positives per image" for rate in RATES))]
    if len(audited.readers) > 1:
        found += [name.replace("{n}", str(len(audited.readers))) for name in READ]
        pairs += [f"difference in image AUC {{p}}: {pair}" for name in audited.models for pair in
                  (f"{name} - mean of the readers", f"a reader with {name} - the reader alone")]
    found += [test.replace("{d}", pair) for pair in pairs for test in TESTS]
    found += [f"non-inferiority, {pair}" for pair in pairs if "image AUC" in pair]
    count = len(audited.models)
    return [*found, *([left_out(0, 0, n).name for n in {count, len(everyone)} if n > 1])]


def _filled(template: str, audited: Audited) -> list[str]:
    """The template with every class, rate and model in its places."""
    places = {"{p}": (audited.positive,), "{c}": audited.classes, "{m}": audited.models,
              "{r}": tuple(f"{rate:g}" for rate in POINTS)}
    names = [template]
    for place, values in places.items():
        if place in template:
            names = [name.replace(place, value) for name in names for value in values]
    return names


def refuse_unknown(criteria: Sequence[Criterion], audited: Audited) -> None:
    """Raise PlanError for a criterion whose measure, rule, group or limit this audit cannot have, with what it can.

    Where a metric of another package is installed nobody knows its names: then only near misses are refused.
    """
    known = measures(audited)
    probes = (*known, *(CHANGE + name for name in known), *PROBED)
    named = {"all", *(f"{kind}={value}" for kind, values in audited.groups.items() for value in values),
             *(f"model={name}" for name in audited.models), *(f"reader={name}" for name in audited.readers)}
    for criterion in criteria:
        names = probes if criterion.group.startswith(PROBE) else known
        if criterion.name not in names:
            near = get_close_matches(criterion.name, names, n=3, cutoff=0.4)
            if near or not entry_points(group="xaimed.metrics"):
                raise PlanError(f"criteria: {_no_measure(criterion, audited, probes)}; nearest: "
                                f"{', '.join(map(repr, near)) or 'none'}")
        _check_limit(criterion)
        _check_rule(criterion, audited)
        if not criterion.probe and criterion.group not in named:
            near = get_close_matches(criterion.group, sorted(named), n=3, cutoff=0.4)
            raise PlanError(f"criteria: {criterion.name!r} of group {criterion.group!r}, and no case of this audit is "
                            f"of such a group; nearest: {', '.join(map(repr, near)) or 'none'}")


def _check_limit(criterion: Criterion) -> None:
    low, high = range_of(criterion.name)
    if not low <= criterion.limit <= high:
        words = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of {low:g} or more"
        raise PlanError(f"criteria: {criterion.name!r} {criterion.side.replace('_', ' ')} {criterion.limit:g}; "
                        f"expected a limit {words}, where the measure lies")


def range_of(name: str) -> tuple[float, float]:
    """The least and the greatest value that a measure of this name can have; infinite where nothing is known."""
    for signed in (CHANGE, "difference in ", "gap between groups of "):
        if name.startswith(signed):
            inner = range_of(name.removeprefix(signed).partition("(")[2] if signed.startswith("gap") else
                             name.removeprefix(signed).partition(": ")[0])
            return inner[0] - inner[1] if math.isfinite(inner[1]) else -math.inf, inner[1] - max(0.0, inner[0])
    if name in ("MCC", "SSIM") or name.startswith("SSIM "):
        return -1.0, 1.0
    if name.startswith(SHARE) or name.endswith(" AUC") or name in PROBED[:3] or " AUC, " in name:
        return 0.0, 1.0
    return (0.0, math.inf) if name.startswith(COUNT) else (-math.inf, math.inf)


def _check_rule(criterion: Criterion, audited: Audited) -> None:
    """Refuse a rule that this measure is not counted by, where that is known before."""
    rule = criterion.rule
    if not rule:
        return
    if criterion.name in ONE_POINT and criterion.name not in _in_pixels(audited.task):
        known: tuple[str, ...] = (*((EXTRA, AMONG) if audited.task == "detection" else (AMONG,)), INTENDED)
        fits = rule in known
    elif audited.hit_rules and criterion.name in (
            n for t in LESION if "average precision" not in t for n in _filled(t, audited)):
        known = audited.hit_rules
        fits = any(one in rule for one in known)
    else:
        return
    if not fits:
        raise PlanError(f"criteria: {criterion.name!r} with {unknown('rule', rule, known)}")


def _no_measure(criterion: Criterion, audited: Audited, probes: Sequence[str]) -> str:
    what = "of tables" if audited.models else f"of a model of {audited.task}"
    if criterion.name in probes:
        return f"{criterion.name!r} is measured under a probe only, and the criterion names none: add probe"
    return f"no measure of an audit {what} is called {criterion.name!r}"
