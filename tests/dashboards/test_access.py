"""Every page in a real Chromium: nothing leaves the machine, no name in a title, and axe-core finds nothing serious.

axe-core is not part of the project: `npm pack axe-core`, unpack it, and set XAIMED_AXE to its axe.min.js.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from dashboards.shell import PAGES
from tests.dashboards.browsing import MARKS, looking, ready, served

pytestmark = MARKS
AXE = Path(os.environ.get("XAIMED_AXE", "node_modules/axe-core/axe.min.js"))
# axe counts the rule that visible text and spoken name agree as experimental; it holds here all the same.
RULES = """async () => (await axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'],
    rules: {'label-content-name-mismatch': {enabled: true}}})).violations
    .map(v => [v.id, v.impact, v.nodes.length, v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(' | ')])"""
# Streamlit's own: its table is a canvas whose hidden twin for screen readers scrolls without a focus of its own, and
# its main menu and drop-down lists carry ids and roles that no page can change.
NOT_OURS = ('data-testid="stDataFrame', "dvn-", "gdg-", 'data-testid="stMainMenu', 'data-baseweb="', "stPlotlyChart",
            "main-svg", "modebar")


@pytest.fixture(scope="module")
def address(example_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("shown")
    shutil.copytree(example_run, folder / "demo")
    with served(folder) as address:
        yield address


def test_no_page_asks_another_machine_or_names_a_case_in_its_title(address: str) -> None:
    with looking(address) as (tab, seen):
        for page in PAGES:
            tab.goto(f"{address}/{'' if page == PAGES[0] else page}?run=demo")
            ready(tab)
            assert "ex0" not in tab.title()
            assert tab.get_by_text("Traceback").count() == 0
        assert seen.foreign == []
        assert all("/_stcore/" in url for url in seen.refused), seen.refused


@pytest.mark.slow
@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core: npm pack axe-core, and set XAIMED_AXE to its axe.min.js")
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing_in_what_is_ours(address: str, scheme: str) -> None:
    found = []
    with looking(address) as (tab, _):
        tab.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for page in PAGES:
            tab.goto(f"{address}/{'' if page == PAGES[0] else page}?run=demo")
            ready(tab)
            tab.evaluate(AXE.read_text(encoding="utf-8"))
            found += [(page, *told) for told in tab.evaluate(RULES) if told[1] in ("serious", "critical")
                      and not any(sign in told[3] for sign in NOT_OURS)]
    assert not found, "\n".join(map(str, found))
