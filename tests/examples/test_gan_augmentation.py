"""The study of augmentation: what each arm learns, the paired differences, and that it runs on the real images."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch

from xaimed.adapters.discriminator import Discriminator
from xaimed.adapters.loading import load_model
from xaimed.architectures.dcgan import build
from xaimed.training.recipe import Schedule

SIDE = 16


@pytest.fixture(scope="module")
def study() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "examples" / "gan_augmentation.py"
    spec = importlib.util.spec_from_file_location("gan_augmentation", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def maker() -> Discriminator:
    torch.manual_seed(0)
    model = load_model(build(side=SIDE, width=4, noise=4), task="discrimination",
                       preprocessing={"mean": [0.5], "std": [0.5]})
    assert isinstance(model, Discriminator)
    return model


def split(study: ModuleType, rare: int = 10, others: int = 30) -> object:
    draw = np.random.default_rng(0)
    return study.Split(draw.random((rare + others, 1, SIDE, SIDE)).astype(np.float32), np.arange(rare + others) < rare,
                       [f"p{i}" for i in range(rare + others)])


@pytest.mark.parametrize(("arm", "rare"), [("as they are", 10), ("repeated", 30), ("made images added", 30)])
def test_what_an_arm_learns(study: ModuleType, maker: Discriminator, arm: str, rare: int) -> None:
    examples = study.examples_of(split(study), arm, maker, 3)
    labels = [one.label for one in examples]
    assert (labels.count(0), labels.count(1)) == (30, rare)
    images = np.stack([one.image for one in examples])
    last = images[-20:].astype(int)
    if arm == "repeated":
        assert np.array_equal(last[:10], images[30:40])
    if arm == "made images added":
        assert np.array_equal(last, (maker.made(20, 3) * 255).round().astype(int))


def test_differences_are_of_the_same_draws(study: ModuleType) -> None:
    test = split(study, 40, 80)
    draw = np.random.default_rng(1)
    rare = test.rare.astype(float)  # type: ignore[attr-defined]
    weak, strong = rare + draw.normal(0, 2, 120), rare + draw.normal(0, 0.5, 120)
    arms = dict(zip(study.ARMS, (weak, weak.copy(), strong), strict=True))
    found = {one.name: one for one in study.compared(arms, test)}
    assert len(found) == 6
    wins = [np.mean([[a > b for b in scores[40:]] for a in scores[:40]]) for scores in (strong, weak)]
    gap = found["difference in AUC, made images added less as they are"]
    assert gap.value == pytest.approx(wins[0] - wins[1])
    assert gap.low > 0
    same = found["difference in AUC, repeated less as they are"]
    assert same.value == 0
    assert np.isnan([same.low, same.high]).all()  # what cannot vary shows nothing


def test_the_sheet_has_made_images_over_their_nearest(study: ModuleType, maker: Discriminator, tmp_path: Path) -> None:
    training = maker.made(study.SHEET)[::-1]
    study.sheet(maker, training, tmp_path / "sheet.png")
    picture = cv2.imread(str(tmp_path / "sheet.png"), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert picture.shape == (2 * SIDE, study.SHEET * SIDE)
    assert np.array_equal(picture[:SIDE], picture[SIDE:])


def test_a_training_that_was_finished_is_not_done_again(study: ModuleType, tmp_path: Path) -> None:
    test = split(study)
    recipe = replace(study.RECIPE, schedule=Schedule(epochs=1, images=8, batch=8))
    examples = study.examples_of(test, "as they are", None, 0)
    first = study.scores_of(examples, test, recipe, tmp_path)
    assert first.std() > 0
    upside_down = [replace(one, label=1 - one.label) for one in examples]
    assert np.array_equal(study.scores_of(upside_down, test, recipe, tmp_path), first)
    assert not np.array_equal(study.scores_of(upside_down, test, recipe, tmp_path / "other"), first)


def test_no_patients_are_claimed_for_busi(study: ModuleType, data_root: Path, tmp_path: Path,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    """No epoch: the table of three untrained networks, which are the same one, on the real images."""
    found = study.main(["--data", str(data_root), "--seeds", "1", "--epochs", "0", "--work", str(tmp_path)])
    said = capsys.readouterr().out
    assert "34 malignant of 136 images of 100 groups of near copies (patients are not known)" in said
    assert [one.value for one in found[3:6]] == [0, 0, 0]
