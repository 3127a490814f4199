"""The main journey in a real Chromium: overview, worklist, a case, its opacity; and nothing leaves the machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")
ROOT = Path(__file__).resolve().parents[2]
START = ("import argparse, sys; from xaimed.cli import dashboard as d; p = argparse.ArgumentParser(); "
         "d.add(p.add_subparsers()); sys.exit(d.run(p.parse_args(sys.argv[1:])))")
SECONDS = 60_000

pytestmark = [pytest.mark.browser,
              pytest.mark.skipif(not Path(CHROMIUM).is_file(), reason=f"no Chromium at {CHROMIUM}: install chromium")]


@dataclass
class Seen:
    """What the browser asked for, complained about, and was refused."""

    address: str
    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def address(example_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("shown")
    shutil.copytree(example_run, folder / "demo")
    shutil.copytree(example_run, folder / "broken")
    (folder / "broken" / "scores.parquet").write_bytes(b"nothing")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", START, "dashboard", str(folder), "--port", str(port),
                               "--no-browser"], stdout=subprocess.PIPE, text=True, cwd=folder,
                              env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert server.stdout is not None
    try:
        assert f"http://127.0.0.1:{port}" in server.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)
        server.stdout.close()


@pytest.fixture
def page(address: str) -> Iterator[tuple[Page, Seen]]:
    from playwright.sync_api import sync_playwright

    seen = Seen(address)
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        tab = browser.new_page(viewport={"width": 1366, "height": 768}, color_scheme="dark")
        tab.set_default_timeout(SECONDS)
        local = (f"{address}/", f"ws://{address.removeprefix('http://')}/", "data:", "blob:")
        tab.on("request", lambda r: None if r.url.startswith(local) else seen.foreign.append(r.url))
        tab.on("console", lambda m: seen.errors.append(m.text) if m.type == "error" else None)
        tab.on("pageerror", lambda error: seen.errors.append(str(error)))
        tab.on("response", lambda r: seen.refused.append(r.url) if r.status >= 400 else None)
        yield tab, seen
        browser.close()


def ready(tab: Page) -> None:
    """Wait until the page stands still: the script is done and no placeholder is left."""
    tab.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    tab.wait_for_function("document.querySelectorAll('[data-testid=stSkeleton]').length === 0")
    tab.wait_for_timeout(300)


def pixels(tab: Page, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The picture with this alternative text, as the browser has loaded it."""
    import cv2

    image = tab.get_by_alt_text(name, exact=True)
    for _ in range(40):
        image.wait_for(state="visible")
        source = str(image.get_attribute("src"))
        answer = tab.request.get(source if source.startswith("http") else tab.url.split("/case")[0] + source)
        found = cv2.imdecode(np.frombuffer(answer.body(), np.uint8), cv2.IMREAD_COLOR) if answer.ok else None
        if found is not None:
            return np.asarray(found[..., ::-1], np.uint8)
        tab.wait_for_timeout(250)  # a newer picture has just taken the place of this one
    raise AssertionError(f"no picture {name!r}")


def same_in_the_end(tab: Page, name: str, expected: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bool:
    """Whether the picture becomes the expected one, once the server has answered the last key."""
    for _ in range(60):
        if np.array_equal(pixels(tab, name), expected):
            return True
        tab.wait_for_timeout(250)
    return False


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
    assert "case=ex000" in tab.url
    name = "grad cam over case ex000"
    before = pixels(tab, name)
    plain = pixels(tab, "Image of case ex000")

    slider = tab.get_by_role("slider", name="Opacity")
    slider.focus()
    for _ in range(10):
        slider.press("ArrowLeft")
    ready(tab)
    assert slider.input_value() == "0"
    assert same_in_the_end(tab, name, plain), "no opacity gives the image back"
    assert np.abs(before.astype(int) - plain).max() > 60, "half opacity shows the map"
    assert (plain == (0, 230, 64)).all(axis=2).sum() > 200, "the detection is drawn in green"

    tab.screenshot(path=tmp_path / "case.png")
    assert all((tmp_path / shot).stat().st_size > 20_000 for shot in ("overview.png", "case.png"))
    assert seen.foreign == []
    # A picture that a newer one replaces while the slider moves may be gone before the browser asks for it.
    assert all("/media/" in url for url in seen.refused), seen.refused
    assert len([error for error in seen.errors if "404" in error]) <= len(seen.refused)
    assert [error for error in seen.errors if "404" not in error] == []


def test_an_address_opens_a_case_at_once_and_a_broken_run_is_one_line(page: tuple[Page, Seen]) -> None:
    tab, seen = page
    tab.goto(f"{seen.address}/case?run=demo&case=ex003")
    tab.get_by_alt_text("grad cam over case ex003", exact=True).wait_for()
    assert "ex003" not in tab.title()
    tab.goto(f"{seen.address}/case?run=broken&case=ex003")
    tab.get_by_text("scores.parquet").wait_for()
    assert tab.get_by_text("Traceback").count() == 0
    assert seen.foreign == []
    # Streamlit looks for its own service below the address first, then at the root.
    assert all("/_stcore/" in url for url in seen.refused)
