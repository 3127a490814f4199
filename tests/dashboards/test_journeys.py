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
from tests.dashboards.crowds import crowd_run
from tests.dashboards.exams import exam_run
from tests.dashboards.test_viewer import middle, stage
from xaimed import feedback
from xaimed.journal import Journal
from xaimed.metrics.axis import case_skills
from xaimed.run import Run
from xaimed.store import Store
from xaimed.viz import worklist

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = MARKS
PDF = b"%PDF-1.7 not a real report"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run `exam` in a folder with one of other data, one without images, a killed one and a folder that is none."""
    folder = tmp_path_factory.mktemp("journeys")
    run = exam_run(folder / "exam")
    (run.path / "cases").mkdir()
    (run.path / "cases" / "ex000.pdf").write_bytes(PDF)
    (run.path / "report.pdf").write_bytes(PDF)
    other = shutil.copytree(run.path, folder / "other") / "run.json"
    other.write_text(other.read_text().replace("ef" * 32, "fe" * 32))
    (folder / ".killed.partial").mkdir()
    (folder / "holiday").mkdir()
    crowd_run(folder / "crowd", 40)
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
    page.get_by_text("Recorded: wrong place, with your comment, for the map of grad cam for detection d0: malignant"
                     ).wait_for()
    page.get_by_text("Dr B, ").wait_for()
    ready(page)
    assert form(page) == (0, "", "Dr B")
    (row,) = feedback.opinions(run).to_dict("records")
    assert (row["case"], row["target"], row["method"], row["verdict"], row["reader"]) == (
        "ex000", "d0", "grad_cam", "wrong place", "Dr B")
    assert Journal(run.path.parent).check() > 0

    go(page, "feedback")
    page.get_by_text("1 opinion of 1 reader on 1 case").wait_for()
    table = list(csv.DictReader(io.StringIO(download(page, page.get_by_role("button", name="All of it (CSV)")).decode(
        "utf-8-sig"))))
    assert [(line["case"], line["verdict"], line["hash"]) for line in table] == [("ex000", "wrong place", row["hash"])]
    assert table[0]["comment"].startswith("'="), "a comment is no formula"

    go(page, "cases")
    listed = download(page, page.get_by_role("button", name="All of them (CSV)")).decode("utf-8-sig")
    said = {line["case"]: line["feedback"] for line in csv.DictReader(io.StringIO(listed))}
    assert said["ex000"] == "wrong place 1"
    assert set(said.values()) == {"wrong place 1", ""}


def form(page: Page) -> tuple[int, str, str]:
    """How many opinions are chosen in the form, its comment, and the reader's name."""
    return (page.get_by_test_id("stRadio").locator("input:checked").count(),
            page.get_by_role("textbox", name="Comment").input_value(),
            page.get_by_role("textbox", name="Your name or code").input_value())


def test_what_was_not_sent_of_one_case_is_not_in_the_form_of_the_next(page: Page, run: Run) -> None:
    before = len(feedback.opinions(run))
    go(page, "case", case="ex003")
    stage(page, "ex003").wait_for()
    for step in ("next", "method", "back"):
        page.get_by_test_id("stRadio").get_by_text("agree", exact=True).click()
        page.get_by_role("textbox", name="Comment").fill(f"before {step}")
        page.get_by_role("textbox", name="Your name or code").fill("Dr C")
        page.get_by_test_id("stHeader").click(position={"x": 5, "y": 5})
        if step == "next":
            page.keyboard.press("n")
        elif step == "method":
            choose(page, "Method", "integrated gradients — gate passed")
        else:
            page.keyboard.press("p")
        page.wait_for_timeout(500)
        ready(page)
        chosen, comment, reader = form(page)
        assert (chosen, comment) == (0, ""), step
        assert reader == "Dr C"
        page.get_by_role("button", name="Record", exact=True).click()
        page.get_by_text("Nothing recorded").wait_for()
    assert len(feedback.opinions(run)) == before


def test_the_form_is_on_the_screen_beside_the_image(page: Page) -> None:
    go(page, "case", case="ex000")
    stage(page, "ex000").wait_for()
    edges = page.get_by_role("button", name="Record", exact=True).bounding_box()
    assert edges is not None
    assert edges["y"] + edges["height"] < 768
    head = page.get_by_text("ex000 · ").first.bounding_box()
    assert head is not None
    assert head["y"] < 160, "beside the steps"


def test_a_click_in_another_view_keeps_the_place_in_a_filtered_list(page: Page) -> None:
    go(page, "cases")
    page.get_by_role("textbox", name="Find a case").fill("ex003")
    page.keyboard.press("Enter")
    page.get_by_text("1 of 5 cases").wait_for()
    page.get_by_test_id("stBaseButton-secondary").get_by_text("Open", exact=True).click()
    stage(page, "ex000").locator(".box").first.wait_for()
    page.get_by_text("1 of 1 in the list").wait_for()
    page.mouse.click(*middle(stage(page, "ex000").locator(".box.detection").first))
    page.wait_for_url("**case=ex000*")
    page.get_by_text("another view of ex003, 1 of 1 in the list").wait_for()


def test_the_missed_cancers_are_one_click_away_and_m_walks_through_them(page: Page, run: Run) -> None:
    go(page, "cases", run="crowd")
    table = worklist.worklist(Run.open(run.path.with_name("crowd")))
    missed = list(worklist.ordered(table[table["missed_positive"] > 0])["case"])
    page.get_by_test_id("stCheckbox").get_by_text(f"Missed cancers: {len(missed)}").click()
    page.get_by_text(f"{len(missed)} of 40 cases").wait_for()
    page.get_by_test_id("stBaseButton-secondary").get_by_text("Open", exact=True).click()
    for place, case in enumerate(missed[:3], 1):
        page.wait_for_url(f"**case={case}*")
        page.get_by_text(f"{place} of {len(missed)} in the list").wait_for()
        ready(page)
        page.keyboard.press("m")


def test_two_methods_are_compared_on_one_case_from_its_address(page: Page) -> None:
    go(page, "case", case="ex000", method="integrated_gradients")
    page.locator('.stage[data-shown="ex000"][data-map="d0/integrated_gradients"]').wait_for()
    page.get_by_label("Show", exact=True).select_option("methods")
    page.locator('.stage[data-map="d0/grad_cam"]').wait_for()
    table = page.get_by_role("region", name="Explanation metrics of this target")
    heads = table.locator("thead th").all_text_contents()
    assert heads[1] == "integrated gradients"
    assert "grad cam" in heads
    choose(page, "Method", "grad cam — gate passed")
    page.wait_for_url("**method=grad_cam*")
    page.get_by_label("Show", exact=True).select_option("exam")


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
    points.last.wait_for()  # methods with a number are drawn over those without: the last is integrated gradients
    at = points.last.bounding_box()
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
        # The drawn curves are (1 - x) ** n; the stored point next to a tenth is 25 / 256.
        area = run.scores[(run.scores["case"] == "ex000") & (run.scores["target"] == "d0")
                          & (run.scores["condition"] == "clean") & (run.scores["method"] == "grad_cam")
                          & (run.scores["metric"] == f"deletion_auc[{one.fill}]")]["value"].iloc[0]
        left = (1 - 25 / 256) ** (1 / area - 1)
        assert f"{left:.0%} at 10% replaced ({one.fill})" in text


def test_runs_of_different_data_are_told_apart_in_words(page: Page) -> None:
    go(page, "cases")
    page.get_by_role("button", name="More filters").click()
    choose(page, "Cases of other runs too", "other")
    page.get_by_text("These runs are of different data").wait_for()
    go(page, "explainability")
    choose(page, "Compare with", "other")
    page.get_by_text("no comparison of two models").wait_for()
    page.locator(".js-plotly-plot .scatterlayer .points path.point").first.wait_for()


def test_what_is_no_finished_run_says_so_and_the_finished_one_still_opens(page: Page, run: Run) -> None:
    go(page, "performance")
    choose(page, "Run", "killed (cut off)")
    page.get_by_text("This run was cut off").wait_for()
    choose(page, "Run", "holiday (no run)")
    page.get_by_text("holds no run").wait_for()
    with Store.create(run.path.with_name("going"), "", {}):
        choose(page, "Run", "exam")
        choose(page, "Run", "going (being written)")
        page.get_by_text("is being written now").wait_for()
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
    for place, word in ((0, "damaged"), (1, "missing"), (2, "damaged")):
        page.locator(".pane").nth(place).locator(".told", has_text=word).wait_for()
    assert stage(page, "ex000").count() == 1, "its image is whole"
    assert stage(page, "ex001").count() == 0
    go(page, "case", run="other", case="ex001")
    page.locator('[data-testid="stAlert"]', has_text="run other, the image of ex001: missing").first.wait_for()
    assert str(run.path.parent) not in page.content()
    assert not page.get_by_text("Your opinion of").count(), "what cannot be seen is not judged"
