"""The page of the axis names the metrics that no skill is made of."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")

from tests.dashboards.test_pages import launched, told

pytestmark = pytest.mark.usefixtures("no_cache")


def test_metrics_without_room_are_named(monkeypatch: pytest.MonkeyPatch, example_run: Path, tmp_path: Path) -> None:
    path = shutil.copytree(example_run, tmp_path / "demo") / "results.json"
    stored = json.loads(path.read_text())
    for row in stored["axis"]:
        row |= {"left_out": "road", "no_room": 0.5}
    path.write_text(json.dumps(stored))
    text = told(launched(monkeypatch, tmp_path, "explainability"))
    assert "Left out of every skill: Road." in text
    assert "Grad-CAM 50 %" in text
