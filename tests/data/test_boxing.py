"""Boxes under other names are refused, boxes without a class are one class, and what is not used is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.table_runs import BOXES, MARKS, sheet_files
from xaimed.data.scoresheet import Scoresheet, SheetRequest, read_scoresheet
from xaimed.errors import InputError


def read(folder: Path, truth: str, outputs: str) -> Scoresheet:
    return read_scoresheet(SheetRequest(*sheet_files(folder, truth, outputs)))


def without(text: str, *places: int) -> str:
    """A table without some of its columns."""
    return "\n".join(",".join(cell for i, cell in enumerate(line.split(",")) if i not in places)
                     for line in text.strip().splitlines())


@pytest.mark.parametrize(("truth", "outputs", "words"), [
    (BOXES, MARKS.replace("x0,y0,x1,y1", "xmin,ymin,xmax,ymax"), "found xmin, ymin, xmax, ymax"),
    (BOXES, MARKS.replace("x0,y0,x1,y1", "X0,Y0,X1,Y1"), "found X0, Y0, X1, Y1"),
    (BOXES.replace("x0,y0,x1,y1", "left,top,right,bottom"), MARKS.replace("x0,y0,x1,y1", "left,top,right,bottom"),
     "found left, top, right, bottom"),
    (BOXES, without(MARKS, 2, 3, 4, 5), "several rows of a case and no edges")])
def test_boxes_under_other_names_are_refused(tmp_path: Path, truth: str, outputs: str, words: str) -> None:
    with pytest.raises(InputError) as problem:
        read(tmp_path, truth, outputs)
    assert words in str(problem.value)


def test_whole_images_beside_boxes_are_read_and_told(tmp_path: Path) -> None:
    sheet = read(tmp_path, BOXES, "case,score\na,0.9\nb,0.4\nc,0.1\nd,0.2\ne,0.3\n")
    assert sheet.task == "classification"
    assert any("images are judged as wholes" in note for note in sheet.notes)


def test_boxes_without_a_class_are_one_class(tmp_path: Path) -> None:
    sheet = read(tmp_path, BOXES, without(MARKS, 1))
    assert (sheet.positive, sheet.classes) == ("lesion", ("normal", "lesion"))
    assert dict(zip(sheet.cases["case"], sheet.cases["label"], strict=True)) == {
        "a": "lesion", "b": "lesion", "c": "normal", "d": "normal", "e": "lesion"}
    assert set(sheet.models[sheet.first].predictions["label"]) == {"lesion"}
    assert any("benign, malignant are judged as one class" in note for note in sheet.notes)


def test_reference_boxes_without_a_class_take_any_class_of_the_outputs(tmp_path: Path) -> None:
    truth = BOXES.replace("malignant", "").replace("benign", "").replace("normal", "")
    for text in (truth, without(truth, 2)):
        sheet = read(tmp_path, text, MARKS)
        assert sheet.classes == ("normal", "lesion")
        assert set(sheet.models[sheet.first].predictions["label"]) == {"lesion"}
        assert any("judged as one class" in note for note in sheet.notes)


def test_one_class_of_lesions_needs_no_word(tmp_path: Path) -> None:
    sheet = read(tmp_path, BOXES.replace("benign", "malignant"), without(MARKS, 1))
    assert sheet.positive == "malignant"
    assert not any("one class" in note for note in sheet.notes)
