"""The training of classifiers: it learns what decides the label, twice the same, and refuses cases without a class."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from xaimed.architectures.plain_cnn import build
from xaimed.data.dataset import CaseRow
from xaimed.data.planted import Planted
from xaimed.errors import PlanError
from xaimed.imaging.filters import Filters
from xaimed.imaging.preprocessing import Preprocessing
from xaimed.training.classification import labelled, loss_of, train_classifier
from xaimed.training.recipe import Augmentation, Recipe, Schedule
from xaimed.training.samples import Sample

STILL = Augmentation(rotation=0.0, scale=0.0, contrast=0.05, brightness=0.0, gamma=0.0, noise=0.0)
RECIPE = Recipe("tiny", "classification", "plain_cnn", {}, "planted", seed=1, augmentation=STILL,
                preprocessing=Preprocessing(filters=Filters(0, 0.0, 0), segment=False, crop=False, long_side=0),
                schedule=Schedule(epochs=8, images=64, batch=8, rate=1e-2, warmup=1.0))


def samples(count: int = 64) -> tuple[list[Sample], np.ndarray]:
    """Noise with a bright square in every second image."""
    draw, out = np.random.default_rng(0), []
    for number in range(count):
        image = draw.integers(20, 60, (1, 24, 24)).astype(np.uint8)
        row, column = draw.integers(0, 16, 2)
        if number % 2:
            image[0, row:row + 8, column:column + 8] = 200
        out.append(Sample(f"c{number}", f"p{number}", image, np.zeros((0, 4)), np.zeros(0, np.int64)))
    return out, np.arange(count) % 2


def trained(outputs: int) -> torch.nn.Module:
    given, classes = samples()
    torch.manual_seed(0)
    return train_classifier(build(outputs=outputs, widths=(4, 8), stride=2), given, classes, RECIPE, lambda text: None)


@pytest.mark.parametrize("outputs", [1, 2])
def test_it_learns_and_twice_the_same(outputs: int) -> None:
    network, again = trained(outputs), trained(outputs)
    assert not network.training
    given, classes = samples()
    images = torch.from_numpy(np.stack([sample.image for sample in given]).astype(np.float32) / 255)
    with torch.no_grad():
        logits = network(images)
    found = logits[:, 0] > 0 if outputs == 1 else logits.argmax(dim=1) == 1
    assert (found.numpy() == classes).mean() > 0.95
    for key, value in network.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key


def test_one_logit_costs_what_two_cost() -> None:
    truth = torch.tensor([1, 0, 1])
    one = torch.tensor([[0.3], [-1.2], [2.0]])
    two = torch.cat([torch.zeros_like(one), one], dim=1)
    assert float(loss_of(one, truth)) == pytest.approx(float(loss_of(two, truth)))
    assert float(loss_of(torch.zeros(3, 1), truth)) == pytest.approx(math.log(2))


def test_samples_and_classes_go_together() -> None:
    data = Planted("lesion", patients=1)
    given, classes = labelled(data, RECIPE)
    assert [sample.case for sample in given] == [row.case for row in data.rows]
    assert [data.classes[i] for i in classes] == [row.label for row in data.rows]
    assert [len(sample.boxes) > 0 for sample in given] == [bool(i) for i in classes]


def test_a_case_without_a_class_is_refused() -> None:
    class Unlabelled(Planted):
        @property
        def rows(self) -> tuple[CaseRow, ...]:
            first, *rest = Planted(patients=1).rows
            return (replace(first, label=None), *rest)

    with pytest.raises(PlanError, match="s00000-L-CC"):
        labelled(Unlabelled(patients=1), RECIPE)
