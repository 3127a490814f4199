"""The main journey in a real Chromium: overview, worklist, a case; and nothing leaves the machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from tests.dashboards.browsing import MARKS, Seen, looking, ready, served

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = MARKS


@pytest.fixture(scope="module")
def address(example_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("shown")
    shutil.copytree(example_run, folder / "demo")
    shutil.copytree(example_run, folder / "broken")
    (folder / "broken" / "scores.parquet").write_bytes(b"nothing")
    with served(folder) as address:
        yield address


@pytest.fixture
def page(address: str) -> Iterator[tuple[Page, Seen]]:
    with looking(address) as found:
        yield found


def test_from_overview_to_a_map_without_leaving_the_machine(page: tuple[Page, Seen], tmp_path: Path) -> None:
    tab, seen = page
    tab.goto(seen.address)
    tab.get_by_text("Explainability against accuracy").wait_for()
    tab.locator(".js-plotly-plot .scatterlayer .points path").first.wait_for()
    ready(tab)
    assert tab.locator(".js-plotly-plot .scatterlayer .points path").count() == 4
    tab.screenshot(path=tmp_path / "overview.png")

    tab.get_by_role("link", name="Cases", exact=True).click()
    grid = tab.get_by_test_id("stDataFrame").locator("canvas").first
    grid.wait_for()
    ready(tab)
    box = grid.bounding_box()
    assert box is not None
    tab.mouse.click(box["x"] + 100, box["y"] + 50)  # the first row; the grid is one canvas
    tab.wait_for_url("**/case?*")
    assert "run=demo" in tab.url
    assert "case=ex003" in tab.url, "the gravest case stands first"
    tab.locator('.stage[data-shown="ex003"][data-map="m0/grad_cam"]').wait_for()
    tab.screenshot(path=tmp_path / "case.png")
    assert all((tmp_path / shot).stat().st_size > 20_000 for shot in ("overview.png", "case.png"))
    assert seen.foreign == []
    # Streamlit looks for its own service below the address first, then at the root.
    assert all("/_stcore/" in url for url in seen.refused), seen.refused
    assert [error for error in seen.errors if "404" not in error] == []


def test_the_first_page_has_its_name_as_an_address_too(page: tuple[Page, Seen]) -> None:
    tab, seen = page
    tab.goto(f"{seen.address}/overview?run=demo")
    tab.get_by_text("Findings").first.wait_for()
    assert tab.get_by_text("Page not found").count() == 0
    assert tab.get_by_role("link", name="Overview", exact=True).count() == 1


def test_an_address_opens_a_case_at_once_and_a_broken_run_is_one_line(page: tuple[Page, Seen]) -> None:
    tab, seen = page
    tab.goto(f"{seen.address}/case?run=demo&case=ex003")
    tab.locator('.stage[data-shown="ex003"]').wait_for()
    assert "ex003" not in tab.title()
    tab.goto(f"{seen.address}/case?run=broken&case=ex003")
    tab.get_by_text("scores.parquet").wait_for()
    assert tab.get_by_text("Traceback").count() == 0
    assert seen.foreign == []
    assert all("/_stcore/" in url for url in seen.refused)
