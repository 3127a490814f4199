"""The study page: what reaches a blinded reader, what does not, and a whole small study by the keyboard."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")

from streamlit.testing.v1 import AppTest

from tests.dashboards.exams import exam_run
from tests.dashboards.test_pages import launched, told
from xaimed import reading
from xaimed.journal import Journal
from xaimed.reading import MISSING, Reading, Study
from xaimed.run import Run

if TYPE_CHECKING:
    pass

pytestmark = pytest.mark.usefixtures("no_cache")
# Names, labels, the reference, methods, and what is made of comparing the two.
UNBLINDING = ("ex00", "p000", "benign", "normal", "grad_cam", "grad cam", "missed", "false positive", "truth",
              "reference", "score", "undefined")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    exam_run(tmp_path / "views")
    return tmp_path


def begin(at: AppTest, reader: str) -> AppTest:
    at.text_input(key="study_reader").set_value(reader)
    next(b for b in at.button if b.label == "Begin or go on").click().run()
    assert not at.exception
    return at


def desk(at: AppTest) -> dict[str, Any]:
    """What the page hands to the component."""
    [element] = [one for one in at.get("bidi_component") if "reader" in one.proto.component_name]
    found: dict[str, Any] = json.loads(element.proto.json)
    return found


def answer(at: AppTest, score: float, seconds: float = 0.01) -> AppTest:
    """Give the answer that the component would send."""
    given = desk(at)
    at.session_state["study_given"] = {"token": given["token"], "stage": given["stage"], "score": score,
                                       "seconds": seconds}
    at.run()
    assert not at.exception
    return at


def test_nothing_that_unblinds_reaches_the_page_without_the_model(monkeypatch: pytest.MonkeyPatch,
                                                                  folder: Path) -> None:
    at = begin(launched(monkeypatch, folder, "study"), "Dr B")
    seen = set()
    for _ in range(2):
        given = desk(at)
        assert given["stage"] == "without"
        text = json.dumps({key: value for key, value in given.items() if key != "colours"}) + told(at)
        for word in UNBLINDING:
            assert word not in text, word
        # The class that is asked about stands in the question, nowhere else.
        assert text.count("malignant") == given["question"].count("malignant") == 1
        assert [view[key] for view in given["views"] for key in ("boxes", "maps", "targets")] == [[]] * 3 * len(
            given["views"])
        assert all("url" in part for part in given["parts"].values())
        assert (given["first"], given["told"], given["method"], given["target"]) == (None, [], "", "")
        seen.add(tuple(view["title"] for view in given["views"]))
        at = answer(answer(at, 40), 40)
    assert seen == {("R CC", "L CC", "R MLO", "L MLO"), ("R CC",)}, "all views of an exam hang at once"


def test_with_the_model_come_its_boxes_and_one_map_but_not_whether_it_is_right(monkeypatch: pytest.MonkeyPatch,
                                                                               folder: Path) -> None:
    at, found = begin(launched(monkeypatch, folder, "study"), "Dr B"), {}
    for _ in range(2):
        at = answer(at, 35)
        given = desk(at)
        assert (given["stage"], given["first"]) == ("with", 35)
        for word in ("ex00", "p000", "missed", "false positive", "truth", "reference", "m0"):
            assert word not in json.dumps(given), word
        for view in given["views"]:
            assert {box["kind"] for box in view["boxes"]} <= {"detection"}
            found[view["title"], len(given["views"])] = (len(view["boxes"]), [m["method"] for m in view["maps"]])
        at = answer(at, 35)
    # The lesion of L MLO was missed: the case page shows its map, a reader sees nothing there.
    assert found["L MLO", 4] == (0, [])
    assert found["R CC", 4] == (1, ["grad_cam"])
    assert "You have read all cases" in told(at)


def test_a_case_where_the_model_marks_nothing_says_so(monkeypatch: pytest.MonkeyPatch, example_run: Path,
                                                      tmp_path: Path) -> None:
    shutil.copytree(example_run, tmp_path / "demo")
    run = Run.open(tmp_path / "demo")
    rows = run.predictions[run.predictions["x0"].notna() & (run.predictions["condition"] == "clean")]
    marked = rows.loc[rows["score"] >= 0.5, "case"].value_counts().to_dict()
    assert 0 < len(marked) < 6
    at = begin(launched(monkeypatch, tmp_path, "study"), "Dr B")
    for exam in Study("Dr B").exams(run):
        at = answer(at, 50)
        line = " ".join(desk(at)["told"])
        if exam.name in marked:
            places = "1 place" if marked[exam.name] == 1 else f"{marked[exam.name]} places"
            assert f"It marks {places} (green boxes), from a score of 0.50 on. The map is of grad cam. " in line
        else:
            assert "The model marks nothing here: no score of a place reaches 0.50. There is no map" in line
        at = answer(at, 50)


def test_no_map_of_a_method_that_failed_nor_of_a_control(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    from xaimed.viz import wording

    at = begin(launched(monkeypatch, folder, "study"), "Dr B")
    gates = {"grad_cam": "fail", "random_map": "pass", "kernel_shap": "NOT ASSESSED"}
    monkeypatch.setattr(wording, "gates", lambda scores: gates)
    given = desk(answer(at, 50))
    assert "No map is shown: no method passed its check on this model." in given["told"]
    assert not [entry for view in given["views"] for entry in view["maps"]]
    assert not [key for key in given["parts"] if key.startswith('["map"')]


def test_an_answer_counts_once_and_for_what_stood_there(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    at = begin(launched(monkeypatch, folder, "study"), "Dr B")
    for wrong in ({"token": "9", "stage": "without", "score": 50, "seconds": 1}, {"token": "1", "stage": "with",
                  "score": 50, "seconds": 1}, {"token": "1", "stage": "without", "score": None, "seconds": 1}, {}):
        at.session_state["study_given"] = wrong
        at.run()
        assert Journal(folder).lines("reading") == []
    at.session_state["study_given"] = {"token": "1", "stage": "without", "score": 130, "seconds": 1}
    at.run()
    assert "expected 0 to 100" in told(at)
    started = time.monotonic()
    at = answer(at, 80, seconds=1e6)  # a clock that is put forward in the browser counts no more than the server's
    (line,) = Journal(folder).lines("reading")
    assert (line.facts["score"], line.facts["stage"], line.facts["place"]) == (80.0, "without", 1)
    assert 0 < float(str(line.facts["seconds"])) < time.monotonic() - started + 60
    assert desk(at)["stage"] == "with"


def test_a_deleted_image_is_left_out_and_named_nowhere(monkeypatch: pytest.MonkeyPatch, example_run: Path,
                                                       tmp_path: Path) -> None:
    shutil.copytree(example_run, tmp_path / "demo")
    run = Run.open(tmp_path / "demo")
    gone = Study("Dr B").exams(run)[0].name
    shutil.rmtree(tmp_path / "demo" / "maps.zarr" / gone / "image")
    at = begin(launched(monkeypatch, tmp_path, "study"), "Dr B")
    assert "A case was left out: an image of it is missing or damaged." in told(at)
    assert gone not in told(at)
    assert not at.error
    assert desk(at)["place"] == "Case 2 of 6, without the model"
    (line,) = Journal(tmp_path).lines("unread")
    assert (line.facts["case"], line.facts["left_out"], line.facts["place"]) == (gone, MISSING, 1)
    for _ in range(10):
        at = answer(at, 20)
    assert "through with this study: 1, of 1 who began. Cases left out, as an image could not be read: 1." in told(at)


def test_the_next_reader_starts_with_nothing_of_the_one_before(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    at = begin(launched(monkeypatch, folder, "study"), "Dr B")
    for score in (10, 20, 30, 40):
        at = answer(at, score)
    next(b for b in at.button if b.label == "Next reader").click().run()
    assert at.text_input(key="study_reader").value == ""
    assert at.number_input[1].value == 2, "the same study is offered"
    begin(at, "Dr C")
    assert (desk(at)["first"], desk(at)["stage"]) == (None, "without")
    assert len(at.get("bidi_component")) == 1
    for score in (10, 20, 30, 40):
        at = answer(at, score)
    # One class only among two cases: nothing can be compared, and the page says what is needed.
    assert "NOT ASSESSED: results need two readers who are through" in told(at)
    table = reading.readings(Run.open(folder / "views"), 0, 2)
    assert table.groupby("reader").size().to_dict() == {"Dr B": 4, "Dr C": 4}


def test_a_stopped_study_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    run = Run.open(folder / "views")
    study = Study("Dr B", 7, 2)
    reading.record(run, study, Reading(study.exams(run)[0].name, "without", 62, 3.0))
    at = launched(monkeypatch, folder, "study")
    assert [box.value for box in at.number_input] == [7, 2], "seed and number of the study that was last read in"
    at = begin(at, "Dr B")
    assert (desk(at)["stage"], desk(at)["first"], desk(at)["place"]) == ("with", 62, "Case 1 of 2, with the model")


def test_another_seed_is_another_study_and_asked_for_twice(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    run = Run.open(folder / "views")
    study = Study("Dr A", 7, 2)
    reading.record(run, study, Reading(study.exams(run)[0].name, "without", 62, 3.0))
    at = launched(monkeypatch, folder, "study")
    assert "There is a study with seed 7 and 2 cases, begun by 1 reader." in told(at)
    at.number_input[0].set_value(8)
    at = begin(at, "Dr B")
    assert not [one for one in at.get("bidi_component") if "reader" in one.proto.component_name]
    assert "Seed 8 with 2 cases is another study than those above" in told(at)
    at = begin(at, "Dr B")
    assert desk(at)["place"] == "Case 1 of 2, without the model"


def test_an_empty_name_is_said_in_plain_words(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    at = begin(launched(monkeypatch, folder, "study"), "")
    assert "no name of a reader; expected 1 to 60 characters: type a name or a code" in told(at)


def test_results_only_shows_the_table_of_the_readers_who_are_through(monkeypatch: pytest.MonkeyPatch,
                                                                     example_run: Path, tmp_path: Path) -> None:
    shutil.copytree(example_run, tmp_path / "demo")
    run = Run.open(tmp_path / "demo")
    for reader in ("a", "bb"):
        study = Study(reader, 3, 6)
        while (due := reading.upcoming(run, study)) is not None:
            reading.record(run, study, Reading(due[0].name, due[1], 50 + len(reader), 1.0))
    at = launched(monkeypatch, tmp_path, "study")
    next(b for b in at.button if b.label == "Results only").click().run()
    assert not at.exception
    assert "through with this study: 2, of 2 who began." in told(at)
    assert at.dataframe


def test_the_other_pages_are_closed_while_a_study_is_open(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    at = answer(begin(launched(monkeypatch, folder, "study"), "Dr B"), 40)
    for page in ("cases", "case", "overview", "failures"):
        at.switch_page(f"pages/{page}.py").run()
        assert "You are in a reader study: finish it or leave it." in told(at)
        for word in ("ex000", "missed:", "grad cam", "sensitivity"):
            assert word not in told(at), page
        assert not at.dataframe
        assert not at.get("bidi_component")
    kept = [line.facts for line in Journal(folder).lines("view") if line.facts.get("kept_back")]
    assert [(one["page"], one["reader"]) for one in kept] == [
        (page, "Dr B") for page in ("cases", "case", "overview", "failures")]
    at.switch_page("pages/study.py").run()
    assert desk(at)["stage"] == "with", "the study goes on where it was"


def test_who_leaves_a_study_sees_the_pages_and_the_results_tell_of_it(monkeypatch: pytest.MonkeyPatch,
                                                                      folder: Path) -> None:
    at = answer(begin(launched(monkeypatch, folder, "study"), "Dr B"), 40)
    at.switch_page("pages/cases.py").run()
    next(b for b in at.button if b.label == "Leave the study").click().run()
    assert "You have left the study" in told(at)
    assert at.dataframe
    [left] = Journal(folder).lines("study left")
    assert left.facts["reader"] == "Dr B"
    assert Journal(folder).lines("view")[-1].facts["reader"] == "Dr B"
    at.switch_page("pages/study.py").run()
    begin(at, "Dr B")
    for score in (30, 30, 30):
        at = answer(at, score)
    text = "Dr B saw cases, which may have shown the reference and asked for 1 page that stayed closed, before their"
    assert text in told(at)
    at.switch_page("pages/cases.py").run()
    assert at.dataframe, "a reader who is through sees all"
    assert Journal(folder).lines("view")[-1].facts["reader"] == ""
