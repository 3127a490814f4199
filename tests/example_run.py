"""A small drawn run for tests and design work: SYNTHETIC shapes and made-up maps, no model, NumPy only.

    example_run(tmp_path) -> the path of a finished run folder, written through Store
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xaimed.curvefile import KeptCurve
from xaimed.stats import Estimate, Results
from xaimed.store import MapEntry, Store
from xaimed.types import Box, Case, Detection, Finding, Floats, Prediction, Score

METHODS = ("grad_cam", "integrated_gradients", "gradient_shap", "kernel_shap")
GATE = {"grad_cam": 1.0, "integrated_gradients": 1.0, "gradient_shap": 0.0, "kernel_shap": float("nan")}
SHAPE = (320, 240)
PLAN = """seed = 0

[explaining]
methods = ["grad_cam", "integrated_gradients", "gradient_shap", "kernel_shap"]

[[criteria]]
name = "sensitivity at 0.5 false positives per image"
rule = "centre in box"
at_least = 0.90

[[criteria]]
name = "image AUC malignant"
at_least = 0.70
on = "low"

[[criteria]]
name = "slope of the calibration"
at_least = 0.80
"""


@dataclass(frozen=True)
class Drawn:
    """One drawn case with its detections and maps."""

    case: Case
    prediction: Prediction
    entries: tuple[tuple[MapEntry, Floats], ...]
    scores: tuple[Score, ...]
    curves: tuple[KeptCurve, ...] = ()


def example_run(folder: Path, cases: int = 6, seed: int = 0) -> Path:
    """The path of a finished run `folder`/example-run with `cases` drawn cases."""
    drawn = [draw(i, seed) for i in range(cases)]
    with Store.create(Path(folder) / "example-run", PLAN, meta(drawn, seed)) as store:
        for item in drawn:
            store.add_case(item.case, item.prediction, item.entries, item.scores, item.curves)
        return store.finish(results(cases), findings(cases), dataset_scores(), axis(cases)).path


def draw(index: int, seed: int = 0) -> Drawn:
    """One drawn case: every third without a lesion, every fourth lesion missed."""
    rng = np.random.default_rng((seed, index))
    name = f"ex{index:03d}"
    boxes, image = _breast(rng, lesion=index % 3 != 2, malignant=index % 2 == 0)
    label = boxes[0].label if boxes else "normal"
    case = Case(name, image, label=label, boxes=boxes, patient=f"p{index // 2:03d}", split="test",
                groups={"site": "AB"[index % 2], "view": ("CC", "MLO")[index // 2 % 2]},
                spacing_mm=0.4, digest=f"{index:064x}", synthetic=True)
    prediction = _prediction(rng, case, missed=index % 4 == 3)
    targets = [(d.name, d.label, d.score, d.edges) for d in prediction.detections if d.score >= 0.5]
    if boxes and index % 4 == 3:
        targets.append(("m0", boxes[0].label, 0.21, boxes[0].edges))
    entries, scores = [], []
    for target in targets:
        for method in METHODS:
            entry, values, found = _map(rng, case, target, method)
            entries.append((entry, values))
            scores += found
    return Drawn(case, prediction, tuple(entries), tuple(scores), tuple(map(_curve, (
        score for score in scores if score.metric.startswith("deletion_auc[")))))


def _breast(rng: np.random.Generator, lesion: bool, malignant: bool) -> tuple[tuple[Box, ...], Floats]:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    inside = ((x / 190) ** 2 + ((y - 160) / 140) ** 2) < 1
    texture = np.kron(rng.normal(0, 1, (SHAPE[0] // 8, SHAPE[1] // 8)), np.ones((8, 8)))
    image = inside * (0.32 + 0.06 * texture - 0.0006 * x)
    if not lesion:
        return (), np.clip(image, 0, 1).astype(np.float32)[None]
    cx, cy, r = float(rng.uniform(50, 110)), float(rng.uniform(100, 220)), float(rng.uniform(12, 26))
    image = image + 0.45 * np.exp(-(((x - cx) / r) ** 2 + ((y - cy) / r) ** 2) * 1.5)
    label = "malignant" if malignant else "benign"
    return (Box(label, cx - r, cy - r, cx + r, cy + r),), np.clip(image, 0, 1).astype(np.float32)[None]


def _prediction(rng: np.random.Generator, case: Case, missed: bool) -> Prediction:
    found = []
    if case.boxes and not missed:
        box = case.boxes[0]
        shift = rng.uniform(-4, 4, 4)
        edges = [float(e + s) for e, s in zip(box.edges, shift, strict=True)]
        found.append((box.label, float(rng.uniform(0.7, 0.99)), edges))
    if rng.uniform() < 0.5:
        x, y = float(rng.uniform(20, 80)), float(rng.uniform(60, 240))
        found.append(("benign", float(rng.uniform(0.3, 0.65)), [x, y, x + 30, y + 28]))
    found.sort(key=lambda item: -item[1])
    detections = tuple(Detection(f"d{i}", label, score, *edges)
                       for i, (label, score, edges) in enumerate(found))
    best = {name: max((d.score for d in detections if d.label == name), default=0.02)
            for name in ("benign", "malignant")}
    return Prediction(case.id, detections, best)


def _map(rng: np.random.Generator, case: Case, target: tuple[str, str, float, tuple[float, ...]],
         method: str) -> tuple[MapEntry, Floats, list[Score]]:
    name, label, score, edges = target
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    cx, cy, r = (edges[0] + edges[2]) / 2, (edges[1] + edges[3]) / 2, (edges[2] - edges[0]) / 2
    values = np.exp(-(((x - cx) / r) ** 2 + ((y - cy) / r) ** 2))
    if method != "grad_cam":
        fine = rng.normal(0, 1, SHAPE) if method != "kernel_shap" else np.kron(
            rng.normal(0, 0.3, (SHAPE[0] // 20, SHAPE[1] // 20)), np.ones((20, 20)))
        values = values * (0.6 + fine) * 0.01
    values = values.astype(np.float32)
    energy = _energy(values, case)
    gap = float(rng.uniform(0.0005, 0.009)) if method in METHODS[1:] else float("nan")
    facts = {"seconds": 0.5, "evaluations": 64.0, "completeness_gap": gap}
    rows = {"energy_in_lesion": energy, "energy_lift": energy / 0.02, "pointing_game": float(energy > 0.4),
            "completeness": gap, "deletion_auc[blur]": float(rng.uniform(0.1, 0.5)),
            "deletion_auc[noise]": float(rng.uniform(0.1, 0.5)),
            "insertion_auc[blur]": float(rng.uniform(0.5, 0.9))}
    entry = MapEntry(name, method, "", facts, label, score, (edges[0], edges[1], edges[2], edges[3]))
    return entry, values, [Score(case.id, name, method, metric, value) for metric, value in rows.items()]


def _curve(score: Score) -> KeptCurve:
    """A falling line whose area is the deletion area of the score."""
    fraction = tuple(i * i / 256 for i in range(17))
    metric = score.metric.replace("_auc", "")
    # The area under (1 - x) ** n is 1 / (n + 1).
    left = tuple((1 - x) ** (1 / score.value - 1) for x in fraction)
    return KeptCurve(score.case, score.target, score.method, metric, fraction, left)


def _energy(values: Floats, case: Case) -> float:
    if not case.boxes:
        return float("nan")
    b = case.boxes[0]
    positive: NDArray[np.float32] = np.maximum(values, 0)
    inside = positive[int(b.y0): int(b.y1) + 1, int(b.x0): int(b.x1) + 1].sum()
    return float(inside / positive.sum())


def dataset_scores() -> list[Score]:
    """The gate's rows: one method passes, one fails, one is not assessed."""
    rows = []
    for method in METHODS:
        rows += [Score("", "", method, "gate", GATE[method]),
                 Score("", "", method, "gate_similarity", 0.22 if GATE[method] == 1.0 else 0.81),
                 Score("", "", method, "gate_null", 0.35)]
    return rows


def results(cases: int) -> Results:
    """Made-up estimates and curves of the shapes that a real audit stores; none for no case."""
    if not cases:
        return Results((), {})
    wilson = "Wilson"
    boot = "patient bootstrap (2000, seed 0)"
    rules = ("centre in box", "IoU >= 0.2", "IoU >= 0.5")
    found = [Estimate("image AUC malignant", 0.87, 0.71, 0.96, "image", "", None, None, "DeLong"),
             Estimate("patient AUC malignant", 0.9, 0.7, 1.0, "patient", "", None, None, boot)]
    for rule_, extra in (("false-positive boxes as extra negatives", 0),
                         ("false positives among the negative images", 2)):
        for name, k, n in (("accuracy", 5, 6), ("precision", 3, 4), ("sensitivity", 3, 4),
                           ("specificity", 2, 2)):
            low, high = max(0.0, k / (n + extra) - 0.3), min(1.0, k / (n + extra) + 0.2)
            found.append(Estimate(name, k / (n + extra), low, high, "image", rule_, k, n + extra, wilson))
    for i, rule_ in enumerate(rules):
        for j, rate in enumerate((0.25, 0.5, 1.0, 2.0)):
            value = 0.6 + 0.1 * j - 0.08 * i
            found.append(Estimate(f"sensitivity at {rate:g} false positives per image", value, value - 0.2,
                                  min(1.0, value + 0.15), "lesion", rule_, None, 4, boot))
    found.append(Estimate("image AUC malignant", 0.84, 0.6, 0.97, "image", "", None, None, boot, "site=A"))
    found.append(Estimate("ECE", 0.08, 0.04, 0.15, "image", "", None, None, boot))
    curves = {f"froc[{rule_}]": _froc(i) for i, rule_ in enumerate(rules)}
    curves["roc[image]"] = {"fpr": [0.0, 0.0, 0.25, 1.0], "tpr": [0.0, 0.6, 0.85, 1.0]}
    curves["reliability"] = {"predicted": [0.1, 0.4, 0.8], "observed": [0.15, 0.35, 0.9],
                             "low": [0.02, 0.1, 0.6], "high": [0.4, 0.7, 1.0], "count": [2.0, 2.0, 2.0]}
    return Results(tuple(found), curves)


def _froc(i: int) -> dict[str, list[float]]:
    sensitivity = [0.0, 0.5 - 0.1 * i, 0.75 - 0.1 * i, 0.9 - 0.1 * i]
    return {"fppi": [0.0, 0.1, 0.5, 1.5], "sensitivity": sensitivity,
            "low": [max(0.0, s - 0.2) for s in sensitivity],
            "high": [min(1.0, s + 0.15) for s in sensitivity]}


def axis(cases: int) -> pd.DataFrame:
    """Explainability against accuracy, one row a method; none for a method that fails the gate."""
    rows = []
    for i, method in enumerate(METHODS):
        passed = GATE[method] == 1.0
        value = 0.55 - 0.12 * i
        rows.append({"method": method, "accuracy": 0.87, "accuracy_low": 0.71, "accuracy_high": 0.96,
                     "accuracy_name": "image AUC malignant", "explainability": value if passed else np.nan,
                     "explainability_low": value - 0.15 if passed else np.nan,
                     "explainability_high": value + 0.12 if passed else np.nan,
                     "gate": {1.0: "pass", 0.0: "fail"}.get(GATE[method], "NOT ASSESSED"), "cases": cases})
    return pd.DataFrame(rows)


def findings(cases: int) -> list[Finding]:
    """One finding for each outcome."""
    return [
        Finding("XM101", "Sensitivity reaches its criterion", "high", "pass",
                "Sensitivity is 0.91 [0.78, 0.97]; the criterion is at least 0.90.",
                {"value": 0.91, "limit": 0.9}),
        Finding("XM102", "Image AUC reaches its criterion", "high", "fail",
                "Image AUC malignant is 0.70 [0.61, 0.79]; the criterion is at least 0.75.", {"value": 0.7}),
        Finding("XM201", "Methods pass the randomisation gate", "medium", "concern",
                f"1 of {len(METHODS)} methods fails the gate: gradient_shap.", {"failed": 1}),
        Finding("XM301", "Intended use is stated", "low", "NOT ASSESSED", "Nobody supplied an intended use."),
        Finding("XM302", "Masks are available", "low", "not applicable",
                f"The data set of {cases} cases has boxes only.", {})]


def meta(drawn: list[Drawn], seed: int) -> dict[str, object]:
    """The keys of run.json that the audit supplies, with a fixed time."""
    return {
        "created": "2026-11-22T12:00:00Z", "xaimed": "0.1.0",
        "model": {"name": "example-detector", "digest": "ab" * 32, "architecture": "five_block_rcnn",
                  "task": "detection", "classes": ["benign", "malignant"], "operating_point": 0.5,
                  "training": {"data": "drawn shapes", "manifest": "cd" * 32},
                  "card": {"intended_use": "none: drawn to test reports", "limits": "not a model"}},
        "data": {"name": "example", "title": "Drawn shapes", "split": "test", "synthetic": True,
                 "cases": len(drawn),
                 "patients": len({d.case.patient for d in drawn}), "manifest": "ef" * 32,
                 "warnings": ["Shapes drawn by a program; not images of people."]},
        "code": "12" * 20, "seeds": [seed], "device": "cpu", "versions": {"numpy": np.__version__},
        "timings": {"predict": 1.5, "explain": 12.0, "judge": 3.0, "total": 16.5}, "peak_memory_mb": 512}
