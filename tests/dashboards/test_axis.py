"""The page of the axis names the metrics that no skill is made of."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from urllib.parse import parse_qs

import pytest

pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")

from streamlit.testing.v1 import AppTest

from tests.dashboards.exams import exam_run
from tests.dashboards.test_pages import launched, told
from xaimed.run import Run

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


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """A folder with a run whose methods have skills; gradient SHAP failed its gate."""
    exam_run(tmp_path / "exam")
    return tmp_path


def chosen(at: AppTest, method: str) -> AppTest:
    names = at.selectbox(key="axis_row").options
    at.selectbox(key="axis_row").set_value(names.index(method)).run()
    assert not at.exception
    return at


def test_a_method_that_failed_its_gate_is_measured_but_not_counted(monkeypatch: pytest.MonkeyPatch,
                                                                   judged: Path) -> None:
    at = launched(monkeypatch, judged, "explainability")
    passed = told(chosen(at, "grad cam"))
    assert "not counted" not in passed
    text = told(chosen(at, "gradient shap"))
    assert "Explainability measured, but not counted: the gate failed, " in text
    assert "Explainability not measured" not in text
    assert "What follows was measured, but not counted: the gate failed." in text


def test_where_a_method_does_worst_its_own_map_is_shown(monkeypatch: pytest.MonkeyPatch, judged: Path) -> None:
    at = chosen(launched(monkeypatch, judged, "explainability"), "kernel shap")
    links = [parse_qs(link.proto.query_string) for link in at.get("page_link")]
    assert links
    run = Run.open(judged / "exam")
    for link in links:
        entries = run.entries(link["case"][0])
        assert link["method"] == ["kernel_shap"]
        assert (link["target"][0], "kernel_shap") in {(entry.target, entry.method) for entry in entries}


def test_a_run_without_accuracy_is_not_in_the_plot_and_that_is_said(monkeypatch: pytest.MonkeyPatch,
                                                                    judged: Path) -> None:
    path = shutil.copytree(judged / "exam", judged / "bare") / "results.json"
    stored = json.loads(path.read_text())
    for row in stored["axis"]:
        row |= {"accuracy": None, "accuracy_low": None, "accuracy_high": None}
    path.write_text(json.dumps(stored))
    path = shutil.copytree(judged / "exam", judged / "empty") / "results.json"
    path.write_text(json.dumps({**stored, "axis": []}))
    at = launched(monkeypatch, judged, "explainability", run="exam")
    assert "Not in the plot" not in told(at)
    at.multiselect(key="compared").set_value(["bare", "empty"]).run()
    assert "Not in the plot: the methods of bare, as no accuracy of that model was measured." in told(at)
    assert "Not in the plot: empty. No method of that run was judged." in told(at)
    figure = json.loads(at.get("plotly_chart")[0].proto.spec)
    assert not [trace for trace in figure["data"] if "bare" in str(trace.get("name"))]
