"""The recipes of the GANs and registrations are read, fit their architectures and name a trainer that is here."""

from __future__ import annotations

import pytest

from xaimed.adapters.modelfile import built
from xaimed.content import folder
from xaimed.registry import load
from xaimed.training.recipe import read_recipe
from xaimed.training.trainer import trainer_of

NAMES = {"busi-dcgan": "adversarial", "t1-synthesis-context-gan": "adversarial_generation",
         "t1-registration-voxel-morph": "registration", "t1-volume-voxel-morph": "registration"}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_read_and_fits(name: str) -> None:
    recipe = read_recipe(folder("models") / name / "recipe.toml")
    assert recipe.name == name
    assert trainer_of(recipe) is load("training", NAMES[name]).TRAINER
    assert sum(weight.numel() for weight in built(recipe.architecture, recipe.arguments).parameters()) < 2_000_000
