"""The rank correlation of methods against scipy's, and what is left out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import combinations
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from xaimed.metrics.concordance import NAME, concordance
from xaimed.scene import Scene
from xaimed.types import Floats

SIDE = 64


@dataclass(frozen=True)
class Drawn:
    values: Floats
    facts: dict[str, float] = field(default_factory=dict)


def scene(tissue: torch.Tensor) -> Scene:
    return cast(Scene, SimpleNamespace(case="c", target="d0", tissue=tissue))


@pytest.fixture
def maps() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {name: Drawn(rng.normal(size=(SIDE, SIDE)).astype(np.float32)) for name in ("a", "b", "c")}


def test_it_is_the_mean_over_the_other_methods_of_scipys_rank_correlation(maps: dict[str, Any]) -> None:
    tissue = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    tissue[:, :40] = True
    found = {row.method: row for row in concordance(scene(tissue), maps)}
    # A grid of 32 x 32 of maps of 64 x 64: means of 2 x 2, of which the left 20 columns are tissue.
    means = {name: np.abs(one.values).reshape(32, 2, 32, 2).mean(axis=(1, 3))[:, :20].ravel()
             for name, one in maps.items()}
    rho = {pair: spearmanr(means[pair[0]], means[pair[1]]).statistic for pair in combinations("abc", 2)}
    for name in "abc":
        own = np.mean([value for pair, value in rho.items() if name in pair])
        assert found[name].value == pytest.approx(own, abs=1e-6)
        assert (found[name].case, found[name].target, found[name].metric) == ("c", "d0", NAME)


def test_the_same_order_is_one_whatever_the_scale_and_the_sign(maps: dict[str, Any]) -> None:
    tissue = torch.ones(SIDE, SIDE, dtype=torch.bool)
    values = maps["a"].values
    for factor in (3, -3):
        found = concordance(scene(tissue), {"a": maps["a"], "b": Drawn(factor * values)})
        assert [row.value for row in found] == pytest.approx([1, 1])
    inverse = Drawn(np.abs(values).max() - np.abs(values))
    assert [row.value for row in concordance(scene(tissue), {"a": maps["a"], "b": inverse})] == pytest.approx([-1, -1])


def test_controls_and_maps_without_contrast_are_left_out(maps: dict[str, Any]) -> None:
    tissue = torch.ones(SIDE, SIDE, dtype=torch.bool)
    alone = concordance(scene(tissue), {"a": maps["a"], "b": maps["b"]})
    flat = replace(maps["c"], values=np.ones((SIDE, SIDE), np.float32))
    more = concordance(scene(tissue), {**maps, "c": flat, "random_map": maps["c"]})
    assert [(row.method, row.value) for row in more] == [(row.method, row.value) for row in alone]
    assert concordance(scene(tissue), {"a": maps["a"], "random_map": maps["b"]}) == []
