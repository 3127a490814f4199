"""A whole small study in the browser: two readers by the keyboard, the views, and what axe finds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")


from tests.dashboards.browsing import MARKS, Seen, looking, ready, served
from tests.dashboards.exams import exam_run
from tests.dashboards.test_access import AXE, NOT_OURS, RULES
from xaimed import reading
from xaimed.run import Run

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.usefixtures("no_cache")
# Names, labels, the reference, methods, and what is made of comparing the two.
UNBLINDING = ("ex00", "p000", "benign", "normal", "grad_cam", "grad cam", "missed", "false positive", "truth",
              "reference", "score", "undefined")


FORM = "[...document.querySelectorAll('*')].map(e => e.shadowRoot).find(r => r && r.querySelector('.answer'))"


def wait_for(tab: Page, place: str) -> None:
    """Until the views of that place stand on the screen."""
    tab.wait_for_function(f"""place => {{ const root = {FORM};
        return root && root.querySelector('.place').textContent === place
            && root.querySelector('.answer').getAttribute('aria-busy') === 'false'; }}""", arg=place)


def words(tab: Page) -> str:
    """All that the component says, also to a screen reader; styles and the list of keys left out."""
    return str(tab.evaluate(f"""() => {{ const root = {FORM}, told = [];
        for (const one of root.querySelectorAll('*')) {{
            if (one.matches('style, .help, .help *, .caption') || one.closest('[style*="display: none"]')) continue;
            for (const name of ['aria-label', 'title', 'data-shown', 'data-map', 'aria-valuetext'])
                told.push(one.getAttribute(name) || '');
            told.push(...[...one.childNodes].filter(n => n.nodeType === 3).map(n => n.textContent)); }}
        return told.join(' '); }}"""))


@pytest.fixture(scope="module")
def small(example_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    root = tmp_path_factory.mktemp("study")
    shutil.copytree(example_run, root / "demo")
    exam_run(root / "views")
    with served(root) as address:
        yield address, root


@pytest.fixture
def page(small: tuple[str, Path]) -> Iterator[tuple[Page, Seen, Path]]:
    pytest.importorskip("playwright", reason="playwright is not installed")
    with looking(small[0]) as (tab, seen):
        yield tab, seen, small[1]


def sit(tab: Page, reader: str, cases: int) -> None:
    """Fill in the form, by the keyboard alone."""
    tab.get_by_label("Your name or code").fill(reader)
    tab.get_by_label("Cases").fill(str(cases))
    tab.get_by_label("Cases").press("Tab")
    ready(tab)
    tab.get_by_role("button", name="Begin or go on").press("Enter")


def browser(test: Any) -> Any:
    for mark in MARKS:
        test = mark(test)
    return test


@browser
def test_two_readers_read_a_small_study_by_the_keyboard(page: tuple[Page, Seen, Path]) -> None:
    tab, seen, root = page
    tab.goto(f"{seen.address}/study?run=demo")
    for reader, base in (("Dr A", 10), ("Dr B", 50)):
        tab.get_by_label("Your name or code").wait_for()
        ready(tab)
        assert tab.get_by_label("Your name or code").input_value() == ""
        sit(tab, reader, 3)
        for number in (1, 2, 3):
            wait_for(tab, f"Case {number} of 3, without the model")
            record = tab.get_by_role("button", name="Record and go on")
            assert record.is_disabled(), "no answer before one is given"
            assert tab.locator(".number input").input_value() == ""
            assert not [word for word in UNBLINDING if word in words(tab)]
            tab.keyboard.press("Enter")
            assert record.is_disabled()
            tab.keyboard.press("a")
            tab.keyboard.type(str(base + number))
            tab.keyboard.press("Enter")
            wait_for(tab, f"Case {number} of 3, with the model")
            assert "undefined" not in words(tab)
            assert f"Your first answer was {base + number}; it stands." in words(tab)
            tab.keyboard.press("Enter")  # once too often: it must not answer what has just come
            assert tab.locator(".number input").input_value() == str(base + number)
            if number == 1 and reader == "Dr A":  # reloaded in the middle: name again, and on
                tab.reload()
                tab.get_by_label("Your name or code").wait_for()
                ready(tab)
                sit(tab, reader, 3)
                wait_for(tab, "Case 1 of 3, with the model")
            scale = tab.get_by_role("slider", name="Scale from 0 to 100 percent")
            scale.press("ArrowRight" if number == 2 else "9" if number == 3 else "Tab")
            name = {1: f"Again {base + 1}", 2: f"Record {base + 3}", 3: "Record 90"}[number]
            tab.get_by_role("button", name=f"{name} and go on").press("Enter")
        tab.get_by_text("You have read all cases").wait_for()
        ready(tab)
        if reader == "Dr A":
            tab.get_by_role("button", name="Next reader").press("Enter")
    assert tab.get_by_text("Readers who are through with this study: 2, of 2 who began.").count() == 1
    table = reading.readings(Run.open(root / "demo"), 0, 3)
    assert table["score"].tolist() == [11, 11, 12, 13, 13, 90, 51, 51, 52, 53, 53, 90]
    assert table["seconds"].between(0.001, 60).all()
    assert seen.foreign == []
    assert [error for error in seen.errors if "404" not in error] == []


@browser
def test_the_views_fit_the_screen_and_the_viewer_obeys(page: tuple[Page, Seen, Path]) -> None:
    tab, seen, _ = page
    tab.goto(f"{seen.address}/study?run=views")
    tab.get_by_label("Your name or code").wait_for()
    ready(tab)
    sit(tab, "Dr V", 2)
    wait_for(tab, "Case 1 of 2, without the model")
    if tab.locator(".stage").count() == 1:
        for _ in range(2):
            tab.keyboard.press("a")
            tab.keyboard.type("5")
            tab.get_by_role("button", name="5 and go on").press("Enter")
            tab.wait_for_timeout(1500)
        wait_for(tab, "Case 2 of 2, without the model")
    assert tab.locator(".stage").count() == 4
    for stage in tab.locator(".stage").all():
        box = stage.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 768
        assert box["height"] > 200
    assert tab.locator(".box").count() == 0
    for name in ("Overlay", "Reference", "Detections", "Opacity", "Show"):
        assert not tab.get_by_label(name, exact=True).first.is_visible(), name
    tab.keyboard.press("i")
    tab.wait_for_timeout(300)
    assert tab.get_by_label("Invert").is_checked()
    tab.keyboard.press("2")
    assert tab.locator(".number input").input_value() == "", "a digit is a preset of the window, not an answer"
    assert tab.locator('select[aria-label="Window"]').input_value() != "Whole range"


@browser
@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core: npm pack axe-core, and set XAIMED_AXE to its axe.min.js")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_at_the_desk(page: tuple[Page, Seen, Path], scheme: str) -> None:
    tab, seen, _ = page
    tab.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    tab.goto(f"{seen.address}/study?run=demo")
    tab.get_by_label("Your name or code").wait_for()
    ready(tab)
    sit(tab, f"Dr {scheme}", 3)
    found = []
    for stage in ("without", "with"):
        wait_for(tab, f"Case 1 of 3, {stage} the model")
        tab.evaluate(AXE.read_text(encoding="utf-8"))
        found += [told for told in tab.evaluate(RULES) if told[1] in ("serious", "critical")
                  and not any(sign in told[3] for sign in NOT_OURS)]
        tab.keyboard.press("a")
        tab.keyboard.type("5")
        tab.keyboard.press("Enter")
    assert not found, "\n".join(map(str, found))
