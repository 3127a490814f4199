"""Which columns of a predictions table are models, which are the classes of one model, and which are neither."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tests.table_runs import sheet_files
from xaimed.data.columns import Columns, Wanted, find_columns
from xaimed.data.scoresheet import Scoresheet, SheetRequest, read_scoresheet
from xaimed.data.textsheet import TextSheet
from xaimed.errors import InputError
from xaimed.metrics.evidence import evidence
from xaimed.stats import auc

CANCER = (0.9, 0.3, 0.8, 0.4, 0.6, 0.1)
IS_CANCER = (True, False, True, False, False, False)


def read(folder: Path, labels: tuple[str, str], header: str, *shares: float, positive: str = "") -> Scoresheet:
    """Six cases of two labels, the second to be found: the rest of its score, its score, then `shares`."""
    truth = ["case,patient,label", *(f"c{i},p{i},{labels[yes]}" for i, yes in enumerate(IS_CANCER))]
    rows = [f"c{i},{1 - score:.3f},{score},{','.join(map(str, shares))}".rstrip(",") for i, score in enumerate(CANCER)]
    files = sheet_files(folder, "\n".join(truth), "\n".join([f"case,{header}", *rows]))
    return read_scoresheet(SheetRequest(*files, positive))


@pytest.mark.parametrize(("labels", "header", "shares"), [
    (("benign", "malignant"), "p_benign,p_malignant", ()), (("0", "1"), "prob_0,prob_1", ()),
    (("benign", "malignant"), "Benign,Malignant,Normal", (0.0,)),
    (("benign", "malignant"), "benign,malignant,other", (0.01,)),
    (("benign", "malignant"), "BENIGN_score,MALIGNANT_score", ()), (("0.0", "1.0"), "score_0,score_1", ()),
    (("not cancer", "cancer"), "probability_not-cancer,probability_Cancer", ())])
def test_columns_named_after_classes_are_one_model_and_the_right_class_is_audited(
        tmp_path: Path, labels: tuple[str, str], header: str, shares: tuple[float, ...]) -> None:
    sheet = read(tmp_path, labels, header, *shares, positive="cancer" if "cancer" in labels else "")
    assert list(sheet.models) == ["predictions"]
    found = evidence(sheet.cases, sheet.reference.truth, sheet.models[sheet.first].predictions)
    truth, _ = found.truth_of(sheet.positive)
    area = float(auc(found.score(sheet.positive), truth)[0])
    assert area == pytest.approx(roc_auc_score(IS_CANCER, CANCER))
    assert area > 0.9
    assert any("scores of one model" in note for note in sheet.notes)


def test_a_class_that_no_case_is_of_is_a_class_and_told(tmp_path: Path) -> None:
    sheet = read(tmp_path, ("benign", "malignant"), "benign,malignant,other", 0.01)
    assert set(sheet.models["predictions"].predictions["label"]) == {"benign", "malignant", "other"}
    assert any("class other is scored and is of no case" in note for note in sheet.notes)


@pytest.mark.parametrize(("header", "shares", "words"), [
    ("score,p_malignant", (), "name the score with --score-column"),
    ("p_benign,p_malignant,score", (0.5,), "name the score with --score-column"),
    ("A_benign_v2,A_malignant_v2", (), "name the score with --score-column"),
    ("p_benign,prob_malignant", (), "name the score with --score-column"),
    ("note,p_benign", (), "or --positive benign")])
def test_columns_that_may_be_either_are_refused(tmp_path: Path, header: str, shares: tuple[float, ...],
                                                words: str) -> None:
    with pytest.raises(InputError) as problem:
        read(tmp_path, ("benign", "malignant"), header.replace("note,", "index,"), *shares)
    assert words in str(problem.value)


def table(header: str, *rows: str) -> TextSheet:
    cells = tuple(tuple(row.split(",")) for row in rows)
    return TextSheet(Path("p.csv"), tuple(header.split(",")), cells, tuple(range(2, len(rows) + 2)))


BINARY = Wanted((), ("0", "1"), "1")


@pytest.mark.parametrize(("header", "models", "unused"), [
    ("case,score,vendorB", {"p": "score"}, ("vendorB",)),
    ("case,confidence,fold", {"confidence": "confidence"}, ("fold",)),
    ("case,score_1,score_2", {"1": "score_1", "2": "score_2"}, ()),
    ("case,Score_B,score2", {"B": "Score_B", "score2": "score2"}, ()),
    ("case,prob_1,age", {"p": "prob_1"}, ("age",)),
    ("case,A_POM,B_POM", {"A_POM": "A_POM", "B_POM": "B_POM"}, ())])
def test_what_is_taken_and_what_is_not(header: str, models: dict[str, str], unused: tuple[str, ...]) -> None:
    found = find_columns(table(header, "a,0.5,1", "b,0.25,0"), BINARY)
    assert found == Columns(models, unused=unused)
    assert bool(found.notes) == bool(unused)


def test_columns_that_are_asked_for_are_models_unless_all_are_classes() -> None:
    sheet = table("case,a,b", "x,0.5,0.5", "y,0.2,0.8")
    assert find_columns(sheet, Wanted(("a", "b"), ("a", "b"), "b")).classes == {"a": "a", "b": "b"}
    assert find_columns(sheet, Wanted(("b",), ("a", "b"), "b")) == Columns({"b": "b"})
    with pytest.raises(InputError, match="named after class 'a'"):
        find_columns(sheet, Wanted(("a",), ("a", "b"), "b"))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["", "p_", "prob-", "Score ", "PROBABILITY_"]),
       st.sampled_from([str.lower, str.upper, str.title]))
def test_the_way_a_class_is_written_does_not_matter(affix: str, case: object) -> None:
    written = [affix + case(label) for label in ("benign", "malignant")]  # type: ignore[operator]
    found = find_columns(table(",".join(["case", *written]), "a,0.5,0.5", "b,0.1,0.9"),
                         Wanted((), ("benign", "malignant"), "malignant"))
    assert found.classes == dict(zip(("benign", "malignant"), written, strict=True))


def test_a_decimal_comma_is_named(tmp_path: Path) -> None:
    files = sheet_files(tmp_path, "case;label\na;0\nb;1", "case;score\na;0,7\nb;0,2")
    with pytest.raises(InputError, match=r"for a decimal comma write a point: 0\.7"):
        read_scoresheet(SheetRequest(*files))
    files = sheet_files(tmp_path, "case;label\na;0\nb;1", "case;confidence\na;0,7\nb;0,2")
    with pytest.raises(InputError, match="column confidence has decimal commas"):
        read_scoresheet(SheetRequest(*files))


def test_a_truth_without_labels_says_so(tmp_path: Path) -> None:
    files = sheet_files(tmp_path, "case,target\na,0\nb,1", "case,score\na,0.7\nb,0.2")
    with pytest.raises(InputError, match=r"truth\.csv has no column label; found case, target"):
        read_scoresheet(SheetRequest(*files))


def test_patients_are_found_under_other_names_and_cases_without_one_are_counted(tmp_path: Path) -> None:
    files = sheet_files(tmp_path, "case,patient_id,label\na,p,0\nb,p,1\nc,,1", "case,score\na,0.7\nb,0.2\nc,0.1")
    sheet = read_scoresheet(SheetRequest(*files))
    assert list(sheet.cases["patient"]) == ["p", "p", "c"]
    assert not [name for name in sheet.cases if name.startswith("group_")]
    assert any("patient_id of truth.csv was taken as the patient" in note for note in sheet.notes)
    assert any("1 of 3 cases have no patient" in note for note in sheet.notes)


def test_a_set_without_the_class_is_read_with_class_columns(tmp_path: Path) -> None:
    files = sheet_files(tmp_path, "case,patient,label\na,p,0\nb,q,0", "case,prob_0,prob_1\na,0.7,0.3\nb,0.2,0.8")
    sheet = read_scoresheet(SheetRequest(*files))
    assert sheet.positive == "1"
    said = sheet.models["predictions"].predictions
    assert dict(said.loc[said["label"] == "1", ["case", "score"]].to_numpy()) == {"a": 0.3, "b": 0.8}
