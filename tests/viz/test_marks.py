"""The boxes of a case, the targets they belong to, and the gravest case of a list."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pandas as pd
import pytest

from tests.example_run import example_run as make
from xaimed.mapfile import MapEntry
from xaimed.run import Run
from xaimed.viz import marks, worklist
from xaimed.viz.matched import EDGES

REFERENCES = ("truth", "missed")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run.open(make(Path(tmp_path_factory.mktemp("runs"))))


def test_every_box_stands_once_and_knows_its_target(run: Run) -> None:
    for case in run.cases["case"]:
        entries = run.entries(case)
        found = marks.boxes(run, case, entries)
        rows = run.predictions[(run.predictions["case"] == case) & run.predictions["x0"].notna()]
        told = [(box.kind, box.target) for box in found if box.kind not in REFERENCES]
        explained = {entry.target for entry in entries}
        assert [("below" if kind == "below" else "counted", target) for kind, target in told] == [
            ("counted" if row["score"] >= 0.5 else "below",
             row["target"] if row["target"] in explained else "") for _, row in rows.iterrows()]
        assert sum(box.kind in REFERENCES for box in found) == (run.truth["case"] == case).sum()


def test_a_missed_lesion_leads_to_its_own_map(run: Run) -> None:
    (lesion,) = [box for box in marks.boxes(run, "ex003", run.entries("ex003")) if box.kind in REFERENCES]
    assert (lesion.target, lesion.kind) == ("m0", "missed")
    assert lesion.shown.startswith("missed: reference")
    assert "missed by the model" in lesion.spoken
    (found,) = [box for box in marks.boxes(run, "ex000", run.entries("ex000")) if box.kind in REFERENCES]
    assert (found.target, found.kind) == ("", "truth")
    assert found.spoken.endswith("no map")


def test_what_the_model_said_at_a_missed_lesion_is_told() -> None:
    columns = ["case", "condition", "target", "label", "score", "x0", "y0", "x1", "y1"]
    entry = MapEntry("m0", "grad_cam", label="malignant", box=(10.0, 10.0, 30.0, 30.0))
    rows = [("a", "clean", "d1", "malignant", 0.2, 12.0, 12.0, 28.0, 28.0), ("a", "clean", "malignant", "malignant",
            0.665, *[float("nan")] * 4), ("a", "blur", "d0", "malignant", 0.7, 12.0, 12.0, 28.0, 28.0),
            ("a", "clean", "d2", "malignant", 0.7, 60.0, 60.0, 70.0, 70.0),
            ("b", "clean", "d0", "malignant", 0.7, 12.0, 12.0, 28.0, 28.0)]

    def told(*more: tuple[object, ...], kept: int = 0) -> str:
        found = pd.DataFrame([*rows[kept:], *more], columns=columns)
        known = SimpleNamespace(predictions=found, meta={"model": {"operating_point": 0.748}})
        return marks.missed_at(cast(Run, known), "a", entry)

    assert told() == "the model saw it at 0.200, below the operating point 0.748"
    assert told(("a", "clean", "d0", "malignant", 0.665, 0.0, 5.0, 50.0, 50.0)) == (
        "the model saw it at 0.665, below the operating point 0.748")
    assert told(("a", "clean", "d0", "benign", 0.665, 0.0, 5.0, 50.0, 50.0)) == (
        "the model saw it as benign at 0.665, below the operating point 0.748")
    assert told(kept=1) == "no box of the model lies on it"


def test_without_any_map_missed_and_false_are_those_of_the_worklist(run: Run) -> None:
    table = worklist.worklist(run).set_index("case")
    assert table["missed"].sum() > 0
    assert table["false_positives"].sum() > 0
    for case in run.cases["case"]:
        kinds = [box.kind for box in marks.boxes(run, case, ())]
        assert (kinds.count("missed"), kinds.count("false")) == (
            table.at[case, "missed"], table.at[case, "false_positives"]), case


@pytest.mark.parametrize(("label", "kind"), [("normal", "false"), ("malignant", "detection"), (None, "detection")])
def test_a_detection_is_false_only_where_the_places_of_lesions_are_known(label: str | None, kind: str) -> None:
    cases = pd.DataFrame({"case": ["a"], "label": pd.Series([label], dtype=object)})
    found = pd.DataFrame([("a", "clean", "d0", "malignant", 0.9, 0.0, 0.0, 9.0, 9.0)],
                         columns=["case", "condition", "target", "label", "score", *EDGES])
    truth = found.iloc[:0].drop(columns=["condition", "score"])
    tables = SimpleNamespace(cases=cases, predictions=found, truth=truth, meta={})
    (box,) = marks.boxes(cast(Run, tables), "a", ())
    assert box.kind == kind
    assert ("false positive" in box.shown) == (kind == "false")


@pytest.mark.parametrize(("explaining", "detected", "missed", "words"), [
    ({}, True, 1, "names no attribution method"),
    ({"methods": ["grad_cam"]}, False, 0, "nothing at or above the operating point, nothing missed"),
    ({"methods": ["grad_cam"], "cases": 2}, True, 0, "explains 2 of 4 cases"),
    ({"methods": ["grad_cam"]}, False, 1, "none was made for the missed lesion"),
    ({"methods": ["grad_cam"]}, True, 2, "none was made for the missed lesions"),
    ({"methods": ["grad_cam"]}, True, 0, "none was made")])
def test_why_there_is_no_map(explaining: dict[str, object], detected: bool, missed: int, words: str) -> None:
    bare = SimpleNamespace(plan={"explaining": explaining}, meta={"model": {"task": "detection"}},
                           cases=pd.DataFrame({"case": ["a", "b", "c", "d"]}))
    assert words in marks.no_map(cast(Run, bare), "b", detected, missed)
