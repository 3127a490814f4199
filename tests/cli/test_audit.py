"""The audit from the shell: a whole small run, its resumption, its determinism, and bad input in one line."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xaimed.cli.app import main
from xaimed.content import folder
from xaimed.run import Run

MODEL = folder("models") / "mammogram-detector" / "model.pt"
PLAN = """
name = "small"
purpose = "a test"
intended_use = "a test"
[judging]
resamples = 50
[explaining]
methods = ["grad_cam", "integrated_gradients", "random_map"]
gate_scenes = 0
targets = 1
[explaining.parameters.integrated_gradients]
max_steps = 24
[explaining.metric_parameters.deletion]
steps = 3
fills = ["blur"]
[explaining.metric_parameters.insertion]
steps = 3
fills = ["blur"]
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plan") / "small.toml"
    path.write_text(PLAN)
    return path


@pytest.fixture(scope="module")
def audited(plan: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "one"
    code = main(["audit", str(MODEL), "--dataset", "test", "--limit", "5", "--plan", str(plan), "--out", str(out)])
    assert code == 0
    return out


def test_the_run_holds_what_the_model_says_in_original_pixels(audited: Path) -> None:
    from xaimed import load_model, open_dataset

    run = Run.open(audited)
    model = load_model(MODEL)
    cases = open_dataset("phantom", split="test", limit=5)
    assert list(run.cases["case"]) == sorted(row.case for row in cases.rows)
    for case in cases[:2]:
        found = model.predict([case])[0].detections
        stored = run.predictions[(run.predictions["case"] == case.id) & run.predictions["target"].str.match(r"d\d")]
        np.testing.assert_allclose(stored[["score", "x0", "y0", "x1", "y1"]].to_numpy(),
                                   [(d.score, *d.edges) for d in found], atol=1e-4)
        np.testing.assert_allclose(run.image(case.id), case.image, atol=1e-4)


def test_every_detection_above_the_point_and_every_missed_lesion_is_explained(audited: Path) -> None:
    run = Run.open(audited)
    point = run.meta["model"]["operating_point"]
    for case in run.cases["case"]:
        entries = run.entries(case)
        boxes = run.predictions[(run.predictions["case"] == case) & (run.predictions["score"] >= point)
                                & run.predictions["x0"].notna()]
        lesions = run.truth[run.truth["case"] == case]
        expected = min(1, len(boxes) + len(lesions))
        assert len({entry.target for entry in entries}) >= expected
        for entry in entries:
            values = run.map(case, entry.target, entry.method)
            assert np.isfinite(values).all()
            assert values.shape == run.image(case).shape[-2:]


def test_reports_stand_beside_the_run_and_the_chain_holds(audited: Path) -> None:
    assert (audited / "report.pdf").read_bytes().startswith(b"%PDF-1.7")
    assert len(list((audited / "cases").glob("*.pdf"))) == 5
    assert main(["verify", str(audited)]) == 0


def test_a_second_run_gives_the_same_numbers(audited: Path, plan: Path, tmp_path: Path) -> None:
    again = tmp_path / "two"
    main(["audit", str(MODEL), "--dataset", "test", "--limit", "5", "--plan", str(plan), "--out", str(again)])
    one, two = Run.open(audited), Run.open(again)
    assert one.predictions.equals(two.predictions)
    columns = ["case", "target", "method", "metric"]
    merged = one.scores.merge(two.scores, on=columns, validate="one_to_one")
    assert len(merged) == len(one.scores) > 0
    np.testing.assert_allclose(merged["value_x"], merged["value_y"], atol=1e-5)


def test_the_outcome_as_json(plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["audit", str(MODEL), "--limit", "1", "--plan", str(plan), "--out", str(tmp_path / "r"), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["exit"] == code
    assert Path(told["run"]) == tmp_path / "r"


def test_an_earlier_run_is_left_alone(audited: Path, plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (audited / "run.json").read_bytes()
    code = main(["audit", str(MODEL), "--limit", "1", "--plan", str(plan), "--out", str(audited)])
    assert code == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert (audited / "run.json").read_bytes() == before


class _Code:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit(99)",)


def _bad(tmp_path: Path) -> dict[str, tuple[list[str], str]]:
    evil = tmp_path / "evil.pt"
    evil.write_bytes(pickle.dumps(_Code()))
    films = tmp_path / "films"
    films.mkdir()
    Image.fromarray(np.full((64, 64), 99, np.uint8)).save(films / "a.png")
    (films / "boxes.csv").write_text("image,label,x0,y0,x1,y1\na.png,benign,10,10,90,20\n")
    colour = tmp_path / "colour"
    colour.mkdir()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8) + np.arange(3, dtype=np.uint8)).save(colour / "c.png")
    fake = tmp_path / "fake"
    fake.mkdir()
    Image.fromarray(np.full((64, 64), 99, np.uint8)).save(tmp_path / "x.png")
    (fake / "x.dcm").write_bytes((tmp_path / "x.png").read_bytes()[:40])
    model = str(MODEL)
    return {
        "no model": (["audit", str(tmp_path / "none.pt")], "no model file"),
        "code": (["audit", str(evil)], "is no model file"),
        "dataset": (["audit", model, "--dataset", "phantm"], "did you mean 'phantom'"),
        "split": (["audit", model, "--dataset", "phantom", "--split", "tset"], "invalid choice"),
        "empty folder": (["audit", model, "--dataset", str(tmp_path / "empty")], "unknown dataset or folder"),
        "plan": (["audit", model, "--plan", "quik"], "did you mean 'quick'"),
        "method": (["audit", model, "--methods", "grad_cm"], "did you mean 'grad_cam'"),
        "limit": (["audit", model, "--limit", "-1"], "expected 0 or more"),
        "box": (["audit", model, "--dataset", str(films), "--annotations", str(films / "boxes.csv")], "outside"),
        "colour": (["audit", model, "--dataset", str(colour)], "3 channels"),
        "torn": (["audit", model, "--dataset", str(fake)], "x.dcm"),
        "annotations": (["audit", model, "--dataset", str(films), "--annotations", str(tmp_path / "n.csv")], "n.csv"),
        "device": (["audit", model, "--device", "tpu"], "invalid choice"),
    }


CASES = ("no model", "code", "dataset", "split", "empty folder", "plan", "method", "limit", "box", "colour", "torn",
         "annotations", "device")


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_one_line_and_leaves_nothing(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, words = _bad(tmp_path)[name]
    out = tmp_path / "out" / "run"
    try:
        code = main([*arguments, "--out", str(out)])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    told = capsys.readouterr().err
    message = [line for line in told.splitlines() if line.startswith("xaimed")]
    assert code == 2
    assert len(message) == 1, told
    assert words in message[0], told
    assert "Traceback" not in told
    assert not out.exists()
    assert not list(tmp_path.glob("out/.*.partial/parts/*"))
