"""Every stored value is compared: what changed is found and named, and nothing else."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xaimed.errors import InputError
from xaimed.reproducing import RELATIVE, Tolerance, _alike, reproduced
from xaimed.run import Run


@pytest.fixture
def twin(example_run: Path, tmp_path: Path) -> Path:
    """A copy of the example run to be changed."""
    shutil.copytree(example_run, tmp_path / "twin")
    return tmp_path / "twin"


def test_the_same_run_is_reproduced_and_every_value_is_counted(example_run: Path, twin: Path) -> None:
    run = Run.open(example_run)
    found = reproduced(run, Run.open(twin))
    assert (found.exit_code, found.differences, found.causes) == (0, (), ())
    assert found.compared["predictions"] == len(run.predictions) * 6  # label, score and four edges
    assert found.compared["maps"] == sum(len(run.entries(case)) for case in run.cases["case"])
    assert found.compared["results"] == 5 * len(run.results.estimates)
    points = sum(len(values) for curve in run.results.curves.values() for values in curve.values())
    assert found.compared["curves"] >= points > 0
    assert f"(cases {found.compared['cases']}, truth " in found.verdict
    assert found.verdict.startswith(f"reproduced: all {sum(found.compared.values())} stored values")


@pytest.mark.parametrize(("table", "column", "row"), [("predictions", "score", 3), ("predictions", "x0", 0),
                                                      ("scores", "value", 7), ("truth", "y1", 1)])
@pytest.mark.parametrize("part", [0.5, 2.0])
def test_a_number_counts_from_the_tolerance_up(example_run: Path, twin: Path, table: str, column: str, row: int,
                                               part: float) -> None:
    frame = pd.read_parquet(twin / f"{table}.parquet")
    value = float(frame.loc[row, column])
    assert abs(value) > 0.01
    frame.loc[row, column] = value * (1 + part * RELATIVE)
    frame.to_parquet(twin / f"{table}.parquet")
    found = reproduced(Run.open(example_run), Run.open(twin))
    assert [d.where.split()[0] for d in found.differences] == [f"{table}.{column}"] * (part > 1)
    assert found.exit_code == int(part > 1)
    if part > 1:
        assert str(frame.loc[row, "case"]) in found.differences[0].where
        assert found.differences[0].size == pytest.approx(abs(value) * part * RELATIVE, rel=1e-6)


def test_rows_text_nan_and_findings(example_run: Path, twin: Path) -> None:
    predictions = pd.read_parquet(twin / "predictions.parquet").iloc[1:]
    predictions.to_parquet(twin / "predictions.parquet")
    cases = pd.read_parquet(twin / "cases.parquet")
    cases.loc[0, "label"] = "other"
    cases.loc[1, "spacing_mm"] = math.nan
    cases.to_parquet(twin / "cases.parquet")
    findings = json.loads((twin / "findings.json").read_text())
    findings[0]["outcome"] = "NOT ASSESSED"
    (twin / "findings.json").write_text(json.dumps(findings))
    found = reproduced(Run.open(example_run), Run.open(twin)).differences
    told = {d.where.split()[0]: (d.stored, d.now) for d in found}
    assert told["predictions"] == ("present", "absent")
    assert told["cases.label"][1] == "other"
    assert told["cases.spacing_mm"][1] == "nan"
    assert told["finding"][1] == "NOT ASSESSED"
    assert len(told) == 4


def test_curves_counts_statements_and_new_estimates_are_compared(example_run: Path, twin: Path) -> None:
    results = json.loads((twin / "results.json").read_text())
    name, curve = next(iter(results["curves"].items()))
    column, values = next(iter(curve.items()))
    values[1] = 0.4321
    counted = next(e for e in results["estimates"] if e.get("denominator"))
    counted["denominator"] += 1
    results["estimates"].append({**counted, "name": "one more"})
    (twin / "results.json").write_text(json.dumps(results))
    findings = json.loads((twin / "findings.json").read_text())
    findings[0]["statement"] = "Something else."
    (twin / "findings.json").write_text(json.dumps(findings))
    told = {d.where: d.now for d in reproduced(Run.open(example_run), Run.open(twin)).differences}
    assert told.pop(f"curve {name}: {column}, point 1") == "0.4321"
    assert told.pop(f"finding {findings[0]['code']}: statement") == "Something else."
    assert [now for where, now in told.items() if where.startswith("results one more")] == ["present"]
    assert [now for where, now in told.items() if where.endswith(": denominator")] == [f"{counted['denominator']:.6g}"]
    assert len(told) == 2


@pytest.mark.parametrize(("first", "second", "alike"), [
    ("AUC 0.712 of 30", "AUC 0.713 of 30", True), ("AUC 0.712 of 30", "AUC 0.714 of 30", False),
    ("AUC 0.712 of 30", "AUC 0.712 of 31", False), ("none of 3", "two of 3", False),
    ("at 2026-11-23T07:48:47Z", "at 2026-11-24T00:00:54Z", True)])
def test_a_statement_is_alike_up_to_the_last_digit(first: str, second: str, alike: bool) -> None:
    assert _alike(first, second, Tolerance()) is alike


def test_a_map_that_differs_is_found(example_run: Path, twin: Path) -> None:
    import zarr

    run = Run.open(example_run)
    case = next(case for case in run.cases["case"] if run.entries(case))
    maps = zarr.open_group(str(twin / "maps.zarr" / case))["maps"]
    values = np.asarray(maps[...])
    values[1, 40, 40] += np.float16(0.25)
    maps[...] = values
    found = reproduced(run, Run.open(twin)).differences
    entry = run.entries(case)[1]
    assert [d.where for d in found] == [f"map {case} {entry.target} {entry.method}"]
    assert found[0].size == pytest.approx(0.25, abs=0.01)


def test_the_cause_is_named_where_the_set_up_differs(example_run: Path, twin: Path) -> None:
    meta = json.loads((twin / "run.json").read_text())
    meta |= {"device": "cuda", "versions": {**meta["versions"], "numpy": "0.1"}, "code": "0" * 64}
    (twin / "run.json").write_text(json.dumps(meta))
    results = json.loads((twin / "results.json").read_text())
    results["estimates"][0]["value"] = 0.123
    (twin / "results.json").write_text(json.dumps(results))
    found = reproduced(Run.open(example_run), Run.open(twin))
    assert [d.now for d in found.differences] == ["0.123"]
    text = "\n".join(found.lines())
    assert "cuda now" in text
    assert "0.1 now" in text
    assert text.startswith("NOT reproduced: 1 of ")
    assert json.loads(json.dumps(found.to_json()))["exit"] == 1


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_a_tolerance_is_a_number_from_0_up(value: float) -> None:
    with pytest.raises(InputError, match="expected a number from 0 up"):
        Tolerance(relative=value)
