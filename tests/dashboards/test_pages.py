"""Every page with a good run, an empty folder, a damaged run; what they must say."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")

from streamlit.testing.v1 import AppTest

from xaimed.run import Run

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
    at.selectbox(key="run_choice").set_value("later").run()
    assert not at.exception
    assert "being written" in told(at)
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
    at = launched(monkeypatch, folder, "case", run="demo", case="ex000")
    assert "ex000" in told(at)
    assert at.selectbox(key="target").value == "d0"
    buttons = {button.label: button for button in at.button}
    assert buttons["Previous"].disabled
    buttons["Next miss"].click().run()
    assert "ex003" in told(at)
    assert "missed lesion" in at.selectbox(key="target").options[0]


def test_failed_gate_is_told_in_words_beside_the_map(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    at = launched(monkeypatch, folder, "case", run="demo", case="ex000")
    assert "Do not rely" not in told(at)
    at.selectbox(key="method").set_value("gradient_shap").run()
    assert "Do not rely on this map: gradient shap failed" in told(at)
    at.selectbox(key="method").set_value("kernel_shap").run()
    assert "was not assessed" in told(at)


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
    assert "what is left of the model's answer" in told(at)
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


def test_a_case_without_maps_says_why(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    assert "missed nothing" in told(launched(monkeypatch, folder, "case", run="demo", case="ex002"))


def test_a_missed_lesion_without_a_map_is_not_called_nothing(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    file = folder / "demo" / "maps.zarr" / "ex003" / "zarr.json"
    node = json.loads(file.read_bytes())
    node["attributes"]["entries"] = []
    file.write_text(json.dumps(node))
    text = told(launched(monkeypatch, folder, "case", run="demo", case="ex003"))
    assert "made none for the lesion that it missed" in text
    assert "missed nothing" not in text


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
