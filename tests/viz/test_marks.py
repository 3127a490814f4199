"""The boxes of a case, the targets they belong to, and the gravest case of a list."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.example_run import example_run as make
from xaimed.run import Run
from xaimed.viz import marks, worklist


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run.open(make(Path(tmp_path_factory.mktemp("runs"))))


def test_every_box_stands_once_and_knows_its_target(run: Run) -> None:
    for case in run.cases["case"]:
        entries = run.entries(case)
        found = marks.boxes(run, case, entries)
        rows = run.predictions[(run.predictions["case"] == case) & run.predictions["x0"].notna()]
        told = [(box.kind, box.target) for box in found if box.kind != "truth"]
        explained = {entry.target for entry in entries}
        assert told == [("detection" if row["score"] >= 0.5 else "below",
                         row["target"] if row["target"] in explained else "") for _, row in rows.iterrows()]
        assert sum(box.kind == "truth" for box in found) == (run.truth["case"] == case).sum()


def test_a_missed_lesion_leads_to_its_own_map(run: Run) -> None:
    (lesion,) = [box for box in marks.boxes(run, "ex003", run.entries("ex003")) if box.kind == "truth"]
    assert (lesion.target, lesion.missed) == ("m0", True)
    assert "missed by the model" in lesion.spoken
    (found,) = [box for box in marks.boxes(run, "ex000", run.entries("ex000")) if box.kind == "truth"]
    assert (found.target, found.missed) == ("", False)
    assert found.spoken.endswith("no map")


def test_the_gravest_case_has_a_missed_lesion_before_all_else(run: Run) -> None:
    table = worklist.worklist(run)
    assert worklist.gravest(table) == "ex003"
    rows = [("a", 0, "found", 3, 0.9), ("b", 0, "wrong class", 0, 0.1), ("c", 0, "found", 3, 0.95)]
    small = pd.DataFrame(rows, columns=["case", "missed", "outcome", "false_positives", "score"])
    assert worklist.gravest(small) == "b"
    assert worklist.gravest(small[small["case"] != "b"]) == "c"
    assert worklist.gravest(small[:0]) == ""
