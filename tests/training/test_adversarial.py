"""Training of a DCGAN: what it makes comes to look like the class it learned; its audit finds copies."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from xaimed.adapters.discriminator import Discriminator
from xaimed.adapters.loading import load_model
from xaimed.adapters.modelfile import read_model, write_model
from xaimed.architectures.dcgan import DCGAN, build
from xaimed.copying import Sampling, copying, prepared
from xaimed.data.dataset import CaseRow
from xaimed.data.listed import About, Listed, Picture
from xaimed.errors import ModelError, PlanError
from xaimed.imaging.filters import Filters
from xaimed.imaging.preprocessing import Preprocessing
from xaimed.metrics.memorisation import APART, NEARER
from xaimed.training.adversarial import TRAINER
from xaimed.training.course import model_file
from xaimed.training.loop import Workspace
from xaimed.training.recipe import Augmentation, Recipe, Schedule
from xaimed.training.trainer import Study
from xaimed.types import Floats

RECIPE = Recipe(
    "tiny", "discrimination", "dcgan", {"side": 16, "width": 4, "noise": 4}, "halves", trainer="adversarial",
    options={"label": "bright", "certain": 0.9}, input={"mean": [0.5], "std": [0.5]},
    preprocessing=Preprocessing(filters=Filters(0, 0.0, 0), segment=False, crop=False, stretch=None, long_side=0,
                                multiple=1),
    augmentation=Augmentation(flip=False, rotation=0.0, scale=0.0, contrast=0.0, brightness=0.0, gamma=0.0, noise=0.0),
    schedule=Schedule(epochs=25, images=64, batch=16, rate=2e-3, linear=1.0, decay=0.0, warmup=0.0, average=0.9,
                      clip=1e3, momentum=0.5))


def halves(count: int = 48) -> Listed:
    """Images bright above ("bright") or below ("dark"), a third of them held out."""
    def drawn(index: int) -> Floats:
        image = np.full((1, 16, 16), 0.2, np.float32)
        image[:, :8 + index % 3] = 0.8
        noisy = np.clip(image + np.random.default_rng(index).normal(0, 0.05, image.shape), 0, 1)
        return np.asarray(noisy if index % 2 == 0 else noisy[:, ::-1], np.float32)

    rows = [CaseRow(f"c{i}", f"p{i}", "test" if i % 3 == 2 else "train", ("bright", "dark")[i % 2])
            for i in range(count)]
    about = About("halves", "bright halves", "classification", ("bright", "dark"), ())
    return Listed(about, rows, lambda i: Picture(np.ascontiguousarray(drawn(i)), f"{i}"))


def trained(folder: Path, recipe: Recipe = RECIPE) -> nn.Module:
    torch.manual_seed(0)
    return TRAINER.train(Study(build(side=16, width=4, noise=4), halves(), recipe, Workspace(folder, lambda _: None)))


def model_of(network: nn.Module, folder: Path) -> Discriminator:
    """The model of a file that was written and read again."""
    file = TRAINER.settle(model_file(RECIPE, halves(), network.state_dict()), RECIPE, (), "cpu")
    write_model(folder / "model.pt", file)
    model = load_model(folder / "model.pt")
    assert isinstance(model, Discriminator)
    return model


def test_it_makes_images_of_the_class_it_learned(tmp_path: Path) -> None:
    model = model_of(trained(tmp_path), tmp_path)
    assert model.classes == ("real",)
    assert read_model(tmp_path / "model.pt").training["label"] == "bright"
    made = model.made(32)
    assert made.shape == (32, 1, 16, 16)
    assert 0 <= made.min() < made.max() <= 1
    assert made[:, :, :7].mean() > made[:, :, 11:].mean() + 0.3
    assert np.array_equal(made, model.made(32))
    assert not np.array_equal(made, model.made(32, seed=1))
    bright, _ = prepared(model, halves(), ("test",), "bright")
    dark, _ = prepared(model, halves(), ("test",), "dark")
    assert model.logits(bright).mean() > model.logits(dark).mean()
    case = halves()[2]
    assert model.predict([case])[0].scores["real"] == pytest.approx(
        1 / (1 + np.exp(-model.logits(model.prepare(case).image[None])[0])), abs=1e-5)


class Copier(DCGAN):
    """A generator that gives back what it was trained on."""

    known: torch.Tensor

    def make(self, noise: torch.Tensor) -> torch.Tensor:
        return self.known[torch.arange(len(noise)) % len(self.known)]


def test_a_copier_is_found_out(tmp_path: Path) -> None:
    torch.manual_seed(0)
    copier = Copier(1, 16, 4, 4).eval()
    model = model_of(build(side=16, width=4, noise=4), tmp_path)
    known, _ = prepared(model, halves(), ("train",), "bright")
    copier.known = torch.from_numpy(known) * 2 - 1
    forged = Discriminator(model.file, copier)
    found = copying(forged, halves(), Sampling(count=30, resamples=200))
    nearer = found.find(NEARER)
    assert nearer is not None
    assert nearer.low > 0.9
    assert "30 made, 16 training and 8 held-out images" in nearer.rule
    assert found.find(APART) is not None


def test_nothing_is_said_of_another_dataset_or_another_model(tmp_path: Path) -> None:
    model = model_of(build(side=16, width=4, noise=4), tmp_path)
    other = Discriminator(dataclasses.replace(model.file, training={"dataset": "films"}), model.network)
    assert copying(other, halves(), Sampling()).estimates == ()
    plain = load_model(nn.AvgPool2d(16), task="discrimination")
    assert copying(plain, halves(), Sampling()).estimates == ()
    assert isinstance(plain, Discriminator)
    with pytest.raises(ModelError, match="makes no images"):
        plain.made(3)


def test_what_it_refuses(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"options\.label is 'blue'; expected one of bright, dark"):
        trained(tmp_path, dataclasses.replace(RECIPE, options={"label": "blue"}))
    with pytest.raises(ModelError, match="makes no images"):
        TRAINER.train(Study(nn.Conv2d(1, 1, 1), halves(), RECIPE, Workspace(tmp_path, lambda _: None)))
