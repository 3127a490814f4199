"""Cases of one kind: what has a value is of that kind alone, and everything else says why it has none."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from tests.table_runs import sheet_files
from xaimed.cli.app import main
from xaimed.metrics.one_kind import only_kind
from xaimed.run import Run
from xaimed.stats import Estimate

SAID = {1: [0.9, 0.8, 0.7, 0.2], 0: [0.9, 0.1, 0.2, 0.3]}


def test_the_kind_of_all_cases() -> None:
    def kind(*labels: str | None) -> str | None:
        return only_kind(pd.DataFrame({"label": pd.Series(labels, dtype=object)}), "yes")

    assert (kind("yes", "yes"), kind("no", "other"), kind("yes", "no")) == ("positive", "negative", None)
    assert (kind("yes", None, ""), kind(None, None), kind()) == ("positive", None, None)


def audited(folder: Path, label: str, more: tuple[str, ...] = ()) -> Run:
    """Four cases of one label at 0.5: three are called positive where all are, one where none is."""
    scores = SAID[label == "1"]
    lines = ["case,score_a,score_b,score_reader_x,score_reader_y"]
    lines += [f"c{i},{score},{1 - score:.2f},{score / 2},{i / 5}" for i, score in enumerate(scores)]
    truth = "case,patient,label\n" + "".join(f"c{i},p{i},{label}\n" for i in range(4))
    files = sheet_files(folder, truth, "\n".join(lines) + "\n")
    assert main(["audit", "--predictions", str(files[0]), "--truth", str(files[1]), "--operating-point", "0.5",
                 "--margin", "0.1", "--out", str(folder / "run"), *more]) == 0
    return Run.open(folder / "run")


@pytest.mark.parametrize(("label", "own", "other", "value"), [("1", "sensitivity", "specificity", 0.75),
                                                             ("0", "specificity", "sensitivity", 0.75)])
def test_what_can_be_computed_and_what_cannot(tmp_path: Path, capsys: pytest.CaptureFixture[str], label: str, own: str,
                                              other: str, value: float) -> None:
    run = audited(tmp_path, label)
    note = capsys.readouterr().err
    assert note.startswith("note       ")
    assert f"{own} and the share called positive can be computed; {other}, AUC" in note
    assert note.removeprefix("note       ").strip() in run.meta["data"]["warnings"]
    found = {e.name: e for e in run.results.estimates if e.group == "all"}
    assert (found[own].value, found[own].denominator) == (value, 4)
    known = {e.name.partition(":")[0].removeprefix("p (") for e in run.results.estimates if math.isfinite(e.value)}
    assert known == {own, "share called positive", "missing outputs", "indeterminate outputs", f"difference in {own}",
                     "operating point"}
    empty = [e for e in run.results.estimates if not math.isfinite(e.value)]
    assert "image AUC 1" in {e.name for e in empty}
    assert all(math.isnan(e.low) and math.isnan(e.high) for e in empty)
    assert {e.interval for e in empty} == {
        f"not defined: {'every image is' if label == '1' else 'no image is'} positive"}
    assert "NaN" not in (run.path / "results.json").read_text()


def test_no_number_is_printed_as_nan(tmp_path: Path) -> None:
    from tests.report.conftest import text_of

    run = audited(tmp_path, "1")
    words = text_of(run.path / "report.pdf").lower().split()
    assert not {"nan", "+nan", "nan)", "(nan", "(+nan"} & set(words)
    assert "every image is positive" in " ".join(words)


def test_the_class_that_no_case_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is the one that the outputs name; a name that they do not know is refused."""
    truth = "case,patient,label\n" + "".join(f"c{i},p{i},normal\n" for i in range(3))
    scores = "case,label,score\n" + "".join(f"c{i},malignant,{0.1 + 0.3 * i}\n" for i in range(3))
    files = [str(path) for path in sheet_files(tmp_path, truth, scores)]
    asked = ["audit", "--predictions", files[0], "--truth", files[1], "--json", "--out", str(tmp_path / "run")]
    assert main([*asked, "--positive", "malginant"]) == 2
    assert "malignant" in capsys.readouterr().err
    assert main(asked) == 0
    found = [Estimate.from_json(row) for row in json.loads(capsys.readouterr().out)["results"]["estimates"]]
    assert [e.value for e in found if e.name == "specificity"] == [pytest.approx(2 / 3)]
    assert Run.open(tmp_path / "run").plan["judging"]["positive"] == "malignant"
    bare = [str(p) for p in sheet_files(tmp_path, truth, "case,score\nc0,0.2\nc1,0.3\nc2,0.9\n")]
    asked = ["audit", "--predictions", bare[0], "--truth", bare[1], "--out", str(tmp_path / "bare")]
    assert main(asked) == 2
    assert "--positive" in capsys.readouterr().err
    assert main([*asked, "--positive", "cancer"]) == 0


def test_boxes_on_normal_images_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = "case,patient,label,x0,y0,x1,y1\n" + "".join(f"c{i},p{i},,,,,\n" for i in range(4))
    marks = "case,label,x0,y0,x1,y1,score\nc0,malignant,1,1,9,9,0.9\nc1,malignant,1,1,9,9,0.2\n"
    files = sheet_files(tmp_path, truth, marks)
    assert main(["audit", "--predictions", str(files[0]), "--truth", str(files[1]), "--out",
                 str(tmp_path / "run")]) == 0
    assert "specificity, false positives per image and the share" in capsys.readouterr().err
    found = {(e.name, e.rule): e.value for e in Run.open(tmp_path / "run").results.estimates}
    assert found["specificity", "false positives among the negative images"] == 0.75
    assert found["false positives per image at the operating point", "centre in box"] == 0.25
