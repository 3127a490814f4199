"""The page of robustness: a run with probes, one with their scores alone, and one without any."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")

from tests.dashboards.test_pages import launched, told
from tests.example_run import PLAN, dataset_scores, draw, findings, meta, results
from xaimed.metrics.judging import JudgeOptions
from xaimed.metrics.probed import REFUSED, RHO, TOP, probed
from xaimed.stats import Results
from xaimed.store import Store
from xaimed.types import Prediction, Score

pytestmark = pytest.mark.usefixtures("no_cache")


def probed_run(folder: Path, judged: bool) -> None:
    """The drawn run whose model says nothing under blur, and the same under noise; both made up."""
    drawn = [draw(i) for i in range(6)]
    with Store.create(folder / "demo", PLAN, meta(drawn, 0)) as store:
        for item in drawn:
            name = item.case.id
            dim = Prediction(name, (), dict.fromkeys(item.prediction.scores, 0.01))
            said = replace(item.prediction, probed={"noise:0.05": item.prediction, "blur:0.005": dim})
            rows = [Score(name, "d0", "grad_cam", metric, 0.5, "noise:0.05") for metric in (RHO, TOP)]
            rows.append(Score(name, "", "", f"{REFUSED}[no](http://x) spacing", 1.0, "shifted:5 mm"))
            store.add_case(item.case, said, item.entries, [*item.scores, *rows])
        draft = store.draft()
        found = probed(draft, JudgeOptions(resamples=100), 0.5) if judged else []
        store.finish(Results((*results(6).estimates, *found), results(6).curves), findings(6), dataset_scores())


def test_the_page_shows_the_changes_the_answers_and_what_was_not_served(monkeypatch: pytest.MonkeyPatch,
                                                                        tmp_path: Path) -> None:
    probed_run(tmp_path, judged=True)
    at = launched(monkeypatch, tmp_path, "robustness")
    tables: list[pd.DataFrame] = [element.value for element in at.dataframe]
    first = tables[0].set_index("Condition")
    assert first.at["Noise, 0.05", "Change"] == 0
    assert first.at["Blur, 0.005", "Under it"] == pytest.approx(0.5)
    for shown in tables:
        assert not [name for name in shown if "_" in name], "raw names"
        assert not [name for name in shown if shown[name].isin(["", None]).all()], "empty columns"
    moved = tables[1].set_index(["Condition", "What moved"])["Under it"]
    assert moved["Blur, 0.005", "detections lost"] == 1
    assert moved["Noise, 0.05", "rank correlation of the maps"] == 0.5
    assert tables[2].set_index("Condition").at["Shifted, 5 mm", "Not served"] == "[no](http://x) spacing (6 cases)"
    assert "has to fall to chance" in told(at)
    at.selectbox(key="probe_measure").select_index(1).run()
    assert not at.exception
    assert at.dataframe[0].value.set_index("Condition").at["Blur, 0.005", "Under it"] == 0, "no lesion is found"


def test_scores_without_measures_are_shown_as_scores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    probed_run(tmp_path, judged=False)
    at = launched(monkeypatch, tmp_path, "robustness")
    assert "highest score under the condition" in told(at)


def test_an_older_run_says_that_nothing_was_asked(monkeypatch: pytest.MonkeyPatch, example_run: Path,
                                                  tmp_path: Path) -> None:
    shutil.copytree(example_run, tmp_path / "demo")
    at = launched(monkeypatch, tmp_path, "robustness")
    assert "NOT ASSESSED: this audit measured the model on the images as they are" in told(at)
