"""The pages around the cases: paging on the server, feedback, several runs, what is recorded."""

from __future__ import annotations

import os
import re
import shutil
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")

from streamlit.testing.v1 import AppTest

from tests.dashboards.crowds import crowd_run, rows
from tests.dashboards.test_pages import launched, told
from xaimed import feedback, tables
from xaimed.journal import NAME, Journal
from xaimed.run import Run
from xaimed.viz import worklist

pytestmark = pytest.mark.usefixtures("no_cache")


@pytest.fixture
def folder(example_run: Path, tmp_path: Path) -> Path:
    shutil.copytree(example_run, tmp_path / "demo")
    return tmp_path


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    return crowd_run(tmp_path / "crowd", 130).path


def shown(at: AppTest) -> list[str]:
    return list(at.dataframe[0].value["case"])


def test_only_a_page_of_cases_reaches_the_browser(monkeypatch: pytest.MonkeyPatch, crowd: Path) -> None:
    at = launched(monkeypatch, crowd.parent, "cases")
    every = list(worklist.ordered(worklist.worklist(Run.open(crowd)))["case"])
    assert shown(at) == every[:50]
    at.number_input(key="page_number").set_value(3).run()
    assert shown(at) == every[100:]
    at.selectbox(key="page_size").set_value(25).run()
    assert shown(at) == every[50:75]
    at.selectbox(key="order_by").set_value("case").run()
    at.toggle(key="descending").set_value(True).run()
    assert shown(at) == sorted(every, reverse=True)[50:75]


def test_filters_stay_when_the_reader_comes_back(monkeypatch: pytest.MonkeyPatch, crowd: Path) -> None:
    at = launched(monkeypatch, crowd.parent, "cases")
    at.selectbox(key="kind").set_value("false negatives").run()
    at.toggle(key="descending").set_value(True).run()
    kept = shown(at)
    assert 0 < len(kept) < 50
    at.switch_page("pages/failures.py").run()
    at.switch_page("pages/cases.py").run()
    assert at.selectbox(key="kind").value == "false negatives"
    assert shown(at) == kept


def test_a_filter_that_the_reader_set_stays_and_one_that_is_closed_sends_nothing(monkeypatch: pytest.MonkeyPatch,
                                                                                crowd: Path) -> None:
    at = launched(monkeypatch, crowd.parent, "cases")
    at.toggle(key="only_missed").set_value(True).run()
    # The browser mounts what stands in a closed pop-up at zero and sends that back at the next click.
    assert [slider.key for slider in at.slider] == []
    assert [box.key for box in at.multiselect] == ["outcomes", "labels"]
    at.toggle(key="only_missed").set_value(False).run()
    at.session_state["more_filters"] = True
    assert at.run().slider(key="energy").value == 1.0
    at.slider(key="energy").set_value(0.5).run()
    at.multiselect(key="group_site").set_value(["A"]).run()
    kept = shown(at)
    assert 0 < len(kept) < 50
    at.session_state["more_filters"] = False
    at.run().run()
    assert shown(at) == kept
    at.switch_page("pages/failures.py").run()
    at.switch_page("pages/cases.py").run()
    assert shown(at) == kept
    at.session_state["more_filters"] = True
    assert at.run().slider(key="energy").value == 0.5
    assert at.multiselect(key="group_site").value == ["A"]


@pytest.mark.parametrize("step", ["page", "order"])
def test_the_case_that_is_named_is_the_one_that_opens(monkeypatch: pytest.MonkeyPatch, crowd: Path, step: str) -> None:
    at = launched(monkeypatch, crowd.parent, "cases")
    at.selectbox(key="case_to_open").set_value(at.selectbox(key="case_to_open").options[3]).run()
    if step == "page":
        at.number_input(key="page_number").set_value(2).run()
    else:
        at.selectbox(key="order_by").set_value("score").run()
        assert list(at.dataframe[0].value["score"]) == sorted(at.dataframe[0].value["score"], reverse=True)
    named = at.selectbox(key="case_to_open").value
    assert named in shown(at)
    next(b for b in at.button if b.label == "Open").click().run()
    assert named in told(at)
    assert at.session_state["case_name"] == named


def test_the_columns_are_the_same_on_every_page(monkeypatch: pytest.MonkeyPatch, crowd: Path) -> None:
    at = launched(monkeypatch, crowd.parent, "cases")
    seen = [list(at.number_input(key="page_number").set_value(number).run().dataframe[0].value)
            for number in (1, 2, 3)]
    assert seen[0] == seen[1] == seen[2]


def test_cases_of_several_runs_and_a_word_where_data_differ(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    file = crowd_run(folder / "crowd", 8).path / "run.json"
    file.write_text(file.read_text().replace("ef" * 32, "fe" * 32))
    at = launched(monkeypatch, folder, "cases", run="demo")
    assert len(shown(at)) == 6
    at.session_state["more_filters"] = True
    at.run().multiselect(key="runs_listed").set_value(["crowd"]).run()
    assert set(at.dataframe[0].value["run"]) == {"demo", "crowd"}
    assert len(shown(at)) == 14
    assert any("different data" in warning.value for warning in at.warning)


def test_an_opinion_is_recorded_shown_and_counted(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    at = launched(monkeypatch, folder, "case", run="demo", case="ex000")
    record(at)
    assert "Nothing recorded: choose an opinion" in told(at)
    at.radio[0].set_value("wrong place")
    at.text_area[0].set_value("it *lies* medially")
    at.text_input(key="reader").set_value("Dr B")
    record(at)
    assert re.search(r"Recorded: wrong place, with your comment, for the map of grad cam for detection d0: malignant "
                     r"0\.\d\d in ex000, by Dr B\.", told(at))
    assert "it *lies* medially" in told(at)
    assert (at.radio[0].value, at.text_area[0].value) == (None, "")
    assert at.text_input(key="reader").value == "Dr B"
    (row,) = feedback.opinions(Run.open(folder / "demo")).to_dict("records")
    assert (row["case"], row["verdict"], row["reader"], row["method"]) == ("ex000", "wrong place", "Dr B",
                                                                          at.selectbox(key="method").value)
    at.switch_page("pages/cases.py").run()
    table = at.dataframe[0].value.set_index("case")
    assert table.loc["ex000", "feedback"] == "wrong place 1"
    at.selectbox(key="kind").set_value("readers do not agree").run()
    assert shown(at) == ["ex000"]


def record(at: AppTest) -> None:
    next(b for b in at.button if b.label == "Record").click().run()
    assert not at.exception


@pytest.mark.parametrize("step", ["case", "target", "method"])
def test_no_opinion_is_carried_over_to_another_case_target_or_method(monkeypatch: pytest.MonkeyPatch, folder: Path,
                                                                   step: str) -> None:
    start = next(case for case in ("ex000", "ex001", "ex003", "ex004") if step != "target" or len(
        {entry.target for entry in Run.open(folder / "demo").entries(case)}) > 1)
    at = launched(monkeypatch, folder, "case", run="demo", case=start)
    at.radio[0].set_value("agree")
    at.text_input(key="reader").set_value("Dr B")
    record(at)
    at.radio[0].set_value("agree")
    at.text_area[0].set_value("not sent")
    if step == "case":
        next(b for b in at.button if b.label == "Next").click().run()
    else:
        box = at.selectbox(key=step)
        names = list(dict.fromkeys(getattr(entry, step) for entry in Run.open(folder / "demo").entries(start)))
        box.set_value(next(name for name in names if name != box.value)).run()
    assert (at.radio[0].value, at.text_area[0].value) == (None, "")
    assert "Not recorded: agree, \u201cnot sent\u201d, of the map of" in told(at)
    assert f"in {start}." in told(at)
    assert at.text_input(key="reader").value == "Dr B", "who reads stays"
    record(at)
    assert "Nothing recorded" in told(at)
    assert len(feedback.opinions(Run.open(folder / "demo"))) == 1


def test_the_missed_cancers_are_one_click_away(monkeypatch: pytest.MonkeyPatch, crowd: Path) -> None:
    table = worklist.worklist(Run.open(crowd))
    missed = list(worklist.ordered(table[table["missed_positive"] > 0])["case"])
    at = launched(monkeypatch, crowd.parent, "cases")
    toggle = at.toggle(key="only_missed")
    assert toggle.label == f"Missed cancers: {len(missed)}"
    at.text_input(key="find").set_value("no such case").run()
    at.toggle(key="only_missed").set_value(True).run()
    assert shown(at) == missed
    assert len(missed) > 3
    at.switch_page("pages/case.py").run()
    assert f"1 of {len(missed)} in the list" in told(at)
    assert missed[0] in told(at)


def test_what_was_looked_at_is_in_the_chain_once_and_by_pseudonym(monkeypatch: pytest.MonkeyPatch,
                                                                folder: Path) -> None:
    at = launched(monkeypatch, folder, "case", run="demo", case="ex000")
    at.run()
    journal = Journal(folder)
    seen = [(line.facts["page"], line.facts["case"]) for line in journal.lines("view")]
    assert seen[-1] == ("case", "ex000")
    assert seen.count(("case", "ex000")) == 1
    assert journal.check() == len(seen)


def test_a_journal_that_cannot_be_read_is_one_line_and_the_cases_are_there(monkeypatch: pytest.MonkeyPatch,
                                                                         folder: Path) -> None:
    (folder / NAME).write_bytes(b"not a database " * 99)
    at = launched(monkeypatch, folder, "cases")
    assert len(shown(at)) == 6
    assert any("journal" in warning.value for warning in at.warning)


def test_all_that_was_said_stands_on_its_page_and_the_last_word_counts(monkeypatch: pytest.MonkeyPatch,
                                                                      folder: Path) -> None:
    assert "No reader has said anything" in told(launched(monkeypatch, folder, "feedback"))
    run = Run.open(folder / "demo")
    for verdict, method in (("agree", "grad_cam"), ("wrong place", "grad_cam"), ("not sure", "kernel_shap")):
        feedback.give(run, feedback.Opinion("ex000", "d0", method, verdict, "Dr B", f"said {verdict}"))
    at = launched(monkeypatch, folder, "feedback")
    assert "2 opinions of 1 reader on 1 case" in told(at)
    counts, rows = (element.value for element in at.dataframe)
    assert counts.set_index("method").loc["grad cam"].to_dict() == {
        "all": 1, "agree": 0, "wrong place": 1, "right for the wrong reason": 0, "not sure": 0}
    assert list(rows["verdict"]) == ["not sure", "wrong place"]
    at.toggle(key="earlier_words").set_value(True).run()
    assert list(at.dataframe[1].value["verdict"]) == ["not sure", "wrong place", "agree"]


def test_a_measure_that_was_not_made_is_no_column(monkeypatch: pytest.MonkeyPatch, folder: Path, crowd: Path) -> None:
    assert "rank_correlation" not in launched(monkeypatch, folder, "cases", run="demo").dataframe[0].value
    assert "rank_correlation" in launched(monkeypatch, folder, "cases", run=crowd.name).dataframe[0].value


def test_a_login_stands_before_every_page(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    import streamlit as st

    monkeypatch.setenv("XAIMED_LOGIN", "oidc")
    monkeypatch.setattr(type(st.user), "is_logged_in", False, raising=False)
    monkeypatch.setenv("XAIMED_RUNS", str(folder))
    at = AppTest.from_file(str(Path(__file__).resolve().parents[2] / "dashboards" / "app.py"), default_timeout=60).run()
    assert not at.exception, at.exception
    assert "Log in to see it" in at.info[0].value
    assert "example-detector" not in told(at)
    assert not (folder / NAME).exists()


def tabled(cases: int) -> Run:
    """A run whose tables are in memory, as the store would read them back."""
    run = Run(Path("crowd"), {"model": {"task": "detection", "operating_point": 0.5}})
    for name, own in rows(cases).items():
        run.__dict__[name] = tables.frame(name, own)
    run.__dict__["plan"] = {}
    return run


def cost(run: Run) -> tuple[float, float, float, int]:
    """CPU seconds of the worklist and of one page, the page's MB at its peak, and its rows."""
    start = time.process_time()
    table = worklist.worklist(run)
    made = time.process_time() - start
    places = worklist.ordered(table).index.to_numpy(np.int64)
    tracemalloc.start()
    start = time.process_time()
    page = table.loc[worklist.page(places, len(places) // 100, 50)[0]]
    paged = time.process_time() - start
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return made, paged, peak, len(page)


@pytest.mark.slow
def test_a_hundred_thousand_cases_cost_little_more_than_a_thousand() -> None:
    few, many = cost(tabled(1000)), cost(tabled(100_000))
    print(f"worklist {few[0]:.2f} -> {many[0]:.2f} s, page {few[1] * 1e3:.1f} -> {many[1] * 1e3:.1f} ms, "
          f"{few[2]:.2f} -> {many[2]:.2f} MB; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    assert few[3] == many[3] == 50
    assert many[0] < 2.0
    assert many[1] < 0.3
    assert many[2] < 20 * max(few[2], 0.1)
