"""The main journeys in a real Chromium: disagree with a map, take the PDF along, from a point of the axis to a case,
and what is said of damaged pixels, of runs of different data and of a run in progress."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from tests.dashboards.browsing import MARKS, Seen, looking, ready, served
from tests.dashboards.exams import exam_run
from tests.dashboards.test_viewer import stage
from xaimed import feedback
from xaimed.journal import Journal
from xaimed.metrics.axis import case_skills
from xaimed.run import Run

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = MARKS
PDF = b"%PDF-1.7 not a real report"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run `exam` in a folder with one of other data, and one that is being written."""
    folder = tmp_path_factory.mktemp("journeys")
    run = exam_run(folder / "exam")
    (run.path / "cases").mkdir()
    (run.path / "cases" / "ex000.pdf").write_bytes(PDF)
    (run.path / "report.pdf").write_bytes(PDF)
    other = shutil.copytree(run.path, folder / "other") / "run.json"
    other.write_text(other.read_text().replace("ef" * 32, "fe" * 32))
    (folder / ".going.partial").mkdir()
    return run


@pytest.fixture(scope="module")
def tab(run: Run) -> Iterator[tuple[Page, Seen]]:
    with served(run.path.parent) as address, looking(address) as found:
        yield found


@pytest.fixture
def page(tab: tuple[Page, Seen]) -> Iterator[Page]:
    """The tab; whatever the journey, no error and no other address."""
    found, seen = tab
    yield found
    assert found.get_by_text("Traceback").count() == 0
    assert seen.foreign == []
    assert [error for error in seen.errors if "404" not in error] == []


def go(page: Page, where: str, **query: str) -> None:
    given = "&".join(f"{key}={value}" for key, value in {"run": "exam", **query}.items())
    page.goto(f"{page.url.split('//')[0]}//{page.url.split('/')[2]}/{where}?{given}" if "//" in page.url else where)
    ready(page)


@pytest.fixture(autouse=True)
def opened(tab: tuple[Page, Seen]) -> None:
    found, seen = tab
    if not found.url.startswith(seen.address):
        found.goto(seen.address)


def download(page: Page, button: Locator) -> bytes:
    with page.expect_download() as found:
        button.click()
    return Path(found.value.path()).read_bytes()


def choose(page: Page, label: str, option: str) -> None:
    """Pick an option of a Streamlit select box by typing."""
    box = page.get_by_role("combobox", name=label).first
    box.click()
    page.get_by_role("option", name=option, exact=True).click()
    ready(page)


def test_a_reader_disagrees_with_a_map_and_it_is_stored_shown_counted_and_exported(page: Page, run: Run) -> None:
    go(page, "case", case="ex000")
    stage(page, "ex000").wait_for()
    page.get_by_test_id("stRadio").get_by_text("wrong place", exact=True).click()
    page.get_by_role("textbox", name="Comment").fill("=the mass lies medially")
    page.get_by_role("textbox", name="Your name or code").fill("Dr B")
    page.get_by_role("button", name="Record", exact=True).click()
    page.get_by_text("Recorded.").wait_for()
    page.get_by_text("Dr B, ").wait_for()
    (row,) = feedback.opinions(run).to_dict("records")
    assert (row["case"], row["target"], row["method"], row["verdict"], row["reader"]) == (
        "ex000", "d0", "grad_cam", "wrong place", "Dr B")
    assert Journal(run.path.parent).check() > 0

    go(page, "feedback")
    page.get_by_text("1 opinions of 1 readers on 1 cases").wait_for()
    table = list(csv.DictReader(io.StringIO(download(page, page.get_by_role("button", name="All of it (CSV)")).decode(
        "utf-8-sig"))))
    assert [(line["case"], line["verdict"], line["hash"]) for line in table] == [("ex000", "wrong place", row["hash"])]
    assert table[0]["comment"].startswith("'="), "a comment is no formula"

    go(page, "cases")
    listed = download(page, page.get_by_role("button", name="All of them (CSV)")).decode("utf-8-sig")
    said = {line["case"]: line["feedback"] for line in csv.DictReader(io.StringIO(listed))}
    assert said["ex000"] == "wrong place 1"
    assert set(said.values()) == {"wrong place 1", ""}


def test_the_pdf_of_the_case_and_the_report_come_as_they_are(page: Page) -> None:
    go(page, "case", case="ex000")
    stage(page, "ex000").wait_for()
    assert download(page, page.get_by_role("button", name="Download this case (PDF)")) == PDF
    go(page, "provenance")
    assert download(page, page.get_by_role("button", name="Download the report (PDF)")) == PDF


def test_a_click_on_a_point_leads_to_its_components_and_its_worst_case(page: Page, run: Run) -> None:
    skills = case_skills(run.scores)
    go(page, "explainability")
    points = page.locator(".js-plotly-plot").first.locator(".scatterlayer .points path.point")
    points.nth(1).wait_for()
    at = points.nth(1).bounding_box()
    assert at is not None
    page.mouse.click(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
    page.get_by_text("Explainability 0.43").wait_for()
    ready(page)
    own = skills[skills["method"] == "integrated_gradients"].sort_values("skill")
    worst = own.iloc[0]
    link = page.get_by_role("link", name=f"{worst['case']}: skill {worst['skill']:.2f}")
    assert download(page, page.get_by_role("button", name="Download the report (PDF)")) == PDF
    link.click()
    page.wait_for_url(f"**case={worst['case']}*")
    stage(page, str(worst["case"])).wait_for()


def test_what_the_model_would_say_without_a_region_is_told_from_the_stored_curve(page: Page, run: Run) -> None:
    go(page, "case", case="ex000")
    panel = page.get_by_test_id("stExpander").filter(has_text="Without this region")
    panel.locator("svg g").first.wait_for()
    curves = [one for one in run.curves("ex000") if (one.target, one.method) == ("d0", "grad_cam")]
    assert panel.locator("svg g").count() == len(curves) == 2
    text = str(panel.text_content())
    for one in curves:
        # The drawn curves are (1 - x) ** n, of which a tenth leaves 0.9 ** n; points lie close enough for a line.
        area = run.scores[(run.scores["case"] == "ex000") & (run.scores["target"] == "d0")
                          & (run.scores["condition"] == "clean") & (run.scores["method"] == "grad_cam")
                          & (run.scores["metric"] == f"deletion_auc[{one.fill}]")]["value"].iloc[0]
        left = 0.9 ** (1 / area - 1)
        assert any(f"{left + off:.0%} ({one.fill})" in text for off in (-0.01, 0.0, 0.01)), text


def test_runs_of_different_data_are_told_apart_in_words(page: Page) -> None:
    go(page, "cases")
    page.get_by_role("button", name="More filters").click()
    choose(page, "Cases of other runs too", "other")
    page.get_by_text("These runs are of different data").wait_for()
    go(page, "explainability")
    choose(page, "Compare with", "other")
    page.get_by_text("no comparison of two models").wait_for()
    page.locator(".js-plotly-plot .scatterlayer .points path.point").first.wait_for()


def test_a_run_in_progress_says_so_and_the_finished_one_still_opens(page: Page) -> None:
    go(page, "performance")
    choose(page, "Run", "going (cannot be opened)")
    page.get_by_text("being written").wait_for()
    choose(page, "Run", "exam")
    page.locator(".js-plotly-plot").first.wait_for()


def test_a_deleted_image_and_a_damaged_map_are_told_in_their_place_and_the_rest_is_shown(page: Page,
                                                                                       run: Run) -> None:
    other = run.path.with_name("other") / "maps.zarr"  # of which nothing has been shown, so nothing is remembered
    shutil.rmtree(other / "ex001" / "image")
    for part in ("ex002/image", "ex000/maps"):
        for file in (other / part).rglob("*"):
            if file.is_file() and file.name != "zarr.json":
                file.write_bytes(b"gone")
    go(page, "case", run="other", case="ex003")
    stage(page, "ex003").and_(page.locator("[data-map]")).wait_for()
    for place in (0, 1, 2):
        page.locator(".pane").nth(place).locator(".told", has_text="damaged").wait_for()
    assert stage(page, "ex000").count() == 1, "its image is whole"
    assert stage(page, "ex001").count() == 0
    go(page, "case", run="other", case="ex001")
    page.locator('[data-testid="stAlert"]', has_text="damaged").first.wait_for()
    page.get_by_text("Your opinion of").wait_for()
