"""The committed classifiers: stored scores of a drawn image, and an audit of a few real cases from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from xaimed import load_model
from xaimed.cli.app import main
from xaimed.content import folder
from xaimed.run import Run
from xaimed.types import Case, Floats

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "classifiers.json"
STORED: dict[str, dict[str, float]] = json.loads(GOLDEN.read_text(encoding="utf-8"))

PLAN = """
name = "tiles"

[explaining]
methods = ["grad_cam"]
metrics = ["pointing_game"]
gate_scenes = 0

[explaining.axis]
donors = 0
"""


def drawn(channels: int) -> Floats:
    """float32 (channels, 96, 96) in [0, 1]: smooth noise, the same for every model and machine."""
    rough = np.random.default_rng(7).random((12, 12, channels)).astype(np.float32)
    return np.ascontiguousarray(cv2.resize(rough, (96, 96), interpolation=cv2.INTER_LINEAR).reshape(96, 96, channels)
                                .transpose(2, 0, 1))


def scores(name: str) -> dict[str, float]:
    """The scores of a committed model for the drawn image."""
    model = load_model(folder("models") / name / "model.pt", "cpu")
    channels = int(model.file.preprocessing.get("channels", 1))
    return dict(model.predict([Case("drawn", drawn(channels), synthetic=True)])[0].scores)


@pytest.mark.parametrize("name", sorted(STORED))
def test_it_still_says_what_it_said(name: str) -> None:
    """Renew with: python -m tests.golden.renew_classifiers."""
    assert scores(name) == pytest.approx(STORED[name], abs=2e-3)


@pytest.mark.timeout(300)
def test_an_audit_of_real_tiles_from_end_to_end(tmp_path: Path, data_root: Path) -> None:
    """Every tile has the box of its cell, which a classifier is not judged by and its maps are."""
    model = folder("models") / "bccd-tiles-coudray" / "model.pt"
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN, encoding="utf-8")
    code = main(["audit", str(model), "--dataset", "test", "--data", str(data_root), "--limit", "6",
                 "--plan", str(plan), "--out", str(tmp_path / "run"), "--json"])
    assert code in (0, 1)
    run = Run.open(tmp_path / "run")
    assert len(run.cases) == 6
    found = {estimate.name: estimate.value for estimate in run.results.estimates}
    assert found["accuracy of the best class"] > 0.8
    assert not any("false positives per image" in name or "lesion" in name.split() for name in found)
    shown = run.scores[run.scores["metric"] == "pointing_game"]
    assert len(shown)
    assert (run.path / "report.pdf").stat().st_size > 10_000
