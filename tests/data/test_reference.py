"""The names of cases in tables: one letter however it was written, and a long one shown as cut."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from tests.table_runs import sheet_files
from xaimed.data.scoresheet import SheetRequest, read_scoresheet
from xaimed.errors import InputError

SCORES = "case,score\n{0},0.9\nb,0.1\n"
TRUTH = "case,label\n{0},1\nb,0\n"


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
def test_an_accent_is_one_letter_however_it_was_written(tmp_path: Path, forms: tuple[str, str]) -> None:
    truth, scores = (text.format(unicodedata.normalize(form, "café"))
                     for text, form in zip((TRUTH, SCORES), forms, strict=True))
    sheet = read_scoresheet(SheetRequest(*sheet_files(tmp_path, truth, scores)))
    assert list(sheet.cases["case"]) == ["b", "caf\u00e9"]
    assert len(sheet.models[sheet.first].answered) == 2


def test_a_name_that_is_too_long_is_shown_as_cut_with_its_length(tmp_path: Path) -> None:
    name = "a" * 121
    with pytest.raises(InputError, match=rf"case is '{'a' * 40}'\.\.\. \(121 characters\); expected 1 to 120"):
        read_scoresheet(SheetRequest(*sheet_files(tmp_path, TRUTH.format(name), SCORES.format(name))))
    with pytest.raises(InputError, match=r"case is 'a/b'; expected"):
        read_scoresheet(SheetRequest(*sheet_files(tmp_path, TRUTH.format("a/b"), SCORES.format("a/b"))))


@pytest.mark.parametrize(("truth", "scores"), [
    ("case,label\na,1\nb,0\n", "case,score\n"),
    ("case,label,x0,y0,x1,y1\na,malignant,1,1,5,5\nb,,,,,\n", "case,label,x0,y0,x1,y1,score\n")])
def test_outputs_of_a_header_alone_are_not_taken_for_a_model_that_marks_nothing(
        tmp_path: Path, truth: str, scores: str) -> None:
    with pytest.raises(InputError, match=r"a header and no row, and .* names cases"):
        read_scoresheet(SheetRequest(*sheet_files(tmp_path, truth, scores)))
