"""Pictures of every page of the dashboard, to look at and for the README.

    python -m tests.dashboards.pictures RUNS OUT                 every page, two sizes, light and dark
    python -m tests.dashboards.pictures RUNS docs/pictures --readme   the three pictures of the README
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dashboards.shell import PAGES
from tests.dashboards.browsing import looking, ready, served

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIZES = ((1366, 768), (2560, 1440))
SCHEMES: tuple[Literal["light", "dark"], ...] = ("dark", "light")
README = ("overview", "cases", "case")


def visit(tab: Page, address: str, page: str, run: str) -> None:
    """Open a page and wait until it and its pictures stand still. The first page has no name in its address."""
    tab.goto(f"{address}/{'' if page == PAGES[0] else page}?run={run}")
    ready(tab)
    if page == "case":
        tab.locator(".stage[data-shown]").or_(tab.get_by_test_id("stAlert")).first.wait_for()
    tab.wait_for_timeout(700)


def taken(runs: Path, out: Path, run: str, pages: tuple[str, ...] = PAGES) -> list[Path]:
    """The files of the pictures of all pages of one run: OUT/<run>-<page>-<width>-<scheme>.png."""
    found = []
    with served(runs) as address, looking(address) as (tab, _):
        for width, height in SIZES:
            tab.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                tab.emulate_media(color_scheme=scheme)
                for page in pages:
                    visit(tab, address, page, run)
                    found.append(out / f"{run}-{page}-{width}-{scheme}.png")
                    tab.screenshot(path=found[-1])
    return found


def for_readme(runs: Path, out: Path, run: str) -> list[Path]:
    """The three pictures of the README: dark, as in a reading room."""
    with served(runs) as address, looking(address) as (tab, _):
        tab.set_viewport_size({"width": 1366, "height": 768})
        for page in README:
            visit(tab, address, page, run)
            tab.screenshot(path=out / f"dashboard-{page}.png")
    return [out / f"dashboard-{page}.png" for page in README]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--run", default="demo")
    parser.add_argument("--pages", nargs="+", default=PAGES)
    parser.add_argument("--readme", action="store_true")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    runs = given.runs.resolve()
    made = for_readme(runs, given.out, given.run) if given.readme else taken(runs, given.out, given.run,
                                                                             tuple(given.pages))
    print(*made, sep="\n")


if __name__ == "__main__":
    main()
