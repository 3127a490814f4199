"""Training of registrations: the slope by hand, the sign of the displacement, planes as slices of a volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from xaimed.adapters.loading import load_model
from xaimed.architectures.voxel_morph import build
from xaimed.data.dataset import CaseRow
from xaimed.data.listed import About, Listed, Picture
from xaimed.imaging.filters import Filters
from xaimed.imaging.preprocessing import Preprocessing
from xaimed.metrics.registration import METRIC
from xaimed.training.loop import Workspace
from xaimed.training.recipe import Augmentation, Recipe, Schedule
from xaimed.training.registration import TRAINER, losses_of, slope
from xaimed.training.trainer import Study

STEPS = {"filters": {"median": 0, "gaussian": 0.0, "bilateral": 0}, "segment": False, "crop": False, "stretch": None,
         "long_side": 0, "multiple": 1}
RECIPE = Recipe(
    "tiny", "registration", "voxel_morph", {}, "pairs", options={"smooth": 0.001},
    preprocessing=Preprocessing(filters=Filters(0, 0.0, 0), segment=False, crop=False, stretch=None, long_side=0,
                                multiple=1),
    augmentation=Augmentation(flip=False, rotation=0.0, scale=0.0, contrast=0.0, brightness=0.0, gamma=0.0, noise=0.0),
    schedule=Schedule(epochs=30, images=64, batch=8, rate=5e-3, average=0.9, decay=0.0))


def pairs(count: int = 36) -> Listed:
    """Blobs and the same shifted by up to three pixels; the last four are no training cases."""
    rows, columns = np.indices((24, 24))

    def picture(index: int) -> Picture:
        draw = np.random.default_rng([1, index])
        places, shift = draw.uniform(6, 18, (4, 2)), draw.uniform(-3, 3, 2)

        def blobs(by: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.max([np.exp(-((columns - x - by[0]) ** 2 + (rows - y - by[1]) ** 2) / 12) for x, y in places], 0)

        return Picture(np.stack([blobs(shift), blobs(0 * shift)]).astype(np.float32), f"{index}",
                       displacement=np.broadcast_to(shift[:, None, None], (2, 24, 24)).astype(np.float32))

    known = [CaseRow(f"c{i}", f"p{i}", "test" if i >= count - 4 else "train", None) for i in range(count)]
    return Listed(About("pairs", "shifted blobs", "registration", (), ()), known, picture)


def test_the_slope_by_hand() -> None:
    field = torch.tensor([[[0.0, 1.0, 3.0], [0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0], [2.0, 2.0, 2.0]]])[None]
    across = np.mean([1, 4, 0, 0, 0, 0, 0, 0])
    down = np.mean([0, 1, 9, 4, 4, 4])
    assert slope(field).item() == pytest.approx((across + down) / 2)
    assert slope(torch.ones(1, 3, 4, 5, 6)).item() == 0


def test_the_planes_of_a_volume_are_its_slices() -> None:
    class Shift(nn.Module):
        """Everything lies one slice further on in the moving image."""

        def flow(self, images: Tensor) -> Tensor:
            field = torch.zeros(len(images), 3, images.shape[1] // 2, *images.shape[-2:])
            field[:, 2] = 1.0
            return field

    moving = torch.rand(1, 4, 5, 6)
    fixed = torch.cat([moving[:, 1:], moving[:, -1:]], dim=1)
    found = losses_of(Shift(), torch.cat([moving, fixed], dim=1), 1.0)
    assert found["squared error"].item() == pytest.approx(0, abs=1e-10)
    assert found["slope"].item() == 0


def test_it_lowers_the_error_on_unseen_pairs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    data = pairs()
    network = build(widths=(8, 12, 12), finest=8, steps=4)
    trained = TRAINER.train(Study(network, data, RECIPE, Workspace(tmp_path, lambda _: None)))
    model = load_model(trained, task="registration", preprocessing=STEPS)
    before, after, folds = [], [], []
    for index in range(32, 36):
        case = data[index]
        values = {row.metric: row.value for row in METRIC(case, model.predict([case])[0])}
        before.append(values["error before registration"])
        after.append(values["target registration error"])
        folds.append(values["folding"])
    assert np.mean(after) < 0.6 * np.mean(before)
    assert max(folds) == 0


def test_equal_images_do_not_move() -> None:
    torch.manual_seed(0)
    network = build(widths=(8, 12), finest=8, steps=4)
    still = torch.rand(4, 1, 16, 16).repeat(1, 2, 1, 1)
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(20):
        loss = torch.stack(list(losses_of(network, still, 0.01).values())).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        assert network(still).abs().max().item() < 0.05
