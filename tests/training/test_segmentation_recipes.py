"""The recipes of the segmenters: they parse and fit their data; a committed model gives its stored scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xaimed import load_model
from xaimed.adapters.modelfile import built
from xaimed.content import folder
from xaimed.registry import load
from xaimed.training.recipe import read_recipe
from xaimed.training.trainer import trainer_of
from xaimed.types import Case

LINE, CELL = 0.9989, 0.0  # mean probability, as stored when the model was made
NAMES = ("em-u-net", "em-bdc-lstm", "em-pyramid-lstm", "ddsm-u-net", "ddsm-segan", "t1-segan")


@pytest.mark.parametrize("name", NAMES)
def test_its_network_answers_for_the_classes_of_its_data(name: str) -> None:
    recipe = read_recipe(folder("models") / name / "recipe.toml")
    assert (recipe.name, recipe.task) == (name, "segmentation")
    trainer_of(recipe)
    classes = load("data", recipe.dataset).ABOUT.classes
    network, steps = built(recipe.architecture, recipe.arguments), recipe.preprocessing
    assert steps.channels == 2 * int(recipe.data.get("radius", "0")) + 1
    with torch.no_grad():
        logits = network(torch.zeros(1, steps.channels, steps.multiple, 2 * steps.multiple))
    assert logits.shape == (1, 1 if len(classes) == 1 else len(classes) + 1, steps.multiple, 2 * steps.multiple)


def two_cells() -> Case:
    """Two bright cells of mild texture with a dark line of five pixels between them."""
    grey = 0.65 + 0.05 * np.sin(np.arange(64)[:, None] / 3) * np.cos(np.arange(64) / 4)
    grey[:, 30:35] = 0.2
    return Case("drawn", grey[None].astype(np.float32))


def test_the_u_net_of_the_stack_finds_a_drawn_membrane() -> None:
    path = folder("models") / "em-u-net" / "model.pt"
    if not path.is_file():
        pytest.skip("models/em-u-net/model.pt is not here")
    found = load_model(path).predict([two_cells()])[0].dense["membrane"]
    assert float(found[8:56, 30:35].mean()) == pytest.approx(LINE, abs=2e-3)
    assert float(found[8:56, 8:22].mean()) == pytest.approx(CELL, abs=2e-3)

