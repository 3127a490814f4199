"""Memorisation: copies are found, unseen images of the same kind are not, and the shares are counted as said."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from xaimed.errors import InputError
from xaimed.metrics.memorisation import (
    APART,
    NEARER,
    ORIGIN,
    Images,
    between,
    memorisation,
    nearest,
    pairs,
    standardised,
    told_apart,
)
from xaimed.report.blocks import Gallery
from xaimed.report.sections.memorisation import section
from xaimed.stats import Resampling, Results
from xaimed.types import Floats

DRAWS = Resampling.of([f"p{i}" for i in range(20)], 400)


def drawn(count: int, seed: int) -> Floats:
    """Images of one kind: a random blob each."""
    draw = np.random.default_rng(seed)
    rows, columns = np.indices((12, 12))
    (x, y), size = draw.uniform(2, 9, (2, count)), draw.uniform(2, 12, count)
    return np.array([[np.exp(-((columns - a) ** 2 + (rows - b) ** 2) / c)] for a, b, c in zip(x, y, size, strict=True)],
                    np.float32)


def images(made: Floats, held: int = 40) -> Images:
    return Images(made, drawn(40, 1), drawn(held, 2), [f"p{i % 20}" for i in range(held)])


def shares(made: Floats) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    found = memorisation(images(made), DRAWS)
    one, other = found.find(NEARER), found.find(ORIGIN)
    assert one is not None
    assert other is not None
    return (one.value, one.low, one.high), (other.value, other.low, other.high)


def test_unseen_images_of_the_same_kind_are_no_copies() -> None:
    for value, low, high in shares(drawn(60, 3)):
        assert low < 0.5 < high
        assert 0.3 < value < 0.7


@pytest.mark.parametrize("kind", ["same", "noisy", "mirrored", "darker"])
def test_copies_are_found(kind: str) -> None:
    source = drawn(40, 1)
    copies = {"same": source, "noisy": source + np.random.default_rng(0).normal(0, 0.02, source.shape),
              "mirrored": source[..., ::-1], "darker": 0.3 * source + 0.1}[kind].astype(np.float32)
    for value, low, _ in shares(copies):
        assert low > 0.5
        assert value > 0.7


def test_noise_is_far_from_both() -> None:
    noise = np.random.default_rng(0).random((30, 1, 12, 12)).astype(np.float32)
    (value, _, high), _ = shares(noise)
    assert value < 0.1
    assert high < 0.5


def test_the_shares_by_counting() -> None:
    given = images(drawn(15, 5), held=12)
    found = memorisation(given, DRAWS)

    def gap(one: Floats, other: Floats) -> float:
        return min(np.linalg.norm(standardised(one[None]) - standardised(o[None])) for o in (other, other[..., ::-1]))

    made = [min(gap(one, other) for other in given.training) for one in given.made]
    held = [min(gap(one, other) for other in given.training) for one in given.held]
    wins = [float(a < b) for a, b in itertools.product(made, held)]
    share = found.find(NEARER)
    assert share is not None
    assert share.value == pytest.approx(np.mean(wins))
    assert share.denominator == 15
    curve = found.curves["memorisation"]
    assert curve["made to training"][0] == pytest.approx(min(made), abs=1e-6)
    assert curve["held-out to training"][-1] == pytest.approx(max(held), abs=1e-6)
    assert len({len(part) for part in curve.values()}) == 1


def test_distances_forget_grey_level_contrast_and_mirror() -> None:
    source = drawn(3, 0)
    assert np.allclose(between(source, 0.5 * source[..., ::-1] + 0.2).diagonal(), 0, atol=1e-3)
    assert nearest(source[[2, 0]], source) == [2, 0]
    flat = np.full((1, 1, 12, 12), 0.5, np.float32)
    assert between(flat, source)[0, 0] == pytest.approx(np.sqrt(2))


def test_the_auc_of_logits() -> None:
    made, held = np.array([0.0, 1.0], np.float32), np.array([1.0, 2.0, -1.0], np.float32)
    found = told_apart(made, held, ["p0", "p1", "p2"], DRAWS)
    # Pairs: 1>0, 2>0, -1<0, 1=1, 2>1, -1<1.
    assert found.name == APART
    assert found.value == pytest.approx(3.5 / 6)
    assert found.low <= found.value <= found.high


def test_what_it_refuses() -> None:
    with pytest.raises(InputError, match="expected at least 5 of each"):
        memorisation(images(drawn(3, 0)), DRAWS)
    with pytest.raises(InputError, match="expected one size"):
        memorisation(images(drawn(9, 0)[..., :8]), DRAWS)


def test_the_pairs_that_are_shown_go_from_the_nearest_to_the_farthest() -> None:
    source, draw = drawn(20, 1), np.random.default_rng(0)
    made = np.concatenate([source[[3]][..., ::-1], source[[7]] + draw.normal(0, 0.05, (1, 1, 12, 12)),
                           draw.random((1, 1, 12, 12))]).astype(np.float32)
    found = pairs(made, source, [f"t{i}" for i in range(20)], 3)
    assert found["side"] == [12, 12]
    assert found["distance"] == sorted(found["distance"])
    assert found["distance"] == pytest.approx(between(made, source).min(axis=1).tolist())
    assert found["mirrored"][:2] == [1, 0]
    assert [name for name in found if name.startswith("training ")][:2] == ["training 0 t3", "training 1 t7"]
    # The mirror image of the training image is shown where that is what lies near.
    assert found["training 0 t3"] == pytest.approx(found["made 0"], abs=1e-3)
    assert found["training 1 t7"] == pytest.approx(source[7].ravel().tolist(), abs=1e-3)
    assert len(pairs(made[:2], source, [""] * 20, 5)["distance"]) == 2


def test_the_report_shows_them_over_one_another() -> None:
    curves = {"memorisation": {"quantile": [0.0, 1.0], "made to training": [0.1, 0.9]},
              "memorisation pairs": pairs(drawn(9, 3), drawn(20, 1), [f"t{i}" for i in range(20)])}
    run = cast(Any, SimpleNamespace(results=Results((), curves)))
    gallery = section(run)[-1]
    assert isinstance(gallery, Gallery)
    assert gallery.columns == 5
    assert all(panel.title.startswith("Made, distance ") for panel in gallery.panels[:5])
    assert all(panel.title.startswith("t") for panel in gallery.panels[5:])
    del curves["memorisation pairs"]
    assert not isinstance(section(run)[-1], Gallery)
