"""Cells by colour alone: drawn ones are found where they lie, the measures by hand, and the figures of the card."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from xaimed.content import folder
from xaimed.settings import read_table
from xaimed.types import Box, Case, Detection, Floats, Prediction

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "detector_baseline.py"
SIDES = {"RBC": 100.0, "WBC": 150.0, "Platelets": 38.0}
LEVELS = {"RBC": 0.04, "WBC": 0.08, "Platelets": 0.04}
GREY, RED, PURPLE = (0.76, 0.78, 0.76), (0.72, 0.62, 0.62), (0.52, 0.44, 0.79)
CELLS = (("WBC", 120, 130, 75), ("Platelets", 300, 80, 19), ("RBC", 450, 300, 50), ("RBC", 545, 300, 50))


@pytest.fixture(scope="module")
def colour() -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLE), run_name="detector_baseline.py")


def smear(name: str = "drawn") -> Case:
    """A light field with a white cell, a platelet and two red cells that overlap, with pale middles."""
    image = np.zeros((480, 640, 3), np.float32)
    image[:] = GREY
    for label, x, y, radius in CELLS:
        cv2.circle(image, (x, y), radius, RED if label == "RBC" else PURPLE, cv2.FILLED)
        if label == "RBC":
            cv2.circle(image, (x, y), 15, GREY, cv2.FILLED)
    planes: Floats = np.ascontiguousarray(image.transpose(2, 0, 1))
    boxes = tuple(Box(label, x - r, y - r, x + r, y + r) for label, x, y, r in CELLS)
    return Case(name, planes, patient=name, split="test", boxes=boxes)


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(wide, 0) * max(high, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def test_drawn_cells_are_found_where_they_lie(colour: dict[str, Any]) -> None:
    case = smear()
    found = colour["Stain"](SIDES, LEVELS).boxes(case)
    assert [d.name for d in found.detections] == [f"d{i}" for i in range(len(CELLS))]
    for box in case.boxes:
        assert max(overlap(d.edges, box.edges) for d in found.detections if d.label == box.label) > 0.8
    scores = [d.score for d in found.detections]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)
    assert found.scores["WBC"] == max(d.score for d in found.detections if d.label == "WBC")


def test_the_level_is_learned_where_colour_is_faint(colour: dict[str, Any]) -> None:
    case = smear()
    # Light with more blue than green: below 0.06 the whole field is purple.
    case.image[2] += 0.06
    learned = colour["stain_of"]([case])
    assert learned.sides == pytest.approx({"RBC": 100, "WBC": 150, "Platelets": 38})
    assert learned.levels["WBC"] >= 0.06
    assert learned.levels["Platelets"] >= 0.06


def test_measures_of_what_is_right_wrong_and_missing(colour: dict[str, Any]) -> None:
    """AP by hand: every box right is 1; the platelet called a white cell first makes it half for white, none for it."""
    case = smear()
    right = [Detection(f"d{i}", box.label, 0.9 - i / 10, *box.edges) for i, box in enumerate(case.boxes)]
    every = np.ones((1, 1))

    def measured(detections: list[Detection]) -> dict[str, float]:
        known = colour["judged"]([case], [Prediction(case.id, tuple(detections), dict.fromkeys(SIDES, 0.5))])
        return {name: float(one(every)[0]) for name, one in colour["statistics"](known, tuple(SIDES)).items()}

    whole = measured(right)
    assert whole == pytest.approx({"mean AP": 1, "AP RBC": 1, "AP WBC": 1, "AP Platelets": 1})
    swapped = Detection("d0", "WBC", 0.95, *case.boxes[1].edges)
    found = measured([swapped, right[0], right[2]])
    assert found == pytest.approx({"mean AP": 1 / 3, "AP RBC": 0.5, "AP WBC": 0.5, "AP Platelets": 0})


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_cards_figures(colour: dict[str, Any], data_root: Path) -> None:
    place = folder("models") / "bccd-detector"
    found = colour["main"]([str(place / "model.pt"), "--data", str(data_root)])
    table = read_table(place / "card.toml", "card")
    for name, key in (("mean AP", "mean_average_precision"), ("AP RBC", "average_precision_rbc"),
                      ("AP WBC", "average_precision_wbc"), ("AP Platelets", "average_precision_platelets"),
                      ("image AUC Platelets", "image_auc_platelets")):
        for values, part in zip(found[name], ("measured", "colour_alone", "more_than_colour"), strict=True):
            written = [float(number) for number in re.findall(r"-?\d\.\d{3}", table[part][key])]
            # The audit's interval of an AUC is DeLong's.
            count = 1 if part == "measured" and "auc" in key else 3
            assert written[:count] == pytest.approx(values[:count], abs=2e-3), f"{part}.{key}"
