"""Tables of a run for tests: ten cases worked by hand, and random ones of any size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from xaimed.metrics.evidence import EDGES

Mark = tuple[str, float, tuple[float, float, float, float]]
HOME, AWAY, BESIDE = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 60.0, 60.0), (20.0, 0.0, 30.0, 10.0)
SHIFTED, SMALL = (1.0, 0.0, 11.0, 10.0), (4.0, 4.0, 6.0, 6.0)


@dataclass(frozen=True)
class Tables:
    """cases, truth and predictions."""

    cases: pd.DataFrame
    truth: pd.DataFrame
    predictions: pd.DataFrame

    def parts(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        return self.cases, self.truth, self.predictions


def box_row(case: str, target: str, label: str, edges: tuple[float, ...]) -> dict[str, str | float]:
    return {"case": case, "target": target, "label": label, **dict(zip(EDGES, edges, strict=True))}


def tables(images: list[tuple[str, str, list[tuple[float, ...]], list[Mark]]]) -> Tables:
    """One image for each (patient, label, lesion boxes, marks); lesions have the image's label."""
    cases, truth, predictions = [], [], []
    for number, (patient, label, lesions, marks) in enumerate(images):
        case = f"c{number:03d}"
        cases.append({"case": case, "patient": patient, "split": "test", "label": label})
        truth += [box_row(case, f"t{i}", label, edges) for i, edges in enumerate(lesions)]
        predictions += [box_row(case, f"d{i}", kind, edges) | {"score": score}
                        for i, (kind, score, edges) in enumerate(marks)]
        predictions += [box_row(case, kind, kind, (np.nan,) * 4)
                        | {"score": max((s for k, s, _ in marks if k == kind), default=0.02)}
                        for kind in ("benign", "malignant")]
    columns = ["case", "target", "label", *EDGES]
    found = pd.DataFrame(predictions, columns=[*columns, "score"]).assign(condition="clean")
    return Tables(pd.DataFrame(cases), pd.DataFrame(truth, columns=columns), found)


def ten_cases() -> Tables:
    """Seven lesions on ten images, four of them normal; each patient has one image."""
    m, b = "malignant", "benign"
    return tables([
        ("p0", m, [HOME], [(m, 0.9, HOME), (m, 0.8, SHIFTED)]),
        ("p1", b, [HOME], [(m, 0.7, HOME)]),
        ("p2", m, [HOME], [(m, 0.6, SMALL)]),
        ("p3", m, [HOME], [(b, 0.5, AWAY)]),
        ("p4", "normal", [], [(m, 0.85, AWAY)]),
        ("p5", "normal", [], []),
        ("p6", "normal", [], [(m, 0.4, AWAY)]),
        ("p7", m, [HOME, BESIDE], [(m, 0.3, BESIDE)]),
        ("p8", "normal", [], []),
        ("p9", m, [HOME], [(m, 0.2, HOME), (m, 0.1, AWAY)]),
    ])


def random_tables(images: int, seed: int, per_patient: int = 4, marks: float = 3.0) -> Tables:
    """Random lesions and marks, with tied scores; groups site and view."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, str, list[tuple[float, ...]], list[Mark]]] = []
    for number in range(images):
        label = str(rng.choice(["normal", "benign", "malignant"], p=[0.4, 0.3, 0.3]))
        x, y, r = *rng.uniform(20, 400, 2), float(rng.uniform(10, 40))
        lesion = (x - r, y - r, x + r, y + r)
        found: list[Mark] = []
        if label != "normal" and rng.uniform() < 0.85:
            kind = label if rng.uniform() < 0.85 else "benign"
            found.append((kind, round(float(rng.beta(4, 2)), 2), (x - r / 2, y - r, x + r, y + r)))
        for _ in range(int(rng.poisson(marks))):
            u, v = rng.uniform(20, 400, 2)
            kind = str(rng.choice(["benign", "malignant"]))
            found.append((kind, round(float(rng.beta(1, 5)), 2), (u, v, u + 40, v + 40)))
        rows.append((f"p{number // per_patient:03d}", label, [lesion] if label != "normal" else [], found))
    made = tables(rows)
    number = np.arange(images)
    made.cases["group_site"] = np.where(number // per_patient % 2 == 0, "A", "B")
    made.cases["group_view"] = np.where(number % 2 == 0, "CC", "MLO")
    return made
