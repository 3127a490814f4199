"""What readers said: bound to case, image, method and model; the last word counts; in the report."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.example_run import example_run as make
from xaimed import feedback
from xaimed.errors import InputError, NotFound
from xaimed.feedback import Opinion
from xaimed.report import blocks
from xaimed.report.attachments import scores_csv
from xaimed.report.sections import feedback as section
from xaimed.run import Run

SAID = Opinion("ex000", "d0", "grad_cam", "wrong place", "Dr B", "it lies medially")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.open(make(tmp_path))


def test_it_is_bound_to_image_method_and_model(run: Run) -> None:
    feedback.give(run, SAID)
    (row,) = feedback.opinions(run).to_dict("records")
    assert (row["case"], row["target"], row["method"], row["verdict"]) == ("ex000", "d0", "grad_cam", "wrong place")
    assert (row["reader"], row["comment"], row["model"]) == ("Dr B", "it lies medially", "ab" * 32)
    assert row["digest"] == f"{0:064x}"
    assert row["run"] == "example-run"
    assert row["time"].endswith("Z")
    assert len(row["hash"]) == 64


def test_another_run_of_the_same_model_and_images_sees_it_and_one_of_another_model_does_not(run: Run) -> None:
    feedback.give(run, SAID)
    shutil.copytree(run.path, run.path.with_name("again"))
    assert len(feedback.opinions(Run.open(run.path.with_name("again")))) == 1
    changed = Run(run.path, {**run.meta, "model": {**run.meta["model"], "digest": "cd" * 32}})
    assert feedback.opinions(changed).empty
    other = Run(run.path, run.meta)
    other.__dict__["cases"] = run.cases.assign(digest="0" * 64 + "f")
    assert feedback.opinions(other).empty


def test_the_last_word_of_each_reader_counts_and_all_stay(run: Run) -> None:
    for opinion in (SAID, replace(SAID, verdict="agree"), replace(SAID, reader="Dr C"),
                    replace(SAID, method="kernel_shap", verdict="not sure")):
        feedback.give(run, opinion)
    table = feedback.opinions(run)
    assert len(table) == 4
    assert list(feedback.last_words(table)["verdict"]) == ["agree", "wrong place", "not sure"]
    assert feedback.by_case(table).to_dict() == {"ex000": "agree 1, wrong place 1, not sure 1"}


def test_what_cannot_be_an_opinion_is_refused(run: Run) -> None:
    with pytest.raises(NotFound, match="did you mean 'agree'"):
        replace(SAID, verdict="agre")
    with pytest.raises(InputError, match="no name of a reader"):
        replace(SAID, reader="  ")
    with pytest.raises(InputError, match="1001 characters"):
        replace(SAID, comment="x" * 1001)
    with pytest.raises(NotFound, match="unknown case"):
        feedback.give(run, replace(SAID, case="nobody"))
    assert feedback.opinions(run).empty


def test_nothing_said_is_empty_everywhere(run: Run) -> None:
    assert feedback.opinions(run).empty
    assert feedback.by_case(feedback.opinions(run)).empty
    (_, told) = section.section(run)
    assert isinstance(told, blocks.Text)
    assert "NOT ASSESSED" in told.text


def test_a_comment_is_no_formula_in_a_spreadsheet(run: Run) -> None:
    feedback.give(run, replace(SAID, comment='=HYPERLINK("http://x")', reader="@me"))
    lines = scores_csv(feedback.opinions(run)).decode().splitlines()
    assert "\"'=HYPERLINK(" in lines[1]
    assert ",'@me," in lines[1]


def test_the_report_counts_what_was_said(run: Run) -> None:
    for opinion in (SAID, replace(SAID, reader="Dr C", verdict="agree"), replace(SAID, case="ex003", target="m0")):
        feedback.give(run, opinion)
    found = section.section(run)
    said = next(block for block in found if isinstance(block, blocks.Text))
    assert said.text.startswith("3 opinions of 2 readers on 2 cases")
    by_method, single = (block for block in found if isinstance(block, blocks.Table))
    assert by_method.rows == (("Grad-CAM", "1", "2", "0", "0", "2", "2"),)
    assert [row[0] for row in single.rows] == ["ex003", "ex000", "ex000"]


def test_it_stands_in_the_pdf(run: Run) -> None:
    pytest.importorskip("typst", reason="the extra 'report' is not installed")
    pikepdf = pytest.importorskip("pikepdf", reason="pikepdf is not installed")
    from xaimed.report.write import write_reports

    feedback.give(run, replace(SAID, comment="#strong[no] $x$ _y_ " + "long" * 60))
    (path,) = write_reports(run, [])
    with pikepdf.open(path) as document, document.open_outline() as outline:
        assert "14.1 Feedback of readers" in [item.title for item in outline.root] + [
            child.title for item in outline.root for child in item.children]
