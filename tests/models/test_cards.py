"""Every folder of models: its recipe can be run, its card says what it is for, and its file is the recipe's network."""

from __future__ import annotations

import pytest

from xaimed.adapters.modelfile import network_of, read_model
from xaimed.content import folder
from xaimed.registry import names
from xaimed.settings import read_table
from xaimed.training.recipe import read_recipe
from xaimed.training.trainer import trainer_of

MODELS = folder("models")
NAMED = sorted(place.name for place in MODELS.iterdir() if (place / "card.toml").is_file())
MADE = [name for name in NAMED if (MODELS / name / "model.pt").is_file()]
WORDS = ("name", "version", "intended_use", "out_of_scope", "licence")
LIMIT = 60 * 2**20


@pytest.mark.parametrize("name", NAMED)
def test_its_recipe_can_be_run(name: str) -> None:
    recipe = read_recipe(MODELS / name / "recipe.toml")
    assert recipe.name == name
    assert recipe.architecture in names("architectures")
    assert recipe.dataset in names("data")
    assert hasattr(trainer_of(recipe), "train")


@pytest.mark.parametrize("name", NAMED)
def test_its_card_says_what_it_is_for(name: str) -> None:
    card = read_table(MODELS / name / "card.toml", "card")
    assert card["name"] == name
    assert all(isinstance(card[word], str) and card[word] for word in WORDS)
    assert isinstance(card["data"], dict)


@pytest.mark.parametrize("name", MADE)
def test_its_file_is_the_network_of_its_recipe(name: str) -> None:
    file, recipe = read_model(MODELS / name / "model.pt"), read_recipe(MODELS / name / "recipe.toml")
    assert (file.architecture, file.task, dict(file.arguments)) == (
        recipe.architecture, recipe.task, dict(recipe.arguments))
    assert file.training["dataset"] == recipe.dataset
    assert file.training["validation_patients"] or recipe.extra or file.task not in ("classification", "detection")
    assert not set(file.training["patients"]) & set(file.training["validation_patients"])
    assert not network_of(file).training


def test_all_files_together_stay_small() -> None:
    assert sum((MODELS / name / "model.pt").stat().st_size for name in MADE) < LIMIT
