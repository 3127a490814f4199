"""Whether a model that makes images copies those that it was trained on, and tells its own from unseen real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xaimed.adapters.discriminator import Discriminator, Making
from xaimed.adapters.model import Model
from xaimed.data.dataset import Dataset
from xaimed.metrics.memorisation import LEAST, PAIRS, Images, memorisation, pairs, told_apart
from xaimed.stats import Resampling, Results
from xaimed.types import Floats

MOST = 1000  # images of a kind that are compared


@dataclass(frozen=True)
class Sampling:
    """How many images are made, by which seed, and how often patients are drawn."""

    count: int = 200
    seed: int = 0
    resamples: int = 2000


def copying(model: Model, dataset: Dataset, how: Sampling) -> Results:
    """Shares, distances and their curve of made images, and the AUC of the discriminator between them and real ones.

    Held-out images are those of val and test with the label that was learned. Nothing for a model that makes no images,
    for another dataset than that of its training, or too few images.
    """
    if not isinstance(model, Discriminator) or not isinstance(model.network, Making):
        return Results()
    training = model.file.training
    if training.get("dataset") != dataset.name:
        return Results()
    label = str(training.get("label", ""))
    known, _ = prepared(model, dataset, ("train",), label)
    held, patients = prepared(model, dataset, ("val", "test"), label)
    if min(len(known), len(held)) < LEAST:
        return Results()
    draws = Resampling.of(patients, how.resamples, how.seed)
    made = model.made(how.count, how.seed)
    found = memorisation(Images(made, known, held, patients), draws)
    auc = told_apart(model.logits(made), model.logits(held), patients, draws)
    names = [row.case for row in dataset.rows if row.split == "train" and label in ("", row.label)]
    return Results((*found.estimates, auc), {**found.curves, PAIRS: pairs(made, known, names)})


def prepared(model: Model, dataset: Dataset, splits: tuple[str, ...], label: str) -> tuple[Floats, list[str]]:
    """The prepared images (n, C, h, w) of some splits with a label ("" for any), and the patient of each."""
    rows = [(index, row.patient) for index, row in enumerate(dataset.rows)
            if row.split in splits and label in ("", row.label)][:MOST]
    images = [model.prepare(dataset[index]).image for index, _ in rows]
    return np.stack(images) if images else np.zeros((0, 1, 1, 1), np.float32), [patient for _, patient in rows]
