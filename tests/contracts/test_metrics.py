"""Every metric says what it is; every explanation metric knows a right map from a wrong one, within its range."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.contracts.plugins import every
from tests.contracts.scene import SIDE, corner_scene
from xaimed import registry
from xaimed.metrics.explained import Explained
from xaimed.types import Floats

EXPLANATION = [name for name in registry.names("metrics")
               if getattr(getattr(registry.load("metrics", name), "METRIC", None), "kind", "") == "explanation"]


def view(values: Floats) -> Explained:
    scene = corner_scene()
    assert scene.lesion is not None
    # Air in the far corner, where the wrong map points.
    tissue = np.ones((SIDE, SIDE), np.bool_)
    tissue[SIDE // 2:, SIDE // 2:] = False
    return Explained(scene=scene, values=values, facts={}, full=scene.place(values), truth=scene.lesion.numpy(),
                     tissue_full=tissue, markers=~tissue, others=~tissue)


def right() -> Floats:
    """The image itself: high where the score looks, with a gradual top so that nothing ties."""
    return (corner_scene().image[0, 0].numpy() + np.linspace(0, 0.01, SIDE, dtype=np.float32)).astype(np.float32)


def wrong() -> Floats:
    """The right map upside down and mirrored: it points at the far corner."""
    return np.ascontiguousarray(right()[::-1, ::-1])


@every("metrics")
def test_it_says_what_it_is(name: str) -> None:
    metric = registry.load("metrics", name).METRIC
    assert metric.kind in ("explanation", "model", "case")
    assert len(metric.reference) > 10
    if metric.kind == "case":
        assert set(metric.measures.values()) <= {"higher", "lower"}
        assert metric.measures
        return
    assert metric.better in ("higher", "lower") or (metric.better == "neither" and metric.kind == "explanation")
    low, high = metric.range
    assert low < high


@pytest.mark.parametrize("name", EXPLANATION)
def test_its_values_lie_in_its_range(name: str) -> None:
    metric = registry.load("metrics", name).METRIC
    assert metric.name.startswith(name.removesuffix("_auc"))
    for values in (right(), wrong(), np.zeros((SIDE, SIDE), np.float32), -right()):
        for value in metric(view(values)).values():
            assert isinstance(value, float)
            assert math.isnan(value) or metric.range[0] <= value <= metric.range[1]


@pytest.mark.parametrize("name", EXPLANATION)
def test_a_right_map_is_not_worse_than_a_wrong_one(name: str) -> None:
    metric = registry.load("metrics", name).METRIC
    good, bad = metric(view(right())), metric(view(wrong()))
    assert set(good) == set(bad)
    if metric.better == "neither":
        # The same map upside down and mirrored: a description does not know where a map points.
        assert good == pytest.approx(bad)
        return
    for suffix, value in good.items():
        if math.isnan(value):
            assert math.isnan(bad[suffix])
        else:
            assert value > bad[suffix] if metric.better == "higher" else value < bad[suffix]


@pytest.mark.parametrize("name", EXPLANATION)
def test_the_same_map_gets_the_same_value(name: str) -> None:
    metric = registry.load("metrics", name).METRIC
    assert repr(metric(view(right()))) == repr(metric(view(right())))


@pytest.mark.parametrize("name", EXPLANATION)
def test_a_broken_map_never_scores_well(name: str) -> None:
    metric = registry.load("metrics", name).METRIC
    broken = right()
    broken[0, 0] = np.nan
    for suffix, value in metric(view(broken)).items():
        good = metric(view(right()))[suffix]
        assert math.isnan(value) or (value <= good if metric.better == "higher" else value >= good)
