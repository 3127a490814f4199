"""A drawn run of very many cases, tables only: made-up scores and boxes, no image and no map."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests import example_run as example
from xaimed.metrics.concordance import NAME as CONCORDANCE
from xaimed.store import Run, Store
from xaimed.tables import Row


def crowd_run(folder: Path, cases: int) -> Run:
    """A finished run of so many cases: half with a lesion, a fifth of those missed, two methods judged on each."""
    meta = {**example.meta([example.draw(0)], 0), "pictured": False}
    with Store.create(folder, example.PLAN, meta) as store:
        store.add_rows(rows(cases))
        return store.finish(example.results(4), example.findings(4), example.dataset_scores(), example.axis(4))


def rows(cases: int) -> dict[str, list[Row]]:
    """The rows of the tables of a run."""
    rng = np.random.default_rng(0)
    drawn = rng.uniform(size=(cases, 4))
    found: dict[str, list[Row]] = {"cases": [], "truth": [], "predictions": [], "scores": []}
    for index in range(cases):
        name, (score, missed, first, second) = f"c{index:06d}", drawn[index].tolist()
        lesion = index % 2 == 0
        found["cases"].append(_case(name, index, lesion))
        if lesion:
            found["truth"].append({"case": name, "target": "t0", "label": "malignant", **_box(50)})
        found["predictions"].append({"case": name, "condition": "clean", "target": "d0", "label": "malignant",
                                     "score": score, **_box(50 if missed > 0.2 else 400)})
        nowhere = dict.fromkeys(("x0", "y0", "x1", "y1"), float("nan"))
        found["predictions"].append({"case": name, "condition": "clean", "target": "malignant", "label": "malignant",
                                     "score": score, **nowhere})
        for method, value in (("grad_cam", first), ("integrated_gradients", second)):
            found["scores"].append({"case": name, "target": "d0", "method": method, "metric": "energy_in_lesion",
                                    "condition": "clean", "seed": 0, "value": value})
            found["scores"].append({"case": name, "target": "d0", "method": method, "metric": CONCORDANCE,
                                    "condition": "clean", "seed": 0, "value": first})
    return found


def _case(name: str, index: int, lesion: bool) -> Row:
    return {"case": name, "patient": f"p{index // 4:06d}", "split": "test", "width": 0, "height": 0,
            "label": "malignant" if lesion else "normal", "spacing_mm": float("nan"), "digest": f"{index:064x}",
            "synthetic": True, "group_site": "ABC"[index % 3], "group_view": ("CC", "MLO")[index % 2],
            "group_density": "abcd"[index % 4]}


def _box(at: float) -> dict[str, float]:
    return {"x0": at, "y0": at, "x1": at + 40, "y1": at + 40}
