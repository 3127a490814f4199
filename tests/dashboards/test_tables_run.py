"""A run made from tables alone: every page says that no image was given, and none breaks."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")

from tests.dashboards.test_pages import PAGES, launched, told
from tests.table_runs import BOXES, MARKS, SCORES, TRUTH, table_run

pytestmark = pytest.mark.usefixtures("no_cache")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("table-runs")
    table_run(folder / "boxes", BOXES, MARKS)
    table_run(folder / "scores", TRUTH.replace("j,p7,0,Y", "j,p7,0,"), SCORES)
    return folder


@pytest.mark.parametrize("name", ["boxes", "scores"])
@pytest.mark.parametrize("page", PAGES)
def test_every_page_of_a_run_without_images(monkeypatch: pytest.MonkeyPatch, folder: Path, page: str,
                                            name: str) -> None:
    at = launched(monkeypatch, folder, page, run=name)
    assert not at.error
    assert "0 × 0" not in told(at)


def test_the_case_shows_the_outputs_and_says_why_there_is_no_picture(monkeypatch: pytest.MonkeyPatch,
                                                                     folder: Path) -> None:
    at = launched(monkeypatch, folder, "case", run="scores", case="b")
    text = told(at)
    assert "No image was given" in text
    assert "size not given" in text
    outputs = at.dataframe[0].value
    assert dict(zip(outputs["from"], outputs["score"], strict=True)) == {"new": 0.2, "old": 0.6}
    at = launched(monkeypatch, folder, "case", run="boxes", case="a")
    assert list(at.dataframe[0].value["x0"].dropna()) == [11, 80]
    assert list(at.dataframe[1].value["x1"]) == [30]
    assert not at.button[0].value
