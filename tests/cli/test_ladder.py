"""`xaimed audit --all`: two small networks of one dataset from the shell, going on, and bad input in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from xaimed.cli.app import main
from xaimed.content import folder
from xaimed.run import Run

MODELS = [str(folder("models") / name) for name in ("planted-lesion", "planted-marker")]
PLAN = """
name = "small"
purpose = "a test"
intended_use = "a test"
[ladder]
dataset = "planted"
primary = "occlusion"
steps = ["planted-marker", "planted-lesion"]
[judging]
resamples = 50
[explaining]
methods = ["occlusion", "own_evidence", "random_map"]
metrics = ["deletion", "insertion"]
gate_scenes = 3
targets = 1
cases = 3
[explaining.axis]
donors = 1
targets = 0
regions = 9
rounds = 1
[explaining.parameters.occlusion]
window = 0.34
stride = 1.0
[explaining.metric_parameters.deletion]
steps = 2
fills = ["blur"]
[explaining.metric_parameters.insertion]
steps = 2
fills = ["blur"]
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plan") / "small.toml"
    path.write_text(PLAN)
    return path


@pytest.fixture(scope="module")
def out(plan: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("runs") / "ladder"
    assert command(plan, made) == 0
    return made


def command(plan: Path, out: Path, *more: str, models: list[str] = MODELS) -> int:
    return main(["audit", "--all", *models, "--plan", str(plan), "--dataset", "planted", "--split", "test", "--limit",
                 "12", "--out", str(out), *more])


def test_every_model_has_a_run_and_the_ladder_its_files(out: Path) -> None:
    runs = {name: Run.open(out / name) for name in ("planted-marker", "planted-lesion")}
    for run in runs.values():
        assert len(run.cases) == 12
        assert sum(bool(run.entries(case)) for case in run.cases["case"]) == 3
        assert (run.path / "report.pdf").is_file()
        assert run.plan["explaining"]["methods"] == ["occlusion", "random_map"]
    table = pd.read_csv(out / "ladder.csv")
    assert list(table[table["primary"]]["model"]) == ["planted-marker", "planted-lesion"]
    why = table[table["method"] == "own_evidence"]
    assert list(why["gate"]) == ["not applicable"] * 2
    assert why["why"].str.contains("no evidence of its own").all()
    text = (out / "ladder.md").read_text()
    assert "| 1 | planted-marker |" in text
    assert "no number" in text
    assert (out / "ladder.png").read_bytes()[:4] == b"\x89PNG"
    assert (out / "ladder.svg").stat().st_size > 1000


def test_again_takes_the_finished_runs_and_makes_the_missing_one(plan: Path, out: Path,
                                                                 capsys: pytest.CaptureFixture[str]) -> None:
    before = (out / "planted-marker" / "run.json").stat().st_mtime_ns
    picture = (out / "ladder.svg").read_bytes()
    shutil.rmtree(out / "planted-lesion")
    assert command(plan, out, "--json") == 0
    assert (out / "planted-marker" / "run.json").stat().st_mtime_ns == before
    assert Run.open(out / "planted-lesion").cases is not None
    assert (out / "ladder.svg").read_bytes() == picture
    told = json.loads(capsys.readouterr().out)
    assert set(told["verdicts"]) == {"planted-marker", "planted-lesion"}
    assert told["correlation"]["value"] is None


def test_bad_input_is_one_line(plan: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.toml"
    other.write_text(PLAN.replace("resamples = 50", "resamples = 51"))
    unset = tmp_path / "unset.toml"
    unset.write_text(PLAN.replace('primary = "occlusion"', 'primary = "grad_cam"'))
    misspelt = tmp_path / "misspelt.toml"
    misspelt.write_text(PLAN + '[[criteria]]\nname = "balanced acuracy"\nat_least = 0.5\n')
    foreign = str(folder("models") / "mammogram-detector" / "model.pt")
    new = tmp_path / "new"
    for used, to, models, more, words in (
            (other, out, MODELS, (), "a run with another plan"),
            (unset, new, MODELS, (), "ladder.primary is 'grad_cam'"),
            (misspelt, new, MODELS, (), "nearest: 'balanced accuracy'"),
            (plan, new, [*MODELS, foreign], (), "was trained on phantom"),
            (plan, new, [str(tmp_path)], (), "no model.pt there"),
            (plan, new, MODELS[:1], (), "1 models; expected two or more"),
            (plan, new, [*MODELS, MODELS[0] + "/model.pt"], (), "two models are named"),
            (plan, new, MODELS, ("--annotations", "x.csv"), "--all with")):
        code = command(used, to, *more, models=models)
        told = capsys.readouterr().err.strip()
        assert code == 2, told
        assert not new.exists()
        assert words in told
        assert told.count("\n") == 0
