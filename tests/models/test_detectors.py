"""The committed detector of blood cells: what it learned from, what it finds on unseen smears, and a map that fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xaimed import explain, load_model, open_dataset
from xaimed.content import folder
from xaimed.data.split import manifest_digest
from xaimed.types import Box, Detection

MODEL = folder("models") / "bccd-detector" / "model.pt"


def overlap(a: Detection, b: Box) -> float:
    """Intersection over union."""
    wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
    shared = max(wide, 0.0) * max(high, 0.0)
    return shared / ((a.x1 - a.x0) * (a.y1 - a.y0) + (b.x1 - b.x0) * (b.y1 - b.y0) - shared)


def test_it_names_the_split_that_it_learned_from(data_root: Path) -> None:
    training = load_model(MODEL, "cpu").file.training
    whole = open_dataset("bccd", root=data_root)
    assert training["manifest"] == manifest_digest(whole.rows)
    for split, names in (("train", training["patients"]), ("val", training["validation_patients"])):
        assert {row.patient for row in whole.rows if row.split == split} == set(names)


@pytest.mark.timeout(180)
def test_it_finds_cells_of_all_kinds_on_unseen_smears(data_root: Path) -> None:
    model = load_model(MODEL, "cpu")
    cases = open_dataset("bccd", split="test", root=data_root)[::6]
    found: dict[str, list[bool]] = {name: [] for name in model.classes}
    for case, prediction in zip(cases, model.predict(cases), strict=True):
        shown = [d for d in prediction.detections if d.score >= model.file.operating_point]
        for box in case.boxes:
            found[box.label].append(any(d.label == box.label and overlap(d, box) >= 0.5 for d in shown))
    assert {name: len(hits) >= 8 for name, hits in found.items()} == dict.fromkeys(found, True)
    assert np.mean(found["WBC"]) > 0.85
    assert np.mean(found["Platelets"]) > 0.6
    assert np.mean(found["RBC"]) > 0.5


@pytest.mark.timeout(180)
def test_the_map_of_a_white_cell_lies_on_it(data_root: Path) -> None:
    model = load_model(MODEL, "cpu")
    case = open_dataset("bccd", split="test", root=data_root)[0]
    best = next(d for d in model.predict([case])[0].detections if d.label == "WBC")
    values = np.abs(explain(model, [case], methods=["integrated_gradients"], targets=[best.name])[0].maps[0])
    inside = values[int(best.y0):int(best.y1), int(best.x0):int(best.x1)]
    assert inside.mean() > 3 * values.mean()
