"""The audit of a publication: the case study's own arithmetic, and sheets that contradict themselves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.conftest import text_of
from xaimed.cli.app import main
from xaimed.content import folder
from xaimed.errors import XaimedError
from xaimed.paper.audit import Matrix, PaperAudit
from xaimed.paper.figures import figure
from xaimed.paper.sheet import Reported, Sheet, Site, read_sheet

HADUSH = folder("audits") / "paper" / "hadush-2020.toml"
FOUR = {"accuracy": "91.86 %", "sensitivity": "94.67 %", "specificity": "89.69 %", "precision": "87.65 %"}


@pytest.fixture(scope="module")
def hadush() -> PaperAudit:
    return PaperAudit(read_sheet(HADUSH))


def outcomes(audit: PaperAudit) -> dict[str, str]:
    return {remark.topic: remark.outcome for remark in audit.remarks}


def sheet(figures: dict[str, str], **rest: object) -> Sheet:
    return replace(Sheet("t", figures=tuple(figure(k, v) for k, v in figures.items())), **rest)  # type: ignore[arg-type]


def test_the_case_study_has_one_matrix_up_to_a_factor(hadush: PaperAudit) -> None:
    first = (71, 4, 10, 87)
    assert [(m.tp, m.fn, m.fp, m.tn) for m in hadush.matrices] == [
        tuple(k * c for c in first) for k in range(1, 12)]  # 11 * 172 <= 2000 < 12 * 172
    assert hadush.rounding == "rounded"


def test_the_case_study_contradicts_its_test_size_and_a_rule_explains_it(hadush: PaperAudit) -> None:
    assert [m.total for m in hadush.by_rule["every unit once"]] == []
    assert hadush.by_rule["false positives counted as extra negatives"] == (Matrix(71, 4, 10, 87),)
    assert outcomes(hadush)["test size"] == "contradiction"
    rule = next(r.text for r in hadush.remarks if r.topic == "counting rule")
    assert "accuracy 91.36 %, specificity 88.51 %" in rule
    assert hadush.contradicted


def test_the_case_study_s_intervals_and_measures(hadush: PaperAudit) -> None:
    limits = {i.name: (round(100 * i.low, 1), round(100 * i.high, 1)) for i in hadush.intervals}
    assert limits["accuracy"] == (86.8, 95.1)
    assert limits["sensitivity"] == (87.1, 97.9)
    assert limits["precision"] == (78.7, 93.2)
    assert limits["specificity"] == (82.1, 94.3)
    assert hadush.chosen is not None
    assert [round(hadush.chosen.value(name), 3) for name in ("F1", "MCC", "kappa", "prevalence")] == [
        0.910, 0.838, 0.836, 0.436]


def test_the_case_study_s_questions(hadush: PaperAudit) -> None:
    texts = {topic: " ".join(r.text for r in hadush.remarks if r.topic == topic) for topic in outcomes(hadush)}
    assert "92.18 % are the same" in texts["AUC"]
    assert "6340 images of 1690 cases (3.75 each)" in texts["leakage"]
    assert "49.4 % of the test images come from St Gebriel" in texts["sites"]
    assert "Kadisko (4), Pioneer (3)" in texts["sites"]
    assert "data table" not in texts


def test_no_matrix_fits_is_said() -> None:
    audit = PaperAudit(sheet({**FOUR, "precision": "99.99 %"}))
    assert audit.matrices == ()
    assert audit.remarks[0].text.startswith("no matrix of up to 2000 images fits accuracy 91.86 %")
    assert audit.chosen is None
    assert audit.contradicted


def test_a_sound_paper_has_no_contradiction() -> None:
    audit = PaperAudit(sheet({"accuracy": "0.90", "sensitivity": "0.80", "specificity": "0.95", "auc": "0.93"},
                             counts=Reported(test=60, positives=20), split_by="patient", normals_tested=True))
    assert audit.chosen == Matrix(16, 4, 2, 38)
    assert {r.outcome for r in audit.remarks} == {"fits"}


def test_truncated_figures_are_recognised() -> None:
    # 2 / 3 and 5 / 6 truncated are 0.66 and 0.83; rounded they would be 0.67 and 0.83.
    audit = PaperAudit(sheet({"sensitivity": "0.66", "specificity": "0.83"}, counts=Reported(test=9, positives=3)))
    assert audit.rounding == "truncated"
    assert audit.chosen == Matrix(2, 1, 1, 5)


def test_an_auc_that_is_said_to_come_from_scores_contradicts() -> None:
    audit = PaperAudit(sheet({**FOUR, "auc": "92.2 %"}, auc_from="scores"))
    assert outcomes(audit)["AUC"] == "contradiction"


def test_a_data_table_that_does_not_add_up_contradicts() -> None:
    sites = (Site("A", used=10, train=7, val=1, test=1), Site("B", used=10, train=5, val=0, test=5))
    texts = [r.text for r in PaperAudit(sheet(FOUR, sites=sites, counts=Reported(test=172))).remarks
             if r.topic == "data table"]
    assert texts == ["A: 7 + 1 + 1 = 9, and 10 are reported",
                     "the sites' test images add up to 6, and 172 are reported"]


@pytest.mark.parametrize(("text", "said"), [
    ("", "no table [figures]"), ("[figures]\naccuracy = 91.8", "in quotation marks"),
    ("[figures]\naccuracy = '91.8 %'", "no title"),
    ("titel = 'x'\n[figures]\naccuracy = '0.9'", "did you mean 'title'"),
    ("title = 'x'\nsplit_by = 'pateint'\n[figures]\naccuracy = '0.9'", "did you mean 'patient'"),
    ("title = 'x'\n[figures]\naccuracy = '0.9'\n[counts]\ntest = 1.5", "whole number"),
    ("title = 'x'\n[figures]\nrecall = '0.9'\nsensitivity = '0.8'", "twice"),
    ("title = 'x'\nsites = 3\n[figures]\nrecall = '0.9'", "expected tables"), ("title = ", "not valid TOML")])
def test_a_sheet_that_cannot_be_read_is_one_line(tmp_path: Path, text: str, said: str,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.toml"
    path.write_text(text)
    with pytest.raises(XaimedError) as caught:
        read_sheet(path)
    assert said in str(caught.value)
    assert main(["audit", "--paper", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pdf = tmp_path / "paper.pdf"
    assert main(["audit", "--paper", str(HADUSH), "--out", str(pdf)]) == 1
    out = capsys.readouterr().out
    assert "CONTRADICTED: 1 contradiction, 7 questions" in out
    assert "(158/172, Wilson)" in out
    assert "91.36 %" in text_of(pdf)
    assert main(["audit", "--paper", str(HADUSH), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["matrices"][0] == [71, 4, 10, 87]
    assert said["rounding"] == "rounded"
    assert main(["audit", "--paper", str(HADUSH), "--out", str(tmp_path)]) == 2
    assert main(["audit", "model.pt", "--paper", str(HADUSH)]) == 2
    assert main(["audit", "--paper", str(tmp_path / "none.toml")]) == 2
