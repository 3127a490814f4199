"""What stands around and on the panes of the viewer: in register, nothing cut, nothing said that is out of sight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from tests import example_run as example
from tests.dashboards.browsing import MARKS, Seen, looking, served
from tests.dashboards.exams import VIEWS, exam_run
from tests.dashboards.test_viewer import at_exam, box, middle, numbers, read, settle, stage
from xaimed.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = MARKS
# For every element its left, top, right and bottom on the page.
PLACES = ("found => found.map(one => one.getBoundingClientRect())"
          ".map(edge => [edge.left, edge.top, edge.right, edge.bottom])")
CUT = ("found => found.filter(one => one.scrollWidth > one.clientWidth + 1"
       " || one.scrollHeight > one.clientHeight + 1).length")
UNDER = ("one => one.getBoundingClientRect().top"
         " - one.parentElement.querySelector('.stage').getBoundingClientRect().bottom")


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Page, Seen]]:
    folder = tmp_path_factory.mktemp("panes")
    exam_run(folder / "exam")
    bare_run(folder / "bare")
    with served(folder) as address, looking(address) as found:
        yield found


def bare_run(folder: Path) -> None:
    """The same examination without any map."""
    with Store.create(folder, example.PLAN, example.meta([example.draw(0)], 0)) as store:
        for index, (side, view) in enumerate(VIEWS):
            item = example.draw(index)
            case = replace(item.case, patient="p000", groups={"side": side, "view": view, "site": "A"})
            store.add_case(case, item.prediction, (), ())
        store.finish(example.results(4), example.findings(4), example.dataset_scores())


@pytest.fixture
def page(tab: tuple[Page, Seen]) -> Page:
    found = at_exam(*tab)
    stage(found, "ex000").and_(found.locator("[data-map]")).wait_for()
    settle(found)
    return found


def places(tab: Page, selector: str) -> list[list[float]]:
    return cast(list[list[float]], tab.locator(selector).evaluate_all(PLACES))


def test_four_views_are_in_register_and_cut_no_value(page: Page) -> None:
    assert {tuple(place[1::2]) for place in places(page, ".stage")} == {tuple(places(page, ".stage")[0][1::2])}
    page.mouse.move(*middle(box(page, "ex000")))
    settle(page)
    numbers(read(page, "ex000"))
    assert page.locator(".value, .foot").evaluate_all(CUT) == 0
    (value,) = page.locator(".value", has_text="map").evaluate_all(PLACES)
    pane = places(page, ".stage")[0]
    assert pane[0] <= value[0]
    assert value[2] <= pane[2]


def test_the_label_of_a_chosen_box_is_bold_and_whole(page: Page) -> None:
    label = stage(page, "ex000").locator(".box.chosen span").first
    assert label.evaluate("one => getComputedStyle(one).fontWeight") == "700"
    for case in ("ex000", "ex001", "ex003"):
        left, top, right, bottom = places(page, f'.stage[data-shown="{case}"]')[0]
        for place in places(page, f'.stage[data-shown="{case}"] .box span'):
            assert left <= place[0] + 0.5
            assert place[2] <= right + 0.5
            assert top <= place[1] + 0.5
            assert place[3] <= bottom + 0.5
    assert page.locator(".box span").evaluate_all(CUT) == 0


def test_a_box_out_of_the_pane_has_an_arrow_and_no_label(page: Page) -> None:
    stage(page, "ex000").focus()
    for _ in range(8):
        page.keyboard.press("+")
    for _ in range(40):
        page.keyboard.press("ArrowUp")
    settle(page)
    off = stage(page, "ex000").locator(".box.off")
    assert off.count() > 0
    assert set("".join(str(one.get_attribute("data-arrow")) for one in off.all())) <= set("↙↓↘")
    assert off.locator("span:visible").count() == 0
    assert "outside the pane" in str(off.first.get_attribute("aria-label"))
    page.keyboard.press("0")
    settle(page)
    assert stage(page, "ex000").locator(".box.off").count() == 0
    assert stage(page, "ex000").locator(".box span:visible").count() > 0


def test_the_caption_is_of_the_chosen_method_and_a_click_on_another_pane_chooses_it(page: Page) -> None:
    page.get_by_label("Show", exact=True).select_option("methods")
    pane = page.locator(".pane")
    page.locator(".stage[data-map$='/kernel_shap']").wait_for()
    caption = page.locator(".viewer .caption")
    names = pane.locator(".note").all_text_contents()
    assert pane.and_(page.locator(".own")).locator(".note").all_text_contents() == ["grad cam"]
    assert " grad cam: Full colour" in str(caption.text_content())
    stages = page.locator(".stage")
    other = stages.nth(names.index("kernel shap"))
    other.click(position={"x": 4, "y": 4})
    page.locator(".pane.own .note", has_text="kernel shap").wait_for()
    settle(page)
    assert " kernel shap: Full colour" in str(caption.text_content())
    page.wait_for_url("**method=kernel_shap**")


def test_the_words_over_a_pane_keep_clear_of_those_over_the_next(page: Page) -> None:
    for words, pane in zip(places(page, ".head .note"), places(page, ".pane"), strict=True):
        assert words[2] <= pane[2] - 7


def test_what_the_model_said_at_a_missed_lesion_stands_under_the_images(tab: tuple[Page, Seen]) -> None:
    page, seen = tab
    page.goto(f"{seen.address}/case?run=exam&case=ex003")
    page.locator(".stage[data-shown=ex003][data-map]").wait_for()
    settle(page)
    assert str(page.locator(".viewer .caption").text_content()).startswith(
        "Missed lesion: benign (score there 0.210, no box of the model lies on it). Window")


def test_a_screen_reader_hears_of_the_boxes_in_sight(page: Page) -> None:
    named = stage(page, "ex000").get_attribute("aria-label")
    count = stage(page, "ex000").locator(".box").count()
    assert count
    assert named is not None
    assert (", 1 box" if count == 1 else f", {count} boxes") in named
    for name in ("Detections", "Reference"):
        page.get_by_label(name, exact=True).uncheck()
    settle(page)
    named = stage(page, "ex000").get_attribute("aria-label")
    assert named is not None
    assert ", no boxes." in named


def test_methods_are_in_register_with_whole_words(page: Page) -> None:
    page.get_by_label("Show", exact=True).select_option("methods")
    page.locator('.stage[data-map="d0/kernel_shap"]').wait_for()
    settle(page)
    stages = places(page, ".stage")
    assert len(stages) == 5
    tall = {round(bottom - top, 1) for _, top, _, bottom in stages}
    assert len(tall) == 1, "the same size, whatever stands above them"
    assert len({round(top, 1) for _, top, _, _ in stages}) <= 2, "rows"
    assert page.locator(".note, .title, .warn:visible").evaluate_all(CUT) == 0
    page.get_by_label("Show", exact=True).select_option("exam")


def test_missed_and_false_boxes_differ_in_words_and_line_without_any_map(tab: tuple[Page, Seen]) -> None:
    page, seen = tab
    page.goto(f"{seen.address}/case?run=bare&case=ex003")
    stage(page, "ex003").wait_for()
    settle(page)
    line = "one => getComputedStyle(one, '::before').borderTopStyle"
    missed, found = box(page, "ex003", "missed"), box(page, "ex000", "truth")
    assert str(missed.text_content()).startswith("missed: ")
    assert not str(found.text_content()).startswith("missed")
    assert (missed.evaluate(line), found.evaluate(line)) == ("dotted", "dashed")
    false = page.locator(".box.false").first
    assert str(false.text_content()).startswith("false positive: ")
    assert (false.evaluate(line), box(page, "ex000").evaluate(line)) == ("double", "solid")
    caption = str(page.locator(".caption").text_content())
    assert "dotted: missed" in caption
    assert "double line: false positive" in caption


def test_what_is_lacking_stands_under_the_image(tab: tuple[Page, Seen]) -> None:
    page, seen = tab
    page.goto(f"{seen.address}/case?run=exam&case=ex000")
    lacking = page.locator(".pane .told.under:visible", has_text="No map here").first
    lacking.wait_for()
    settle(page)
    assert float(lacking.evaluate(UNDER)) >= 0


def test_a_browser_tab_is_titled_by_its_page_and_by_no_case(tab: tuple[Page, Seen]) -> None:
    page, seen = tab
    for address, title in (("", "Overview"), ("case?run=exam&case=ex000", "Case"), ("robustness", "Robustness")):
        page.goto(f"{seen.address}/{address}")
        page.wait_for_function("title => document.title === title", arg=f"{title} · xaimed")
