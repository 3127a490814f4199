"""The workstation viewer in a real Chromium against the stored pixels, boxes and maps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from tests.dashboards.browsing import MARKS, Seen, looking, ready, served
from tests.dashboards.exams import exam_run
from xaimed.run import Run

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = MARKS
Point = tuple[float, float]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return exam_run(tmp_path_factory.mktemp("exams") / "exam")


@pytest.fixture(scope="module")
def tab(run: Run) -> Iterator[tuple[Page, Seen]]:
    with served(run.path.parent) as address, looking(address) as found:
        yield found


@pytest.fixture
def page(tab: tuple[Page, Seen]) -> Page:
    """The viewer on ex000 as it opens."""
    return at_exam(*tab)


def at_exam(tab: Page, seen: Seen) -> Page:
    """The page of ex000 once all four views of its examination stand there."""
    tab.goto(f"{seen.address}/case?run=exam&case=ex000")
    for case in ("ex000", "ex001", "ex002", "ex003"):
        stage(tab, case).wait_for()
    return tab


def stage(tab: Page, case: str) -> Locator:
    return tab.locator(f'.stage[data-shown="{case}"]')


def box(tab: Page, case: str, kind: str = "detection") -> Locator:
    return stage(tab, case).locator(f".box.{kind}").first


def middle(found: Locator) -> Point:
    edges = found.bounding_box()
    assert edges is not None
    return edges["x"] + edges["width"] / 2, edges["y"] + edges["height"] / 2


def read(tab: Page, case: str) -> str:
    return str(tab.locator(f'.pane:has(.stage[data-shown="{case}"]) .value').first.text_content())


def numbers(text: str) -> tuple[int, int, float, float]:
    """x, y, grey and map of a read-out."""
    found = re.search(r"x (\d+), y (\d+): grey ([\d.]+)(?:, map ([-\de.+]+))?", text)
    assert found is not None, text
    return int(found[1]), int(found[2]), float(found[3]), float(found[4] or "nan")


def grey_on_screen(tab: Page, case: str, at: Point) -> int:
    """The red channel of the pane's canvas at a point of the page."""
    script = """(canvas, [x, y]) => { const e = canvas.getBoundingClientRect();
      return canvas.getContext("2d").getImageData(Math.floor(x - e.x), Math.floor(y - e.y), 1, 1).data[0]; }"""
    return int(cast(int, stage(tab, case).locator("canvas").evaluate(script, list(at))))


def settle(tab: Page) -> None:
    tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_the_right_breast_hangs_left_and_mirrored(page: Page) -> None:
    titles = page.locator(".pane .title").all_text_contents()
    assert [title.replace(" ●", "") for title in titles] == ["R CC (mirrored)", "L CC", "R MLO (mirrored)", "L MLO"]
    assert "●" in titles[0]


@pytest.mark.parametrize("case", ["ex000", "ex001"])
def test_values_under_the_cursor_are_the_stored_ones(page: Page, run: Run, case: str) -> None:
    row = run.predictions[(run.predictions["case"] == case) & (run.predictions["target"] == "d0")].iloc[0]
    stage(page, case).and_(page.locator("[data-map]")).wait_for()
    page.mouse.move(*middle(box(page, case)))
    x, y, grey, value = numbers(read(page, case))
    assert (x, y) == pytest.approx(((row["x0"] + row["x1"]) / 2, (row["y0"] + row["y1"]) / 2), abs=1.5)
    assert grey == pytest.approx(run.image(case)[0, y, x], abs=6e-4)
    assert value == pytest.approx(run.map(case, "d0", "grad_cam")[y, x], rel=6e-3)


def test_zoom_is_linked_and_keeps_the_point_under_the_cursor(page: Page) -> None:
    widths = {case: box(page, case).bounding_box() for case in ("ex000", "ex001")}
    page.mouse.move(*middle(box(page, "ex000")))
    before = numbers(read(page, "ex000"))
    page.mouse.wheel(0, -300)
    settle(page)
    after = numbers(read(page, "ex000"))
    assert after[:2] == pytest.approx(before[:2], abs=1)
    for case, old in widths.items():
        new = box(page, case).bounding_box()
        assert old is not None
        assert new is not None
        assert new["width"] / old["width"] == pytest.approx(2.117, rel=0.1), "exp(300 / 400)"
    page.keyboard.press("0")
    settle(page)
    assert box(page, "ex001").bounding_box() == widths["ex001"]


def test_unlinked_views_zoom_alone(page: Page) -> None:
    other = box(page, "ex001").bounding_box()
    page.get_by_label("Link views").uncheck()
    page.mouse.move(*middle(box(page, "ex000")))
    page.mouse.wheel(0, -300)
    settle(page)
    assert box(page, "ex001").bounding_box() == other


def test_a_drag_sets_the_window_of_every_view(page: Page, run: Run) -> None:
    page.keyboard.press("Space")
    settle(page)
    at, other = middle(stage(page, "ex000")), middle(stage(page, "ex001"))
    page.mouse.move(*at)
    x, y, grey, _ = numbers(read(page, "ex000"))
    assert grey_on_screen(page, "ex000", at) == pytest.approx(255 * run.image("ex000")[0, y, x], abs=12)
    before = grey_on_screen(page, "ex001", other)
    page.mouse.down()
    page.mouse.move(at[0] - 150, at[1], steps=3)
    page.mouse.up()
    settle(page)
    # 300 of 500 CSS pixels would be 0.6 narrower; 150 are 0.3: the window is 0.7 wide about 0.5.
    assert "Window 0.70, level 0.50" in str(page.locator(".caption").text_content())
    expected = min(max((grey - 0.15) / 0.7, 0), 1) * 255
    assert grey_on_screen(page, "ex000", at) == pytest.approx(expected, abs=14)
    assert grey_on_screen(page, "ex001", other) != before


def test_keys_invert_hide_the_overlay_and_show_help(page: Page) -> None:
    stage(page, "ex000").and_(page.locator("[data-map]")).wait_for()
    settle(page)
    corner = middle(box(page, "ex000"))
    with_map = grey_on_screen(page, "ex000", corner)
    page.keyboard.press("Space")
    settle(page)
    plain = grey_on_screen(page, "ex000", corner)
    assert not page.get_by_label("Overlay", exact=True).is_checked()
    assert with_map != plain
    page.keyboard.press("i")
    settle(page)
    assert grey_on_screen(page, "ex000", corner) == pytest.approx(255 - plain, abs=2)
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keyboard and mouse").is_visible()
    assert "next miss" in str(page.locator(".help").text_content())
    page.keyboard.press("Escape")
    assert not page.locator(".help").is_visible()


def test_a_click_on_a_box_shows_its_own_map_and_moves_the_page(page: Page) -> None:
    missed = stage(page, "ex003").locator(".box.missed")
    assert "missed by the model" in str(missed.get_attribute("aria-label"))
    page.mouse.click(*middle(missed))
    page.locator('.stage[data-shown="ex003"][data-map="m0/grad_cam"]').wait_for()
    page.wait_for_url("**case=ex003*")
    page.locator(".pane.own .note", has_text="missed: benign").wait_for()


def test_the_next_miss_and_the_previous_case_are_keys(page: Page) -> None:
    page.keyboard.press("m")
    page.wait_for_url("**case=ex003*")
    ready(page)
    # The list has the gravest case first: ex003 missed, ex001 a false alarm, ex000 and ex004 found, ex002 clear.
    page.keyboard.press("n")
    page.wait_for_url("**case=ex001*")
    ready(page)
    page.keyboard.press("p")
    page.wait_for_url("**case=ex003*")


def test_a_box_is_reached_and_chosen_by_the_keyboard_alone(page: Page) -> None:
    stage(page, "ex001").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot.activeElement"
                         ".className").startswith("box")
    page.keyboard.press("Enter")
    page.wait_for_url("**case=ex001*")


def test_methods_stand_side_by_side_each_with_its_own_warning(page: Page) -> None:
    page.get_by_label("Show", exact=True).select_option("methods")
    page.locator('.stage[data-map="d0/kernel_shap"]').wait_for()
    heads = page.locator(".pane .note").all_text_contents()
    assert heads[0].startswith("image · d0: "), "the target is named once"
    assert heads[1:] == ["grad cam", "integrated gradients", "gradient shap", "kernel shap"]
    warned = page.locator(".pane .warn:visible").all_text_contents()
    assert any("gradient shap failed the randomisation gate" in text for text in warned)
    assert any("kernel shap" in text and "not assessed" in text for text in warned)
    assert len(warned) == 2


def test_nothing_but_this_machine_is_asked_and_nothing_goes_wrong(tab: tuple[Page, Seen]) -> None:
    _, seen = tab
    assert seen.foreign == []
    assert all("/_stcore/" in url for url in seen.refused), seen.refused
    assert [error for error in seen.errors if "404" not in error] == []


def test_a_damaged_image_and_map_say_why(tab: tuple[Page, Seen], run: Run, tmp_path: Path) -> None:
    page, seen = tab
    for part in ("image", "maps"):
        for file in (run.path / "maps.zarr" / "ex004" / part).rglob("*"):
            if file.is_file() and file.name != "zarr.json":
                file.write_bytes(b"gone")
    page.goto(f"{seen.address}/case?run=exam&case=ex004")
    page.locator(".told", has_text="damaged").wait_for()
    assert page.locator('[data-testid="stAlert"]', has_text="damaged").count() >= 1
