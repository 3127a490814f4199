"""Agreement of maps: 1 for the same map, 0 for chance, against SciPy, with boxes matched and sides mirrored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from xaimed.drift import GRID, agreements, drifts
from xaimed.run import Run
from xaimed.store import MapEntry, Store
from xaimed.types import Box, Case, Floats, Prediction

SIDE = 64


def stored(path: Path, maps: list[Floats], boxes: list[tuple[float, float, float, float] | None]) -> Run:
    """A run of a case a map, each of its own patient."""
    meta = {"model": {"name": "m", "task": "detection"}, "data": {"name": "d"}}
    with Store.create(path, "seed = 0\n", meta) as store:
        for i, (values, box) in enumerate(zip(maps, boxes, strict=True)):
            case = Case(f"c{i}", np.zeros((1, SIDE, SIDE), np.float32), patient=f"p{i}", split="test",
                        boxes=() if box is None else (Box("x", *box),))
            entry = MapEntry("d0", "saliency", label="x", box=box)
            store.add_case(case, Prediction(case.id, (), {"x": 0.5}), [(entry, values)], [])
        from xaimed.stats import Results

        return store.finish(Results(), [])


def noise(seed: int, count: int = 6) -> list[Floats]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(SIDE, SIDE)).astype(np.float32) for _ in range(count)]


def test_the_rank_correlation_is_scipys_and_chance_that_of_other_patients(tmp_path: Path) -> None:
    box = (16.0, 16.0, 48.0, 48.0)  # with its surroundings the whole image, two pixels a grid point
    flat = [np.kron(rng, np.ones((2, 2), np.float32)) for rng in
            (np.random.default_rng(s).normal(size=(GRID, GRID)).astype(np.float32) for s in range(6))]
    first, second = stored(tmp_path / "a", flat, [box] * 6), stored(tmp_path / "b", [v + 0.5 * w for v, w in zip(
        flat, flat[1:] + flat[:1], strict=True)], [box] * 6)
    found = drifts(first, second)
    for i, drift in enumerate(found):
        mine, theirs = first.map(f"c{i}", "d0", "saliency")[::2, ::2], [
            second.map(f"c{j}", "d0", "saliency")[::2, ::2] for j in range(6)]
        others = [(i + step) % 6 for step in range(1, 5)]
        # The grid lies between pixels of equal value, so that nothing is blurred.
        assert drift.rho == pytest.approx(spearmanr(mine.ravel(), theirs[i].ravel()).statistic, abs=1e-3)
        chance = np.mean([spearmanr(mine.ravel(), theirs[j].ravel()).statistic for j in others])
        assert drift.chance == pytest.approx(chance, abs=1e-3)
        assert drift.agreement == pytest.approx((drift.rho - drift.chance) / (1 - drift.chance))


def test_maps_of_nothing_in_common_agree_by_chance(tmp_path: Path) -> None:
    first = stored(tmp_path / "a", noise(1), [None] * 6)
    second = stored(tmp_path / "b", noise(2), [None] * 6)
    mean = agreements(drifts(first, second), 200, 0)[0]
    assert abs(mean.value) < 0.05
    assert mean.low < 0 < mean.high
    same = agreements(drifts(first, first), 200, 0)[0]
    assert (same.value, same.denominator) == (1.0, 6.0)
    assert same.interval == "not defined: the same value in all 6 patients"


def test_a_blob_that_both_always_draw_is_no_agreement(tmp_path: Path) -> None:
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    blob = np.exp(-((x - 32) ** 2 + (y - 32) ** 2) / 200)
    first, second = ([blob + 0.05 * v for v in noise(seed)] for seed in (3, 4))
    found = drifts(stored(tmp_path / "a", first, [None] * 6), stored(tmp_path / "b", second, [None] * 6))
    assert min(d.rho for d in found) > 0.7
    assert abs(np.mean([d.agreement for d in found])) < 0.2


def test_boxes_are_matched_by_place_and_label(tmp_path: Path) -> None:
    maps, here = noise(5, 3), (10.0, 10.0, 30.0, 30.0)
    near, far = (12.0, 10.0, 32.0, 30.0), (35.0, 35.0, 55.0, 55.0)
    first = stored(tmp_path / "a", maps, [here] * 3)
    assert len(drifts(first, stored(tmp_path / "b", maps, [near] * 3))) == 3
    assert drifts(first, stored(tmp_path / "c", maps, [far] * 3)) == []


def test_a_constant_map_gives_no_number(tmp_path: Path) -> None:
    first = stored(tmp_path / "a", [np.zeros((SIDE, SIDE), np.float32), *noise(6, 2)], [None] * 3)
    found = drifts(first, stored(tmp_path / "b", noise(7, 3), [None] * 3))
    assert [np.isnan(d.rho) for d in found] == [True, False, False]
    assert agreements(found, 50, 0)[0].denominator == 2
