"""Audit of tables: what the command writes, what it refuses, and that nothing is dropped in silence."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.table_runs import BOXES, MARKS, SCORES, TRUTH, sheet_files
from xaimed.cli.app import main
from xaimed.data.scoresheet import SheetRequest, read_scoresheet
from xaimed.errors import XaimedError
from xaimed.judging_tables import TableAudit, judge_sheet
from xaimed.metrics.judged import JudgeOptions
from xaimed.metrics.operating import AMONG
from xaimed.run import Run
from xaimed.unanswered import INTENDED

PLAN = '[judging]\nresamples = 40\npositive = "1"\n'


def request(folder: Path, truth: str = TRUTH, scores: str = SCORES, positive: str = "") -> SheetRequest:
    return SheetRequest(*sheet_files(folder, truth, scores), positive)


def audit(asked: SheetRequest, resamples: int = 40) -> TableAudit:
    sheet = read_scoresheet(asked)
    return TableAudit(sheet, JudgeOptions(resamples=resamples, positive=sheet.positive), "", Path("none"),
                      (asked.predictions, asked.truth), 0.5)


def test_the_command_writes_a_run_without_maps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predictions, truth = sheet_files(tmp_path, TRUTH, SCORES)
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN)
    out = tmp_path / "run"
    code = main(["audit", "--predictions", str(predictions), "--truth", str(truth), "--plan", str(plan),
                 "--out", str(out), "--margin", "0.2", "--operating-point", "0.5"])
    told, said = capsys.readouterr()
    assert code == 0, said
    assert "NOT ASSESSED" in told
    run = Run.open(out)
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF")
    assert len(run.cases) == 10
    assert run.entries("a") == ()
    assert {f.outcome for f in run.findings if f.code.startswith("XM3")} == {"NOT ASSESSED"}
    assert set(run.predictions["condition"]) == {"clean", "model old"}
    missing = run.results.find("missing outputs")
    assert missing is not None
    assert (missing.numerator, missing.denominator) == (1, 10)
    # Of 4 x 5 answered pairs "new" ranks all right but e (0.4) below f (0.6); of 20 pairs "old" loses c and i to some.
    found = run.results.find("image AUC 1")
    assert found is not None
    assert found.value == pytest.approx(19 / 20)
    assert run.results.find("difference in image AUC 1: new - old") is not None
    specificity = run.results.find("specificity", "intention to diagnose: an output that is missing is wrong")
    assert specificity is not None
    assert (specificity.numerator, specificity.denominator) == (4, 6)
    assert any(e.name.startswith("non-inferiority") for e in run.results.estimates)
    assert main(["verify", str(out)]) == 0


def test_boxes_and_normal_images_are_read(tmp_path: Path) -> None:
    sheet = read_scoresheet(request(tmp_path, BOXES, MARKS))
    assert (sheet.task, sheet.positive) == ("detection", "malignant")
    assert dict(zip(sheet.cases["case"], sheet.cases["label"], strict=True)) == {
        "a": "malignant", "b": "malignant", "c": "normal", "d": "normal", "e": "benign"}
    scores = sheet.models[sheet.first]
    assert scores.missing == ("c",)
    assert scores.silent == 1
    assert any("1 cases have no row" in note for note in sheet.notes)
    best = scores.predictions[scores.predictions["x0"].isna() & (scores.predictions["target"] == "malignant")]
    assert dict(zip(best["case"], best["score"], strict=True)) == {"a": 0.9, "b": 0.4, "d": 0.0, "e": 0.0}
    assert list(sheet.reference.truth["lesion"]) == ["L1", "L1", "L2"]


WRONG = {
    "no column case": (TRUTH.replace("case", "id"), SCORES, "no column case"),
    "no column score": (TRUTH, "case,vendor\na,x\n", "no column score"),
    "above one": (TRUTH, SCORES.replace("0.9,0.8", "1.9,0.8"), "line 2: score_new is '1.9'"),
    "infinite": (TRUTH, SCORES.replace("0.9,0.8", "inf,0.8"), "expected a score in [0, 1]"),
    "a word": (TRUTH, SCORES.replace("0.9,0.8", "high,0.8"), "expected a score in [0, 1]"),
    "stranger": (TRUTH, SCORES + "z,0.1,0.1\n", "case 'z' is not in the truth table"),
    "twice in predictions": (TRUTH, SCORES + "a,0.1,0.1\n", "line 2 already"),
    "twice in truth": (TRUTH + "a,p1,1,X\n", SCORES, "line 2 already"),
    "two patients": (BOXES + "a,p9,malignant,1,1,2,2,,CC\n", MARKS, "expected one patient for a case"),
    "box and no box": (BOXES + "a,p1,,,,,,,CC\n", MARKS, "boxes as well"),
    "no area": (BOXES.replace("30,30,L1", "10,30,L1"), MARKS, "no area"),
    "half a box": (BOXES.replace("30,30,L1", ",30,L1"), MARKS, "an edge is missing"),
    "unscored box": (BOXES, MARKS.replace("31,31,0.9", "31,31,"), "a box without a score"),
    "label": (BOXES, MARKS.replace("e,benign", "e,bening"), "did you mean 'benign'"),
    "three edges": (BOXES, MARKS.replace("y1", "yy"), "no column y1"),
    "ragged": (TRUTH, SCORES + "a,0.1\n", "line 12: 2 cells; expected 3"),
    "empty": (TRUTH, "", "expected a header and rows"),
    "path": (TRUTH.replace("a,p1", "../a,p1"), SCORES, "rename the cases"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_bad_table_is_one_line(name: str, tmp_path: Path) -> None:
    truth, scores, words = WRONG[name]
    with pytest.raises(XaimedError) as problem:
        read_scoresheet(request(tmp_path, truth, scores))
    assert words in str(problem.value)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize(("options", "words"), [
    ([], "no --truth"), (["--truth", "TRUTH", "--positive", "2"], "unknown class"),
    (["--truth", "TRUTH", "--score-column", "score_nwe"], "did you mean 'score_new'"),
    (["--truth", "TRUTH", "--operating-point", "7"], "expected a number in [0, 1]"),
    (["--truth", "TRUTH", "--operating-point", "nwe=0.4"], "did you mean 'new'"),
    (["--truth", "TRUTH", "--operating-point", "new=0.4", "--operating-point", "new=0.5"], "expected one for each"),
    (["--truth", "TRUTH", "--prevalence", "0"], "expected a number above 0 and below 1"),
    (["--truth", "TRUTH", "--margin", "0.1", "--score-column", "score_new"], "expected a second one"),
    (["--truth", "TRUTH", "--out", "TAKEN"], "exists and is no run")])
def test_a_wrong_option_ends_with_two(options: Sequence[str], words: str, tmp_path: Path,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    predictions, truth = sheet_files(tmp_path, TRUTH, SCORES)
    places = {"TRUTH": str(truth), "TAKEN": str(tmp_path)}
    assert main(["audit", "--predictions", str(predictions), *(places.get(o, o) for o in options)]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1


def test_an_indeterminate_output_is_counted_apart(tmp_path: Path) -> None:
    found = judge_sheet(audit(request(tmp_path, scores=SCORES.replace("a,0.9", "a,indeterminate"))))
    for name in ("missing outputs", "indeterminate outputs"):
        estimate = found.find(name)
        assert estimate is not None
        assert estimate.numerator == 1
    auc = found.find("image AUC 1")
    assert auc is not None
    assert (auc.numerator, auc.denominator) == (3, 8)


def test_without_a_patient_column_it_says_so(tmp_path: Path) -> None:
    bare = "\n".join(",".join(line.split(",")[i] for i in (0, 2)) for line in TRUTH.strip().splitlines())
    sheet = read_scoresheet(request(tmp_path, bare))
    assert list(sheet.cases["patient"]) == list(sheet.cases["case"])
    assert any("no column patient" in note for note in sheet.notes)


def letters(text: str) -> str:
    """A header and a row for each of nine cases, whose labels are a, b and c in turn."""
    return "\n".join(text.format(case=f"c{i}", label="abc"[i % 3], score=i / 10) for i in range(9))


THREE = "case,patient,label\n" + letters("{case},{case},{label}")


def test_a_class_without_a_score_is_said_and_so_is_one_with_gaps(tmp_path: Path) -> None:
    rows = [f"c{i},{label},{i / 10}" for i in range(9) for label in "ab" if (i, label) != (3, "b")]
    sheet = read_scoresheet(request(tmp_path, THREE, "\n".join(["case,label,score", *rows]), "a"))
    assert any("no score of class c" in note for note in sheet.notes)
    assert any("class b on some" in note for note in sheet.notes)
    alone = read_scoresheet(request(tmp_path, THREE, "case,score\n" + letters("{case},{score}"), "a"))
    assert not any("class" in note for note in alone.notes)


def test_columns_named_after_classes_are_one_model(tmp_path: Path) -> None:
    wide = "case,score_a,score_b,score_c\n" + letters("{case},{score},0.25,0.125")
    sheet = read_scoresheet(request(tmp_path, THREE, wide, "a"))
    assert list(sheet.models) == ["predictions"]
    table = sheet.models["predictions"].predictions
    found = {(row.case, row.label): row.score for row in table.itertuples()}
    assert len(found) == 27
    assert [found["c4", label] for label in "abc"] == [0.4, 0.25, 0.125]
    two = read_scoresheet(request(tmp_path, THREE, "case,score_a,score_b\n" + letters("{case},{score},0.25"), "a"))
    assert any("no score of class c" in note for note in two.notes)


@pytest.fixture(scope="module")
def reader_study(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> SheetRequest:
    """The NYU table as predictions and truth: a case a breast, a patient an exam."""
    source = data_root / "nyu-reader-study" / "results.csv"
    if not source.is_file():
        pytest.skip(f"no {source}")
    rows = list(csv.DictReader(source.read_text().splitlines()))
    columns = [name for name in rows[0] if name.endswith("_POM")]
    folder = tmp_path_factory.mktemp("nyu")
    scores = [["case", *columns], *([f"{r['case_ID']}_{r['side']}", *(r[c] for c in columns)] for r in rows)]
    truth = [["case", "patient", "label"], *([f"{r['case_ID']}_{r['side']}", r["case_ID"], r["label"]] for r in rows)]
    return SheetRequest(*sheet_files(folder, "\n".join(map(",".join, truth)), "\n".join(map(",".join, scores))))


@pytest.mark.timeout(600)
def test_the_reader_study_gives_its_known_values(reader_study: SheetRequest) -> None:
    """The values that SOURCE.md states, to three digits; its intervals come of a case bootstrap, so within 0.01."""
    found = judge_sheet(audit(reader_study, 100))
    known = {"AI_GMIC_top5_POM": 0.881, "AI_GLAM_POM": 0.853, "AI_DMVCNN_POM": 0.779, "AI_frcnn_POM": 0.714,
             "AI_end2end_inbreast_POM": 0.586, "AI_end2end_ddsm_POM": 0.454}
    for name, value in known.items():
        group = "all" if name == "AI_GMIC_top5_POM" else f"model={name}"
        auc = found.find("image AUC 1", group=group)
        assert auc is not None
        assert round(auc.value, 3) == value
    limits = {"all": (0.837, 0.920), "model=AI_frcnn_POM": (0.637, 0.783), "model=AI_end2end_ddsm_POM": (0.380, 0.535)}
    for group, (low, high) in limits.items():
        auc = found.find("image AUC 1", group=group)
        assert auc is not None
        assert (auc.low, auc.high) == pytest.approx((low, high), abs=0.02)
    mean = found.find("mean of 14 readers' image AUC 1")
    average = found.find("image AUC 1 of the readers' average score")
    assert mean is not None
    assert average is not None
    assert (round(mean.value, 3), round(average.value, 3)) == (0.779, 0.895)
    rule = "15 bins of equal width"
    errors = [found.find("ECE", rule, group) for group in ("all", "model=AI_frcnn_POM")]
    assert [round(e.value, 3) for e in errors if e is not None] == [0.021, 0.315]


def test_detectors_are_compared_by_lesion_on_the_same_draws(tmp_path: Path) -> None:
    """On one lesion and one normal image of each patient "good" hits four of four, "bad" two, both mark one normal."""
    truth, scores = ["case,patient,label,x0,y0,x1,y1"], ["case,label,x0,y0,x1,y1,score_good,score_bad"]
    for i in range(4):
        truth += [f"a{i},p{i},malignant,10,10,30,30", f"n{i},p{i},,,,,"]
        scores += [f"a{i},malignant,10,10,30,30,0.9,{0.8 if i < 2 else ''}", f"n{i},malignant,50,50,60,60,0.1,0.1"]
    found = judge_sheet(audit(request(tmp_path, "\n".join(truth), "\n".join(scores))))
    gap = found.find("difference in sensitivity at 0.25 false positives per image: good - bad")
    assert gap is not None
    assert gap.value == 0.5
    assert (gap.unit, gap.rule) == ("lesion", "centre in box, p by patient bootstrap")
    assert found.find("p (difference in sensitivity at 0.25 false positives per image: good - bad)") is not None


def test_estimates_are_fit_for_json(tmp_path: Path) -> None:
    found = judge_sheet(audit(request(tmp_path)))
    assert json.dumps(found.to_json(), allow_nan=False)
    for estimate in found.estimates:
        assert estimate.interval
        assert not (math.isnan(estimate.value) and not estimate.interval)


def test_each_model_has_its_own_operating_point(tmp_path: Path) -> None:
    """At 0.3 "new" finds all of a, c, e, i; at 0.6 "old" finds a and e; both answered all but j."""
    asked = audit(request(tmp_path))
    own = replace(asked, point=None, points={"new": 0.3, "old": 0.6})
    found = judge_sheet(own)
    gaps = [e for e in found.estimates if e.name == "difference in sensitivity: new - old"]
    assert {e.value for e in gaps} == {4 / 4 - 2 / 4}
    assert all("own score up (new 0.3, old 0.6)" in e.rule for e in gaps)
    sensitivity = found.find("sensitivity", AMONG, "model=old")
    assert sensitivity is not None
    assert sensitivity.value == 2 / 4
    points = {e.group: (e.value, e.interval) for e in found.estimates if e.name == "operating point"}
    assert points == {"all": (0.3, "none: set before the test"), "model=old": (0.6, "none: set before the test")}


def test_an_operating_point_that_nobody_set_is_said_beside_each_difference(tmp_path: Path) -> None:
    found = judge_sheet(replace(audit(request(tmp_path)), point=None))
    gaps = [e for e in found.estimates if e.name == "difference in specificity: new - old"]
    assert gaps
    assert all("positive from 0.5 up, which nobody set" in e.rule for e in gaps)


def test_cases_that_a_pair_leaves_out_are_counted_and_judged_as_intended(tmp_path: Path) -> None:
    """"new" is silent on j, a negative that "old" calls rightly: 4 against 4 of 6 are right, without j 4 and 3 of 5."""
    found = judge_sheet(audit(request(tmp_path)))
    left = found.find("cases left out: without an output of both models")
    assert left is not None
    assert (left.numerator, left.denominator) == (1, 10)
    gaps = {INTENDED in e.rule: e.value for e in found.estimates if e.name == "difference in specificity: new - old"}
    assert gaps == {False: pytest.approx(4 / 5 - 3 / 5), True: pytest.approx(4 / 6 - 4 / 6)}


def test_cases_without_a_row_are_no_proof_that_no_output_is_missing(tmp_path: Path) -> None:
    few = judge_sheet(audit(request(tmp_path, BOXES, MARKS))).find("missing outputs")
    assert few is not None
    assert (few.numerator, few.denominator) == (1, 5)
    many = judge_sheet(audit(request(tmp_path, BOXES, MARKS.replace("e,benign,51,51,71,71,0.7\n", "")))).find(
        "missing outputs")
    assert many is not None
    assert math.isnan(many.value)
    assert many.interval.startswith("NOT ASSESSED: 2 of 5 cases have no row")
    told = MARKS.replace("e,benign,51,51,71,71,0.7", "e,,,,,,0\nd,,,,,,0")
    said = judge_sheet(audit(request(tmp_path, BOXES, told))).find("missing outputs")
    assert said is not None
    assert said.numerator == 1


def test_a_run_of_many_cases_is_a_few_files(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    """3000 cases in one marker, told by lines, and still verified; images, maps and reports ask nothing of a case."""
    truth = "case,patient,label\n" + "".join(f"c{i},p{i},{i % 2}\n" for i in range(3000))
    scores = "case,score,fold\n" + "".join(f"c{i},{(i * 37 % 101) / 101:.3f},{i % 5}\n" for i in range(3000))
    predictions, reference = sheet_files(tmp_path, truth, scores)
    plan, out = tmp_path / "plan.toml", tmp_path / "run"
    plan.write_text(PLAN)
    monkeypatch.setattr("xaimed.cli.progress.EVERY", 0.02)
    assert main(["audit", "--predictions", str(predictions), "--truth", str(reference), "--plan", str(plan),
                 "--out", str(out)]) == 0
    told, lines = capsys.readouterr()
    assert re.search(r"^report +0/1 after \d", lines, re.MULTILINE)
    assert "scores     predictions (column score); not taken: fold" in told
    assert len([path for path in out.rglob("*") if path.is_file()]) < 15
    assert (out / "run.json").stat().st_size < 20_000
    run = Run.open(out)
    assert (run.entries("c17"), len(run.cases)) == ((), 3000)
    assert main(["verify", str(out)]) == 0
    marker = out / "maps.zarr" / "zarr.json"
    marker.write_text(marker.read_text().replace("true", "false"))
    assert main(["verify", str(out)]) == 1
