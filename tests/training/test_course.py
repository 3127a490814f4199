"""What a model.pt says of its training: an operating point where one was chosen, and the card beside its recipe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xaimed.data.dataset import CaseRow
from xaimed.data.listed import About, Listed, Picture
from xaimed.training.course import card_beside, model_file
from xaimed.training.recipe import Recipe, recipe_of

ROWS = [CaseRow("a", "p1", "train", "normal"), CaseRow("b", "p2", "val", "normal")]


def told(task: str, **parts: object) -> dict[str, object]:
    recipe: Recipe = recipe_of({"name": "n", "task": task, "architecture": "lenet", "arguments": {}, "dataset": "busi",
                                "fppi": 0.5, **parts})
    picture = Picture(np.zeros((1, 4, 4), np.float32), "")
    data = Listed(About("busi", "BUSI", task, ("normal",), ()), ROWS, lambda _: picture)
    return dict(model_file(recipe, data, {}).training)


@pytest.mark.parametrize(("task", "split", "fppi"), [
    ("detection", "val", 0.5), ("classification", "val", None), ("anomaly", "val", None), ("energy", "val", None),
    ("segmentation", None, None), ("generation", None, None), ("registration", None, None),
    ("discrimination", None, None)])
def test_an_operating_point_is_told_where_one_is_chosen(task: str, split: str | None, fppi: float | None) -> None:
    found = told(task)
    assert found.get("operating_point_split") == split
    assert found.get("operating_point_fppi") == fppi


def test_what_was_not_set_is_not_told_as_missing() -> None:
    assert told("anomaly")["start"] == "random weights"
    assert "data_options" not in told("anomaly")
    with_more = told("anomaly", start="imagenet", data={"radius": "2"})
    assert (with_more["start"], with_more["data_options"]) == ("imagenet", {"radius": "2"})
    assert with_more["patients"] == ["p1"]
    assert with_more["validation_patients"] == ["p2"]


def test_the_card_is_the_first_lines_beside_the_recipe(tmp_path: Path) -> None:
    assert card_beside(tmp_path / "recipe.toml") == {}
    (tmp_path / "card.toml").write_text('name = "n"\nlicence = "MIT"\n[measured]\nauc = "0.9"\n', encoding="utf-8")
    assert card_beside(tmp_path / "recipe.toml") == {"name": "n", "licence": "MIT"}
