"""The committed registration: a stored displacement, the known error on real slices, and what its maps point at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xaimed.adapters.loading import load_model
from xaimed.adapters.model import Model
from xaimed.attribution import InputXGradient
from xaimed.content import folder
from xaimed.data.dataset import Selection, open_dataset
from xaimed.errors import InputError
from xaimed.metrics.explained import Explained
from xaimed.metrics.plane_share import METRIC as PLANE_SHARE
from xaimed.metrics.registration import METRIC
from xaimed.training.recipe import read_recipe
from xaimed.types import Case, Floats


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(folder("models") / "t1-registration-voxel-morph" / "model.pt", "cpu")


GOLDEN = (2.652, -0.674)  # of a blob that lies three pixels further right and one higher in the moving image


def blob(x: float, y: float) -> Floats:
    rows, columns = np.indices((96, 80))
    wide = np.exp(-((rows - 48) ** 2 + (columns - 40) ** 2) / 600)
    return np.asarray(0.4 * wide + 0.5 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 30), np.float32)


def test_it_loads_and_gives_the_stored_displacement(model: Model) -> None:
    recipe = read_recipe(folder("models") / "t1-registration-voxel-morph" / "recipe.toml")
    assert model.file.architecture == recipe.architecture
    assert model.file.training["dataset"] == recipe.dataset
    assert model.file.card["name"] == recipe.name
    dense = model.predict([Case("c0", np.stack([blob(43, 47), blob(40, 48)]))])[0].dense
    assert (float(dense["dx"][48, 40]), float(dense["dy"][48, 40])) == pytest.approx(GOLDEN, abs=2e-3)


def test_a_single_image_is_refused_in_one_line(model: Model) -> None:
    with pytest.raises(InputError, match="1 channels; expected 2: the moving image, then the fixed one"):
        model.predict([Case("c0", blob(40, 48)[None])])


@pytest.fixture(scope="module")
def slices(data_root: Path) -> Selection:
    return open_dataset("t1-registration", "test", root=data_root)


def test_it_lowers_the_error_on_every_slice(model: Model, slices: Selection) -> None:
    for index in range(0, len(slices), 6):
        case = slices[index]
        found = {row.metric: row.value for row in METRIC(case, model.predict([case])[0])}
        assert found["target registration error"] < 0.6 * found["error before registration"]
        assert found["folding"] < 0.001


def test_the_map_of_a_displacement_lies_round_its_point(model: Model, slices: Selection) -> None:
    [scene] = model.scenes(slices[0], ["shift"])
    x, y = (float(part) / 2 for part in scene.target.partition(":")[2].split(","))  # pixels of 2 mm
    values = np.abs(InputXGradient().attribute(scene).values)
    rows, columns = np.indices(values.shape) + 0.5
    near = np.hypot(columns - x, rows - y) < 16
    assert values[near].sum() > 0.7 * values.sum()
    assert near.mean() < 0.15


def test_both_images_have_their_share_and_equal_images_move_little(model: Model, slices: Selection) -> None:
    case = slices[0]
    [scene] = model.scenes(case, ["shift"])
    empty = np.zeros(scene.image.shape[-2:], np.float32)
    shares = PLANE_SHARE(Explained(scene, empty, {}, empty, None, empty > 0))
    assert set(shares) == {"[0]", "[1]"}
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) > 0.2
    same = replace(case, image=np.concatenate([case.image[1:], case.image[1:]]))
    tissue = case.image[1] > 0.02
    moved, still = (np.hypot(*(one.dense[name][tissue] for name in ("dx", "dy"))).mean()
                    for one in model.predict([case, same]))
    assert still < 0.35 * moved
