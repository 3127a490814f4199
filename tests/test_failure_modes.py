"""The table of failure modes that a plan names: in the plan of the run, and so in its report; bad rows are refused."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests.table_runs import SCORES, TRUTH, sheet_files
from xaimed.cli.app import main
from xaimed.errors import NotFound, PlanError
from xaimed.failure_modes import read_modes, usual_modes
from xaimed.plan import open_plan, plan_of, plan_text
from xaimed.report.blocks import Badge, Table
from xaimed.report.sections.failure_modes import section
from xaimed.run import Run

ROW = {"id": "H1", "part": "data", "mode": "Films of another scanner", "effect": "Missed lesions", "severity": 5,
       "detection": 3, "control": "Sites compared", "checks": ["XM501"]}
OTHER = {**ROW, "id": "H2", "mode": "Wrong patient", "severity": 2, "checks": []}


def toml(*rows: dict[str, object]) -> str:
    lines = [["[[modes]]", *(f"{key} = {json.dumps(value)}" for key, value in row.items())] for row in rows]
    return "\n".join(line for part in lines for line in part) + "\n"


def planned(folder: Path, *rows: dict[str, object]) -> Path:
    """A plan that names "risks/own.toml" beside it."""
    (folder / "risks").mkdir()
    (folder / "risks" / "own.toml").write_text(toml(*rows))
    plan = folder / "plan.toml"
    plan.write_text('name = "own"\nfailure_modes = "risks/own.toml"\n')
    return plan


def test_the_rows_of_the_plan_are_those_of_the_report(tmp_path: Path) -> None:
    plan = planned(tmp_path, OTHER, ROW)
    files = sheet_files(tmp_path, TRUTH, SCORES)
    assert main(["audit", "--predictions", str(files[0]), "--truth", str(files[1]), "--plan", str(plan), "--out",
                 str(tmp_path / "run")]) == 0
    (tmp_path / "risks" / "own.toml").unlink()
    run = Run.open(tmp_path / "run")
    assert run.plan["failure_modes"] == [OTHER, ROW]
    (table,) = [block for block in section(run) if isinstance(block, Table)]
    assert [row[0] for row in table.rows] == ["H1", "H2"]
    outcomes = {finding.code: finding.outcome for finding in run.findings}
    said = [row[-1].text for row in table.rows if isinstance(row[-1], Badge)]
    assert said == [outcomes["XM501"], "NOT ASSESSED"]
    assert "set down in the plan" in table.note


def test_without_a_table_of_its_own_a_plan_has_the_usual_one(example_run: Path) -> None:
    (table,) = [block for block in section(Run.open(example_run)) if isinstance(block, Table)]
    assert {row[0] for row in table.rows} == {mode.id for mode in usual_modes()}
    assert "come with xaimed" in table.note
    assert "failure_modes" not in tomllib.loads(plan_text(open_plan("quick")))


def test_a_stored_plan_gives_the_same_plan(tmp_path: Path) -> None:
    plan = open_plan(str(planned(tmp_path, ROW)))
    assert plan_of(tomllib.loads(plan_text(plan))) == plan


@pytest.mark.parametrize(("change", "words"), [
    ({"severity": 9}, "severity 9"), ({"detection": 2.5}, "detection 2.5"), ({"severity": True}, "severity True"),
    ({"checks": ["XM510"]}, "did you mean"), ({"effects": "x"}, "effects")])
def test_bad_rows_are_refused(tmp_path: Path, change: dict[str, object], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        open_plan(str(planned(tmp_path, {**ROW, **change})))


def test_a_row_that_lacks_a_field_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"lacks part; expected the fields id, part, mode"):
        open_plan(str(planned(tmp_path, {key: value for key, value in ROW.items() if key != "part"})))


def test_bad_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"none\.toml"):
        read_modes(tmp_path / "none.toml")
    (tmp_path / "empty.toml").write_text("")
    with pytest.raises(PlanError, match="modes"):
        read_modes(tmp_path / "empty.toml")
    with pytest.raises(PlanError, match="two failure modes have the id 'H1'"):
        open_plan(str(planned(tmp_path, ROW, ROW)))
    with pytest.raises(PlanError, match="failure_modes = 3"):
        plan_of({"failure_modes": 3})
