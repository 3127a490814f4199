"""Metrics that make a map again: stable, changing and seeded methods with known answers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.scenery import Drawn, disc, scene
from xaimed.errors import InputError
from xaimed.metrics.again import Explainer, correlation_of, finer, rank_correlation, remade
from xaimed.metrics.deletion import Deletion
from xaimed.metrics.explained import Explained
from xaimed.metrics.insertion import Insertion
from xaimed.metrics.map_convergence import MapConvergence
from xaimed.metrics.max_sensitivity import MaxSensitivity
from xaimed.metrics.prediction_saliency_correlation import PredictionSaliencyCorrelation
from xaimed.metrics.repeatability import Repeatability
from xaimed.metrics.reproducibility import reproducibility, unrelated
from xaimed.metrics.srg import Srg
from xaimed.scene import Scene

EDGE = 24
PLACE = torch.from_numpy(disc(EDGE, 10, 12, 5))


def bright() -> Scene:
    image = torch.where(PLACE, 0.8, 0.3)[None, None] + 0.05 * torch.rand(1, 1, EDGE, EDGE,
                                                                         generator=torch.Generator().manual_seed(0))

    def left(x: Tensor) -> Tensor:
        return ((x[:, 0][:, PLACE].mean(1) - 0.3) / 0.525).clamp(0, 1)

    return scene(image, left)


@dataclass(frozen=True)
class Image:
    """The image, times a factor: it changes exactly as the image does."""

    name: str = "image"

    def attribute(self, scene: Scene) -> Drawn:
        return Drawn(scene.image[0, 0].numpy())


@dataclass(frozen=True)
class Fixed:
    """The same whatever the image."""

    name: str = "fixed"

    def attribute(self, scene: Scene) -> Drawn:
        return Drawn(PLACE.numpy().astype(np.float32) + np.linspace(0, 0.1, EDGE, dtype=np.float32))


@dataclass(frozen=True)
class Sampled:
    """The image with noise that falls with the samples, by seed."""

    samples: int = 4
    seed: int = 0
    name: str = "sampled"

    def attribute(self, scene: Scene) -> Drawn:
        noise = np.random.default_rng(self.seed).normal(size=(EDGE, EDGE)) / math.sqrt(self.samples)
        return Drawn((scene.image[0, 0].numpy() + noise).astype(np.float32))


def viewed(method: Explainer | None, of: Scene | None = None) -> Explained:
    of = of or bright()
    values = (method or Fixed()).attribute(of).values
    return Explained(of, values, {}, values, None, of.tissue.numpy(), method=method)


def test_max_sensitivity_is_the_size_of_the_noise_for_a_map_that_is_the_image() -> None:
    radius = 0.02
    found = MaxSensitivity(draws=3, radius=radius)(viewed(Image()))[""]
    size = float(np.sqrt((bright().image.numpy() ** 2).sum()))
    # Uniform noise has a variance of a third of its squared radius.
    assert found == pytest.approx(radius * EDGE / math.sqrt(3) / size, rel=0.1)
    assert MaxSensitivity()(viewed(Fixed()))[""] == 0
    assert MaxSensitivity(radius=0.04, draws=3)(viewed(Image()))[""] == pytest.approx(2 * found, rel=0.05)


def test_max_sensitivity_counts_only_while_the_prediction_is_the_same() -> None:
    of = bright()
    lost = replace(of, similarity=lambda x: (x == of.image).flatten(1).all(1).float())
    assert math.isnan(MaxSensitivity()(viewed(Image(), lost))[""])
    assert math.isnan(MaxSensitivity()(viewed(None))[""])
    zeros = replace(viewed(Image()), values=np.zeros((EDGE, EDGE), np.float32), full=np.zeros((EDGE, EDGE), np.float32))
    assert math.isnan(MaxSensitivity()(zeros)[""])


def test_a_map_that_follows_the_image_follows_the_prediction() -> None:
    # The fill is flatter, so the ranks within it change with the prediction; a fixed map does not change at all.
    found = PredictionSaliencyCorrelation(fill="noise")(viewed(Image()))[""]
    assert found > 0.8
    assert math.isnan(PredictionSaliencyCorrelation()(viewed(Fixed()))[""])
    still = replace(bright(), similarity=lambda x: torch.ones(len(x)))
    assert math.isnan(PredictionSaliencyCorrelation(fill="noise")(viewed(Image(), still))[""])


def test_repeatability_grows_with_samples_and_needs_a_seed() -> None:
    few, many = (Repeatability(seeds=3)(viewed(Sampled(samples=n)))[""] for n in (4, 4000))
    assert few < 0.5 < many
    assert math.isnan(Repeatability()(viewed(Image()))[""])
    assert math.isnan(Repeatability()(viewed(None))[""])


def test_map_convergence_falls_as_the_samples_grow() -> None:
    found = [MapConvergence()(viewed(Sampled(samples=n)))[""] for n in (4, 64, 1024)]
    assert found[0] > 2 * found[1] > 4 * found[2]
    # Noise of size s against the same noise divided by the root of two.
    of, noise = bright(), np.random.default_rng(0).normal(size=(EDGE, EDGE)) / 2
    size = np.sqrt(((of.image[0, 0].numpy() + noise) ** 2).sum())
    assert found[0] == pytest.approx(np.sqrt((noise**2).sum()) * (1 - math.sqrt(0.5)) / size, rel=1e-4)
    assert math.isnan(MapConvergence()(viewed(Image()))[""])


def test_what_a_method_spends_is_doubled_and_nothing_else() -> None:
    assert finer(Sampled(samples=6, seed=3)) == Sampled(samples=12, seed=3)
    assert finer(Image()) is None
    with pytest.raises(InputError, match="method is not known"):
        remade(viewed(None), bright().image)


def test_reproducibility_tells_two_trainings_from_two_images_and_keeps_what_is_missing() -> None:
    rng = np.random.default_rng(0)
    maps = [np.roll(np.exp(-((np.mgrid[:EDGE, :EDGE] - 8) ** 2).sum(0) / 20), (2 * i, i), (0, 1)).astype(np.float32)
            for i in range(5)]
    again = [m * 3 + 0.02 * rng.normal(size=m.shape).astype(np.float32) for m in maps]
    tissue = [np.ones((EDGE, EDGE), bool)] * 5
    same, other = reproducibility(maps, again, tissue), unrelated(maps, again, tissue)
    assert same.shape == (5, 3)
    assert (same.mean(0) > other.mean(0) + 0.1).all()
    assert np.isnan(reproducibility([maps[0] * 0], [maps[0]], tissue[:1])).all()
    with pytest.raises(InputError, match="expected one of each"):
        reproducibility(maps, again[:4], tissue)


def test_srg_is_insertion_minus_deletion_zero_for_chance_and_its_passes_are_shared() -> None:
    of = viewed(Fixed())
    assert all(value > 0.3 for value in Srg()(of).values())
    before = of.removal.passes
    deleted, inserted, gained = Deletion()(of), Insertion()(of), Srg()(of)
    assert of.removal.passes == before
    assert gained == pytest.approx({key: inserted[key] - deleted[key] for key in deleted})
    flat = replace(of, values=np.ones((EDGE, EDGE), np.float32))
    assert all(abs(value) < 0.12 for value in Srg()(flat).values())


def test_correlations_without_spread_are_not_a_number() -> None:
    tissue = np.ones((3, 3), bool)
    assert math.isnan(rank_correlation(np.ones((3, 3), np.float32), np.eye(3, dtype=np.float32), tissue))
    assert math.isnan(correlation_of([1, 2], [1, 2]))
    assert correlation_of([1, 2, 3, math.nan], [2, 4, 6, 0]) == pytest.approx(1)
