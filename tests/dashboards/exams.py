"""Drawn examinations of four views for the tests of the viewer: SYNTHETIC shapes and made-up maps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from tests import example_run as example
from xaimed.run import Run
from xaimed.store import MapEntry, Store
from xaimed.types import Case, Detection, Prediction, Score

VIEWS = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))


def exam_run(folder: Path) -> Run:
    """A run of two patients; p000 has the views ex000 R CC, ex001 L CC, ex002 R MLO, ex003 L MLO, the last missed."""
    drawn = []
    for index in range(5):
        item = example.draw(index)
        side, view = VIEWS[index % 4]
        case = replace(item.case, patient=f"p{index // 4:03d}", groups={"side": side, "view": view, "site": "A"})
        drawn.append(replace(item, case=case))
    with Store.create(folder, example.PLAN, example.meta(drawn, 0)) as store:
        for item in drawn:
            store.add_case(item.case, item.prediction, item.entries, [*item.scores, *ends(item)], item.curves)
        return store.finish(example.results(5), example.findings(5), example.dataset_scores(), example.axis(5))


def ends(item: example.Drawn) -> list[Score]:
    """The two ends of the axis for each deletion area: the map of another patient, and a greedy search."""
    areas = [score for score in item.scores if score.metric == "deletion_auc[blur]"]
    return [replace(score, value=value, condition=condition, method=method or score.method) for score in areas
            for value, condition, method in ((0.7, "other patient", ""), (0.05, "oracle", "oracle"))]


def large_run(folder: Path, shape: tuple[int, int] = (4096, 3328)) -> Run:
    """A run of one examination of four views of `shape` (height, width), each with one detection and one map."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 0.02, shape).astype(np.float32)
    image = np.clip(np.exp(-((x / shape[1]) ** 2 + ((y / shape[0] - 0.5) * 3) ** 2)) + noise, 0, 1)[None]
    values = np.exp(-(((x - 900) / 300) ** 2 + ((y - 2000) / 300) ** 2))
    edges = (700.0, 1800.0, 1100.0, 2200.0)
    meta = {**example.meta([example.draw(0)], 0)}
    with Store.create(folder, example.PLAN, meta) as store:
        for index, (side, view) in enumerate(VIEWS):
            case = Case(f"big{index}", image, label="malignant", patient="p0", split="test", spacing_mm=0.07,
                        groups={"side": side, "view": view}, digest=f"{index:064x}", synthetic=True)
            found = Prediction(case.id, (Detection("d0", "malignant", 0.9, *edges),), {"malignant": 0.9})
            entry = MapEntry("d0", "grad_cam", "", {}, "malignant", 0.9, edges)
            store.add_case(case, found, [(entry, values)], [])
        return store.finish(example.results(4), example.findings(4), example.dataset_scores(), example.axis(4))
