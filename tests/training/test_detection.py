"""The training loop: a course that was cut off ends where an uncut one ends; a drawn sample keeps its boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from xaimed.registry import load
from xaimed.training.detection import train_detector
from xaimed.training.loop import Workspace
from xaimed.training.recipe import Augmentation, Recipe, Schedule
from xaimed.training.samples import Sample, augmented


def samples(count: int = 4) -> list[Sample]:
    draw = np.random.default_rng(0)
    out = []
    for number in range(count):
        image = draw.integers(20, 60, (1, 64, 64)).astype(np.uint8)
        image[0, 20:44, 16:40] = 220
        out.append(Sample(f"c{number}", f"p{number}", image, np.array([[16.0, 20.0, 40.0, 44.0]]), np.array([1])))
    return out


def recipe(epochs: int) -> Recipe:
    return Recipe("tiny", "detection", "five_block_rcnn", {}, "phantom",
                  schedule=Schedule(epochs=epochs, images=4, batch=2, warmup=0.0))


def trained(folder: Path, stops: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """The averaged weights after two epochs, cut off and started again after each of `stops`."""
    for _ in stops:
        torch.manual_seed(0)
        model = load("architectures", "five_block_rcnn").build(anchors=[16, 32])
        work = Workspace(folder, _stop_after_first if len(stops) > 1 and not (folder / "curve.jsonl").exists()
                         else lambda text: None)
        try:
            return train_detector(model, samples(), recipe(2), work).state_dict()
        except KeyboardInterrupt:
            continue
    raise AssertionError("the training never came to its end")


def _stop_after_first(text: str) -> None:
    if text.startswith("epoch 1/2"):
        raise KeyboardInterrupt


def test_a_resumed_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole", (2,))
    cut = trained(tmp_path / "cut", (1, 2))
    assert (tmp_path / "cut" / "curve.jsonl").read_text().count("\n") == 2
    for name, value in whole.items():
        torch.testing.assert_close(cut[name], value, rtol=0, atol=0)


def test_a_flip_mirrors_the_box_with_the_pixels() -> None:
    still = Augmentation(flip=True, rotation=0.0, scale=0.0, contrast=0.0, brightness=0.0, gamma=0.0, noise=0.0)
    seen = set()
    for seed in range(20):
        image, boxes = augmented(samples(1)[0], still, np.random.default_rng(seed))
        bright = np.argwhere(image[0] > 0.8)
        np.testing.assert_allclose(boxes[0], [bright[:, 1].min(), bright[:, 0].min(), bright[:, 1].max() + 1,
                                              bright[:, 0].max() + 1], atol=1e-9)
        seen.add(float(boxes[0, 0]))
    assert seen == {16.0, 24.0}


def test_a_turned_zoomed_and_cropped_box_stays_on_its_mass() -> None:
    change = Augmentation(contrast=0.0, brightness=0.0, gamma=0.0, noise=0.0, crop=48)
    inside = []
    for seed in range(60):
        image, boxes = augmented(samples(1)[0], change, np.random.default_rng(seed))
        assert image.shape == (1, 48, 48)
        x0, y0, x1, y1 = boxes[0]
        if x1 > x0:
            mass = image[0] > 0.6
            kept = mass[int(y0):int(np.ceil(y1)), int(x0):int(np.ceil(x1))].sum() / max(1, mass.sum())
            inside.append(kept)
    assert len(inside) > 30
    assert min(inside) > 0.75
