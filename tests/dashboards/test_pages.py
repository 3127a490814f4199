"""Every page with a good run, an empty folder, a damaged run; what they must say."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")

import pandas as pd
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.dashboards.exams import exam_run
from xaimed.run import Run
from xaimed.viz import worklist

pytestmark = pytest.mark.usefixtures("no_cache")
APP = Path(__file__).resolve().parents[2] / "dashboards" / "app.py"
PAGES = ("overview", "cases", "case", "explainability", "performance", "calibration", "subgroups", "robustness",
         "failures", "feedback", "provenance", "study")


@pytest.fixture
def folder(example_run: Path, tmp_path: Path) -> Path:
    shutil.copytree(example_run, tmp_path / "demo")
    return tmp_path


def launched(monkeypatch: pytest.MonkeyPatch, folder: Path, page: str = "overview", **query: str) -> AppTest:
    monkeypatch.setenv("XAIMED_RUNS", str(folder))
    at = AppTest.from_file(str(APP), default_timeout=60).run()
    if page != "overview" or query:
        for key, value in query.items():
            at.query_params[key] = value
        at.switch_page(f"pages/{page}.py").run()
    assert not at.exception, at.exception
    return at


def told(at: AppTest) -> str:
    kinds = (at.markdown, at.caption, at.info, at.warning, at.error, at.success)
    return "\n".join(element.value for kind in kinds for element in kind).replace("\u200b", "").replace("\\", "")


@pytest.mark.parametrize("page", PAGES)
def test_page_with_a_good_run(monkeypatch: pytest.MonkeyPatch, folder: Path, page: str) -> None:
    at = launched(monkeypatch, folder, page)
    text = told(at)
    assert "SYNTHETIC DATA" in text
    assert "example-detector" in text
    assert len(at.error) == (page == "overview"), "only the verdict of this run is bad news"


@pytest.mark.parametrize("page", PAGES)
def test_page_with_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, page: str) -> None:
    at = launched(monkeypatch, tmp_path, page)
    assert "No run here yet" in at.info[0].value
    assert not at.error


def test_a_folder_that_is_no_run_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "hello.txt").write_text("x")
    for folder in (tmp_path / "photos", tmp_path):
        at = launched(monkeypatch, folder, "cases")
        assert f"{folder.name}: This folder holds no run" in told(at)
        assert str(folder) not in told(at)


def test_a_folder_beside_a_run_that_is_none_can_be_asked_why(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "photos").mkdir()
    at = launched(monkeypatch, folder, "overview")
    assert at.selectbox(key="run_choice").options == ["demo", "photos (no run)"]
    at.selectbox(key="run_choice").set_value("photos").run()
    assert "This folder holds no run" in told(at)


@pytest.mark.parametrize("page", PAGES)
def test_page_with_damaged_runs_only_and_beside_a_good_one(monkeypatch: pytest.MonkeyPatch, folder: Path,
                                                           page: str) -> None:
    shutil.copytree(folder / "demo", folder / "broken")
    (folder / "broken" / "cases.parquet").write_bytes(b"nothing")
    (folder / ".later.partial").mkdir()
    at = launched(monkeypatch, folder, page)
    assert at.selectbox(key="run_choice").value == "demo"
    at.selectbox(key="run_choice").set_value("broken").run()
    assert not at.exception
    assert "cases.parquet" in told(at)
    assert "\n" not in at.error[0].value
    assert str(folder) not in told(at)
    at.selectbox(key="run_choice").set_value("later").run()
    assert not at.exception
    assert "This run was cut off" in told(at)
    at.selectbox(key="run_choice").set_value("demo").run()
    assert not at.exception
    assert "cases.parquet" not in told(at)


@pytest.mark.parametrize("file", ["results.json", "findings.json"])
def test_a_file_damaged_inside_a_run_is_one_line(monkeypatch: pytest.MonkeyPatch, folder: Path, file: str) -> None:
    (folder / "demo" / file).write_text("{")
    at = launched(monkeypatch, folder)
    assert any(file in error.value.replace("\\", "") for error in at.error)


def test_overview_gives_every_number_with_interval_and_count(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    text = told(launched(monkeypatch, folder))
    assert "criteria not met" in text
    assert "Criterion met" in text
    assert "1 fail, 1 concern" in text
    assert "### 0.87" in text
    assert "[0.71, 0.96]" in text
    assert "3 / 4 images" in text
    assert "95% Wilson" in text
    assert "XM102" in text
    assert "criterion is at least 0.75" in text


def test_cases_are_filtered(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    at = launched(monkeypatch, folder, "cases")
    assert len(at.dataframe[0].value) == 6
    at.multiselect(key="outcomes").set_value(["missed lesion"]).run()
    assert list(at.dataframe[0].value["case"]) == ["ex003"]
    assert "1 of 6 cases" in told(at)
    at.text_input(key="find").set_value("no such").run()
    assert "No case passes" in told(at)


def test_case_of_the_address_its_target_and_its_steps(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    order = list(worklist.ordered(worklist.worklist(Run.open(folder / "demo")))["case"])
    at = launched(monkeypatch, folder, "case", run="demo", case="ex000")
    assert f"{order.index('ex000') + 1} of 6 in the list" in told(at)
    assert at.selectbox(key="target").value == "d0"
    assert (at.query_params["target"], at.query_params["method"]) == ("d0", "grad_cam")
    buttons = {button.label: button for button in at.button}
    buttons["Next miss"].click().run()
    assert "**ex003** · **missed lesion" in told(at)
    assert "1 of 6 in the list" in told(at)
    assert {button.label: button.disabled for button in at.button}["Previous"], "the gravest case stands first"
    assert at.selectbox(key="target").value == "m0", "not the target of the case before"
    assert "missed lesion" in at.selectbox(key="target").options[0]
    next(button for button in at.button if button.label == "Next").click().run()
    assert f"**{order[1]}**" in told(at)


def test_the_head_line_tells_the_outcome_and_the_score(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    table = worklist.worklist(Run.open(folder / "demo")).set_index("case")
    for case in ("ex000", "ex003"):
        row = table.loc[case]
        text = told(launched(monkeypatch, folder, "case", run="demo", case=case))
        assert f"**{case}** · **{row['outcome']}** · score {row['score']:.3f} ({row['says']})" in text


def test_the_case_opens_on_the_first_method_that_passed_and_the_address_wins(monkeypatch: pytest.MonkeyPatch,
                                                                            folder: Path) -> None:
    file = folder / "demo" / "scores.parquet"
    table = pd.read_parquet(file)
    gate = table["metric"] == "gate"
    table.loc[gate, "value"] = table.loc[gate, "method"].map(
        {"grad_cam": 0.0, "integrated_gradients": float("nan"), "gradient_shap": 1.0, "kernel_shap": 1.0})
    table.to_parquet(file)
    at = launched(monkeypatch, folder, "case", run="demo", case="ex000")
    assert at.selectbox(key="method").value == "gradient_shap"
    assert at.selectbox(key="method").options[0].startswith("grad cam"), "the order is that of the viewer"
    at = launched(monkeypatch, folder, "case", run="demo", case="ex000", method="grad_cam")
    assert at.selectbox(key="method").value == shown_by_viewer(at)["method"] == "grad_cam"
    at = launched(monkeypatch, folder, "case", run="demo", case="ex000", method="no such")
    assert at.selectbox(key="method").value == "gradient_shap"


def test_another_view_of_a_listed_exam_keeps_the_place_in_the_list(monkeypatch: pytest.MonkeyPatch,
                                                                  tmp_path: Path) -> None:
    exam_run(tmp_path / "exam")
    at = launched(monkeypatch, tmp_path, "cases", run="exam")
    at.text_input(key="find").set_value("ex003").run()
    at.switch_page("pages/case.py").run()
    assert "1 of 1 in the list" in told(at)
    at.session_state["asked_case"] = "ex000"
    at.run()
    assert "**ex000**" in told(at)
    assert "another view of ex003, 1 of 1 in the list" in told(at)
    at.session_state["asked_case"] = "ex004"
    at.run()
    assert "not in the list of 1" in told(at), "of another patient"


def test_failed_gate_is_told_in_words_beside_the_map(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    at = launched(monkeypatch, folder, "case", run="demo", case="ex000")
    at.selectbox(key="method").set_value("gradient_shap").run()
    assert at.selectbox(key="method").options[2].endswith("GATE FAILED")
    assert "Do not rely" not in told(at), "the viewer says it on the map, and once is enough"
    warnings = {row["method"]: row["warning"] for row in shown_by_viewer(at)["views"][0]["maps"]}
    assert "Do not rely on this map: gradient shap failed" in warnings["gradient_shap"]
    assert "was not assessed" in warnings["kernel_shap"]


def shown_by_viewer(at: AppTest) -> dict[str, Any]:
    """What the page hands to the viewer."""
    element = next(one for one in at.get("bidi_component") if "workstation" in one.proto.component_name)
    found: dict[str, Any] = json.loads(element.proto.mixed.json or element.proto.json)
    return found


def test_the_viewer_gets_every_method_with_its_own_warning(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    data = shown_by_viewer(launched(monkeypatch, folder, "case", run="demo", case="ex000"))
    assert (data["case"], data["target"], data["method"]) == ("ex000", "d0", "grad_cam")
    (view,) = data["views"]
    warnings = {row["method"]: row["warning"] for row in view["maps"] if row["target"] == "d0"}
    assert list(warnings) == ["grad_cam", "integrated_gradients", "gradient_shap", "kernel_shap"]
    assert warnings["grad_cam"] == ""
    assert "Do not rely" in warnings["gradient_shap"]
    assert {json.loads(name)[0] for name in data["parts"]} == {"image", "map"}


def test_without_an_address_the_missed_lesion_comes_first(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    at = launched(monkeypatch, folder, "case", run="demo")
    assert shown_by_viewer(at)["case"] == "ex003"
    assert at.selectbox(key="target").value == "m0"


def test_what_stands_in_for_the_curves_of_an_older_run(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    run = Run.open(folder / "demo")
    at = launched(monkeypatch, folder, "case", run="demo", case="ex000")
    assert "Left of the model's answer" in told(at)
    assert "not stored in this run" not in told(at)
    (folder / "demo" / "curves.parquet").unlink()
    area = run.scores[(run.scores["case"] == "ex000") & (run.scores["method"] == "grad_cam")
                      & (run.scores["metric"] == "deletion_auc[blur]")]["value"].iloc[0]
    at = launched(monkeypatch, folder, "case", run="demo", case="ex000")
    assert "The steps are not stored in this run" in told(at)
    assert f"blur {area:.2f}" in told(at)
    (folder / "demo" / "curves.parquet").write_bytes(b"gone")
    at = launched(monkeypatch, folder, "case", run="demo", case="ex000")
    assert "curves.parquet: damaged" in told(at)
    assert shown_by_viewer(at)["case"] == "ex000", "the rest of the page is there"


def test_the_table_of_a_map_is_plain_html_that_is_never_markup() -> None:
    from dashboards import leaves

    def page() -> None:
        import pandas as pd

        from dashboards import leaves

        leaves.table(pd.DataFrame({"metric": ["<b>x</b>"], "grad cam": [0.12345], "other": [float("nan")]}), "Told")

    at = AppTest.from_function(page).run()
    (text,) = [element.proto.body for element in at.get("html")]
    assert "&lt;b&gt;x&lt;/b&gt;" in text
    assert '<td class=first>0.123</td><td>–</td>' in text
    assert leaves._text(1.0) == "1"


def test_a_damaged_map_is_one_line_and_the_image_stays(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    place = folder / "demo" / "maps.zarr" / "ex000" / "maps"
    for file in place.rglob("*"):
        if file.is_file() and file.name != "zarr.json":
            file.write_bytes(b"gone")
    at = launched(monkeypatch, folder, "case", run="demo", case="ex000")
    assert "damaged" in told(at)
    pieces = {json.loads(name)[0]: piece for name, piece in shown_by_viewer(at)["parts"].items()}
    assert "damaged" in pieces["map"]["problem"]
    assert pieces["image"]["url"].startswith("/mock/media/")


@pytest.mark.parametrize(("name", "word"), [("image", "the image of ex000: missing"),
                                            ("maps", "the maps of ex000: missing")])
def test_pixels_whose_file_is_gone_are_missing_and_never_shown_as_black(monkeypatch: pytest.MonkeyPatch, folder: Path,
                                                                        name: str, word: str) -> None:
    for file in (folder / "demo" / "maps.zarr" / "ex000" / name / "c").rglob("*"):
        if file.is_file():
            file.unlink()
    at = launched(monkeypatch, folder, "case", run="demo", case="ex000")
    assert f"run demo, {word}" in told(at)
    assert str(folder) not in told(at)
    problems = [piece["problem"] for piece in shown_by_viewer(at)["parts"].values() if "problem" in piece]
    assert any(word in problem for problem in problems)


def test_a_fact_that_is_not_known_is_a_dash_and_one_patient_is_one(monkeypatch: pytest.MonkeyPatch,
                                                                  folder: Path) -> None:
    file = folder / "demo" / "run.json"
    meta = json.loads(file.read_text())
    meta["data"] |= {"patients": 1, "source": None}
    file.write_text(json.dumps(meta))
    at = launched(monkeypatch, folder, "provenance")
    assert "6 cases of 1 patient ·" in told(at)
    facts = next(frame.value for frame in at.dataframe if "source" in set(frame.value["what"]))
    assert facts.set_index("what").loc["source", "value"] == "–"


def test_a_case_without_maps_says_why(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    assert "nothing missed" in told(launched(monkeypatch, folder, "case", run="demo", case="ex002"))


def test_a_missed_lesion_without_a_map_is_not_called_nothing(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    file = folder / "demo" / "maps.zarr" / "ex003" / "zarr.json"
    node = json.loads(file.read_bytes())
    node["attributes"]["entries"] = []
    file.write_text(json.dumps(node))
    text = told(launched(monkeypatch, folder, "case", run="demo", case="ex003"))
    assert "none was made for the missed lesion" in text
    assert "nothing missed" not in text


@pytest.mark.parametrize("asked", ["nobody", "<img src=x>", "../../etc"])
def test_an_unknown_case_or_run_is_told(monkeypatch: pytest.MonkeyPatch, folder: Path, asked: str) -> None:
    at = launched(monkeypatch, folder, "case", run=asked, case=asked)
    assert "There is no case" in told(at)
    assert "There is no run" in told(at)
    assert not any("<img" in element.value for element in at.warning)


def test_pdf_of_the_case_can_be_downloaded(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    at = launched(monkeypatch, folder, "case", run="demo", case="ex000")
    assert "No PDF of this case" in told(at)
    (folder / "demo" / "cases").mkdir()
    (folder / "demo" / "cases" / "ex000.pdf").write_bytes(b"%PDF-1.7")
    at.run()
    assert "No PDF of this case" not in told(at)


def test_a_broken_record_is_told(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    assert "the chain is whole" in told(launched(monkeypatch, folder, "provenance"))
    log = folder / "demo" / "log.jsonl"
    log.write_bytes(log.read_bytes().replace(b"finished", b"finishes"))
    assert "The record is not whole" in told(launched(monkeypatch, folder, "provenance"))


def test_names_of_a_run_are_text_and_never_markup() -> None:
    from dashboards.shell import plain

    for dangerous, gone in (("![x](http://a/b)", "]("), ("[x](http://a)", "]("), (":material/home:", ":material"),
                            ("<b>x</b>", "<b>"), ("$x$", "$x$"), ("`x`", "`x`")):
        assert gone not in re.sub(r"\\.", "", plain(dangerous))


@pytest.mark.parametrize("page", PAGES)
def test_numbers_that_were_changed_after_the_audit_are_told_on_every_page(monkeypatch: pytest.MonkeyPatch,
                                                                          folder: Path, page: str) -> None:
    file = folder / "demo" / "results.json"
    told_of = "results.json differs from its record"
    assert told_of not in told(launched(monkeypatch, folder, page))
    file.write_text(file.read_text().replace("0.75", "0.99"))
    text = told(launched(monkeypatch, folder, page))
    assert told_of in text
    assert "xaimed verify demo" in text
    assert "the chain is whole" not in text


@pytest.mark.parametrize("what", ["image", "maps"])
def test_no_opinion_is_asked_on_what_cannot_be_seen(monkeypatch: pytest.MonkeyPatch, folder: Path, what: str) -> None:
    assert launched(monkeypatch, folder, "case", run="demo", case="ex000").radio
    shutil.rmtree(folder / "demo" / "maps.zarr" / "ex000" / what / "c")
    st.cache_resource.clear()
    at = launched(monkeypatch, folder, "case", run="demo", case="ex000")
    assert not at.radio
    assert not [button for button in at.button if button.label == "Record"]
    assert "No opinion can be given on what cannot be seen" in told(at)


def test_a_method_or_target_that_is_not_there_is_said_and_downloads_carry_the_run(monkeypatch: pytest.MonkeyPatch,
                                                                                 folder: Path) -> None:
    at = launched(monkeypatch, folder, "case", run="demo", case="ex000", method="nomethod", target="zzz")
    assert "There is no method nomethod here" in told(at)
    assert "There is no target zzz here" in told(at)
    assert "There is no" not in told(launched(monkeypatch, folder, "case", run="demo", case="ex000"))
    from dashboards import downloads

    st.session_state["run_name"] = "demo"
    assert downloads._file("froc", "csv") == "demo-froc.csv"
