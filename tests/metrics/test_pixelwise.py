"""Means over cases by a table worked by hand, groups that are too small, and the rows of a network's parts."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from xaimed.metrics.pixelwise import Pooling, measured, pooled
from xaimed.stats import Estimate, Results
from xaimed.types import Case, Prediction

PLAIN = Pooling(resamples=200, seed=0, smallest_cell=2)


def scores(*rows: tuple[str, str, str, float], method: str = "") -> pd.DataFrame:
    return pd.DataFrame([{"case": c, "target": t, "method": method, "metric": m, "value": v} for c, t, m, v in rows])


def cases(**groups: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"case": ["a", "b", "c", "d"], "patient": ["p", "p", "q", "r"],
                         **{f"group_{name}": values for name, values in groups.items()}})


def found(results: Results) -> dict[tuple[str, str], Estimate]:
    return {(e.name, e.group): e for e in results.estimates}


TABLE = scores(("a", "fat", "Dice", 0.8), ("a", "gland", "Dice", 0.4), ("b", "fat", "Dice", 0.6),
               ("b", "gland", "Dice", math.nan), ("c", "fat", "Dice", 1.0), ("c", "gland", "Dice", 0.0))


def test_the_means_of_four_cases_by_hand() -> None:
    """By case: (0.8 + 0.4) / 2, 0.6 (the gland does not apply), (1 + 0) / 2; case d has no reference."""
    all_of = found(pooled(TABLE, cases(), PLAIN))
    assert set(all_of) == {("Dice", "all"), ("Dice fat", "all"), ("Dice gland", "all")}
    whole, fat, gland = (all_of[name, "all"] for name in ("Dice", "Dice fat", "Dice gland"))
    assert (whole.value, whole.denominator) == (pytest.approx((0.6 + 0.6 + 0.5) / 3), 3)
    assert (fat.value, fat.denominator) == (pytest.approx(0.8), 3)
    assert (gland.value, gland.denominator) == (pytest.approx(0.2), 2)
    assert whole.low <= whole.value <= whole.high
    assert (whole.unit, whole.rule) == ("case", "mean over cases")
    assert whole.interval == "Student's t on 2 patients; 1 of 6 values left out as not defined"
    assert fat.interval == "Student's t on 2 patients"
    assert gland.interval.endswith("1 of 3 values left out as not defined")


def test_the_interval_is_that_of_patients_and_not_of_cases() -> None:
    """Twelve patients, the first with two cases of 0; a draw has the mean of its cases, not of its patients."""
    names = [f"c{i}" for i in range(13)]
    rows = scores(*((name, "x", "Dice", float(i > 6)) for i, name in enumerate(names)))
    table = pd.DataFrame({"case": names, "patient": ["p0", *(f"p{i}" for i in range(12))]})
    estimate = found(pooled(rows, table, Pooling(4000, 0, 2)))["Dice", "all"]
    draw = np.random.default_rng(3).multinomial(12, [1 / 12] * 12, 20_000)
    size, sums = np.r_[2, np.ones(11)], np.r_[np.zeros(6), np.ones(6)]
    means = draw @ sums / (draw @ size)
    assert (estimate.low, estimate.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.02)
    assert estimate.interval.startswith("patient bootstrap")


def test_few_patients_get_students_t_and_one_value_in_all_wilson() -> None:
    """Three patients of one case each: 0.6, 0.7, 0.8 has the t interval 0.7 +- 4.303 * 0.1 / sqrt(3)."""
    table = pd.DataFrame({"case": list("abc"), "patient": list("pqr")})
    rows = scores(*((case, "x", "HD95", value) for case, value in zip("abc", (6.0, 7.0, 8.0), strict=True)),
                  *((case, "x", "folding", 0.0) for case in "abc"), *((case, "x", "PSNR", 30.0) for case in "abc"))
    all_of = {e.name: e for e in pooled(rows, table, PLAIN).estimates}
    assert (all_of["HD95"].low, all_of["HD95"].high) == pytest.approx((7 - 2.4843, 7 + 2.4843), abs=1e-3)
    assert (all_of["folding"].low, all_of["folding"].high) == pytest.approx((0.0, 0.5615), abs=1e-3)
    assert all_of["folding"].interval == "Wilson on 3 patients, all alike"
    assert math.isnan(all_of["PSNR"].low)
    assert "the same value in all 3 patients" in all_of["PSNR"].interval


def test_a_small_group_is_not_shown() -> None:
    groups = cases(site=["N", "N", "S", "S"], only=["x"] * 4)
    all_of = found(pooled(TABLE, groups, PLAIN))
    north, south = all_of["Dice", "site=N"], all_of["Dice", "site=S"]
    assert (north.value, north.denominator) == (pytest.approx(0.6), 2)
    assert math.isnan(south.value)
    assert math.isnan(south.low)
    assert (south.denominator, south.interval) == (1, "suppressed: fewer than 2 cases")
    assert ("Dice", "only=x") not in all_of, "a group that holds every case says nothing new"


def test_rows_of_maps_and_of_unknown_names_are_no_results() -> None:
    assert pooled(scores(("a", "d0", "Dice", 1.0), method="grad_cam"), cases(), PLAIN).estimates == ()
    assert pooled(scores(("a", "d0", "colour", 1.0)), cases(), PLAIN).estimates == ()


def test_parts_of_a_network_are_pooled_whole() -> None:
    rows = scores(("a", "membrane", "sweep z+", 1.0), ("a", "d0", "sweep z+", 3.0), ("b", "membrane", "sweep z+", 4.0))
    all_of = found(pooled(rows, cases(site=["N", "N", "S", "S"]), PLAIN))
    assert set(all_of) == {("sweep z+", "all")}
    assert all_of["sweep z+", "all"].value == 3.0


def test_a_case_without_an_answer_in_pixels_has_no_rows() -> None:
    mask = np.zeros((4, 4), bool)
    mask[1:3, 1:3] = True
    case = Case("a", np.zeros((1, 4, 4), np.float32), segments={"x": mask})
    assert measured(case, Prediction("a")) == []
    found = Prediction("a", dense={"x": mask.astype(np.float32)})
    rows = {(r.target, r.metric): r.value for r in measured(case, found)}
    assert rows == {("x", "Dice"): 1.0, ("x", "IoU"): 1.0, ("x", "HD95"): 0.0}
