"""A run that is made again from the shell: the same values, a changed one named, and bad input in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.test_audit import PLAN
from tests.table_runs import table_run
from xaimed.cli.app import main
from xaimed.content import folder

MODEL = folder("models") / "mammogram-detector" / "model.pt"
SMALL = PLAN.replace('"grad_cam", "integrated_gradients", "random_map"', '"saliency", "random_map"').replace(
    "gate_scenes = 0", "gate_scenes = 0\nmetrics = [\"pointing_game\"]\naxis = {donors = 0}")


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("again")
    (root / "small.toml").write_text(SMALL)
    main(["audit", str(MODEL), "--dataset", "test", "--limit", "5", "--plan", str(root / "small.toml"),
          "--out", str(root / "run")])
    return root / "run"


def test_the_model_is_found_by_its_digest_and_every_value_comes_out_the_same(
        audited: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--reproduce", str(audited), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["differences"] == []
    assert told["compared"]["maps"] > 0
    assert told["compared"]["predictions"] > 0


def test_a_changed_value_is_named(audited: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(audited, tmp_path / "run")
    frame = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    frame.loc[0, "score"] = 0.987654
    frame.to_parquet(tmp_path / "run" / "predictions.parquet")
    assert main(["audit", str(MODEL), "--reproduce", str(tmp_path / "run")]) == 1
    out = capsys.readouterr().out
    assert "NOT reproduced: 1 of " in out
    assert "stored 0.987654" in out


def test_bad_input_is_one_line(audited: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = table_run(tmp_path / "tables")
    other = folder("models") / "mammogram-detector-mias" / "model.pt"
    for arguments, words in (([str(tables.path)], "was made from tables"), ([str(audited), "--limit", "2"], "--limit"),
                             ([str(audited), str(other)], "expected the same model"),
                             ([str(audited), "--tolerance", "-1"], "from 0 up"),
                             ([str(audited), "--dataset", "planted"], "expected the same data")):
        assert main(["audit", "--reproduce", *arguments]) == 2, arguments
        line = capsys.readouterr().err
        assert words in line
        assert line.count("\n") == 1
