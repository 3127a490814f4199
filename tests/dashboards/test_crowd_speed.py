"""How long the worklist of very many cases takes to open and to turn a page, beside one of few cases."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from tests.dashboards.browsing import MARKS, looking, ready, served
from tests.dashboards.crowds import crowd_run

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [*MARKS, pytest.mark.slow, pytest.mark.timeout(400)]
FEW, MANY, TURNS = 1_000, 100_000, 7


@dataclass(frozen=True)
class Took:
    """Seconds until the first page stands, seconds until the next one does (median), MB that the server holds."""

    opened: float
    turned: float
    held: float


def test_a_hundred_thousand_cases_open_and_turn_pages_in_the_browser(tmp_path: Path) -> None:
    crowd_run(tmp_path / "few", FEW)
    crowd_run(tmp_path / "many", MANY)
    with served(tmp_path) as address, looking(address) as (tab, _):
        tab.goto(f"{address}/overview?run=few")
        ready(tab)
        few, many = took(tab, address, "few", FEW), took(tab, address, "many", MANY)
    for name, one in (("few", few), ("many", many)):
        print(f"{name}: first page {one.opened:.2f} s, next page {one.turned * 1e3:.0f} ms, server {one.held:.0f} MB")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    # Generous: a machine with other work is slower. What an idle one takes is in docs/speed.md.
    assert many.opened < 6 * few.opened + 2
    assert many.turned < 3 * few.turned + 0.3
    assert many.held < few.held + 400


def took(tab: Page, address: str, run: str, cases: int) -> Took:
    """What a worklist of so many cases takes, from the address to its table and from page to page."""
    begun = time.perf_counter()
    tab.goto(f"{address}/cases?run={run}", wait_until="commit")
    tab.get_by_text(f"{cases} of {cases} cases").wait_for()
    tab.get_by_test_id("stDataFrame").locator("canvas").first.wait_for()
    opened = time.perf_counter() - begun
    ready(tab)
    turned = sorted(turn(tab, number) for number in range(2, 2 + TURNS))
    return Took(opened, turned[TURNS // 2], held(int(address.rsplit(":", 1)[1])))


def turn(tab: Page, number: int) -> float:
    """Seconds until the page of that number stands: its cases are offered to be opened."""
    first = tab.get_by_role("combobox", name="Case", exact=True)
    before = first.input_value()
    field = tab.get_by_role("spinbutton", name="Page, of")
    field.fill(str(number))
    begun = time.perf_counter()
    field.press("Enter")
    tab.wait_for_function("([element, old]) => element.value !== old", arg=[first.element_handle(), before])
    seconds = time.perf_counter() - begun
    ready(tab)
    return seconds


def held(port: int) -> float:
    """MB of memory that the server of that port and its children hold; 0 where there is no /proc."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().split(b"\0")
            lines = process.with_name("status").read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        if str(port).encode() in words or f"--server.port={port}".encode() in words:
            found += [float(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")]
    return sum(found)
