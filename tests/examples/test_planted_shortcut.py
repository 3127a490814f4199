"""The planted shortcut: the networks use the cause they were given, maps tell them apart, and controls do not."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from xaimed.content import folder
from xaimed.data.planted import CAUSES
from xaimed.stats import Resampling

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "planted_shortcut.py"
FEW = ("--images", "8", "--no-gate")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    if not all((folder("models") / f"planted-{cause}" / "model.pt").is_file() for cause in CAUSES):
        pytest.skip("models/planted-*/model.pt are not here; python examples/planted_shortcut.py --train makes them")
    spec = importlib.util.spec_from_file_location("planted_shortcut", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["planted_shortcut"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.timeout(300)
def test_maps_tell_the_networks_apart_and_controls_do_not(script: ModuleType,
                                                          capsys: pytest.CaptureFixture[str]) -> None:
    controls = ["random_map", "sobel", "centre_blob"]
    rows = {row.method: row for row in script.main([*FEW, "--methods", "grad_cam", "deep_lift", *controls])}
    printed = capsys.readouterr().out
    assert all(f"| {method} |" in printed for method in rows)
    assert min(rows[name].told.value for name in ("grad_cam", "deep_lift")) > 0.9
    # Grad-CAM peaks beside the ring as often as on it (docs/planted.md).
    assert rows["deep_lift"].peaks["marker", "marker"].value > 0.8
    assert rows["deep_lift"].peaks["lesion", "marker"].value < 0.2
    for name in controls:
        # The map does not look at the network, so it is the same for both.
        assert rows[name].told.value == 0.5
        assert rows[name].peaks["marker", "marker"] == rows[name].peaks["lesion", "marker"]


@pytest.mark.timeout(300)
def test_each_network_loses_its_class_with_its_cause_alone(script: ModuleType) -> None:
    seen = script.pictures(6)
    models = {cause: script.load_model(folder("models") / f"planted-{cause}" / "model.pt", "cpu") for cause in CAUSES}
    for name, model in models.items():
        before = script.logits(model, [picture.case for picture in seen])
        falls = {cause: before - script.logits(model, script.removed(cause, {p.case.id for p in seen}, 6))
                 for cause in CAUSES}
        called = before > 0
        assert called.sum() >= 5
        assert (before - falls[name])[called].max() < 0
        assert max(np.abs(fall).mean() for cause, fall in falls.items() if cause != name) < falls[name].mean() / 2


def test_told_apart_is_one_for_maps_on_the_right_cause_and_a_half_for_the_same_map(script: ModuleType) -> None:
    draw, patients = np.random.default_rng(0), [f"p{i // 2}" for i in range(10)]

    def shown(marker: float, lesion: float) -> object:
        share = {"marker": marker + 0.1 * draw.random(10), "lesion": lesion + 0.1 * draw.random(10)}
        return script.Shown({}, share, {})

    draws = Resampling.of(patients, resamples=200)
    right = script.told_apart(shown(0.8, 0.1), shown(0.1, 0.8), patients, draws)
    assert right.value == 1.0
    assert 0.4 < right.low < right.high == 1.0
    one = shown(0.3, 0.3)
    assert script.told_apart(one, one, patients, draws).value == 0.5
    assert script.told_apart(shown(0.1, 0.8), shown(0.8, 0.1), patients, draws).value == 0.0
