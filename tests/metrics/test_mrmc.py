"""Readers and cases random: by hand, against the two-modality analysis written out, and on the reader study."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from xaimed.errors import InputError
from xaimed.metrics.comparison import Contest
from xaimed.metrics.mrmc import difference_to, reader_mean
from xaimed.metrics.readers import RANDOM, Panel, read_panel
from xaimed.stats import Array, Resampling, delong_covariance


def test_three_readers_by_hand() -> None:
    """AUCs .8 .9 .7: mean .8, MS(R) = (0 + .01 + .01) / 2 = .01; Cov2 = .002; so (.01 + 3 * .002) / 3 = .016 / 3."""
    spread = np.full((3, 3), 0.002) + np.diag([0.001, 0.002, 0.003])
    found = reader_mean(np.array([0.8, 0.9, 0.7]), spread)
    assert found.value == pytest.approx(0.8)
    assert found.variance == pytest.approx(0.016 / 3)
    assert found.freedom == pytest.approx(1.6**2 * 2)
    half = stats.t.ppf(0.975, 5.12) * math.sqrt(0.016 / 3)
    assert found.limits() == pytest.approx((0.8 - half, 0.8 + half))
    # A negative covariance is no evidence of a smaller variance.
    assert reader_mean(np.array([0.8, 0.9, 0.7]), -spread).variance == pytest.approx(0.01 / 3)
    alike = reader_mean(np.full(3, 0.75), spread)
    assert alike.freedom == math.inf
    assert alike.limits() == pytest.approx((0.75 - 1.959964 * math.sqrt(0.002), 0.75 + 1.959964 * math.sqrt(0.002)))
    with pytest.raises(InputError, match="2 or more"):
        reader_mean(np.array([0.8]), spread[:1, :1])


def drawn(readers: int, seed: int, cases: int = 120) -> tuple[Array, Array, np.ndarray]:
    """Scores of the readers without and with help, and the truth."""
    rng = np.random.default_rng(seed)
    truth = np.arange(cases) < cases // 3
    case = 1.2 * truth + rng.normal(size=cases)
    plain = case + rng.normal(size=(readers, 1)) * 0.3 * truth + rng.normal(size=(readers, cases))
    return plain, plain + 0.4 * truth + 0.5 * rng.normal(size=(readers, cases)), truth


def two_modalities(areas: Array, spread: Array) -> tuple[float, float]:
    """F and its denominator's freedom for areas (2, k) by mean squares and Cov2, Cov3, with loops."""
    kinds, count = areas.shape
    grand, by_kind, by_reader = areas.mean(), areas.mean(1), areas.mean(0)
    between = count * sum((by_kind[i] - grand) ** 2 for i in range(kinds)) / (kinds - 1)
    rest = sum((areas[i, j] - by_kind[i] - by_reader[j] + grand) ** 2
               for i in range(kinds) for j in range(count)) / ((kinds - 1) * (count - 1))
    place = {(i, j): i * count + j for i in range(kinds) for j in range(count)}
    same = np.mean([spread[place[i, a], place[i, b]] for i in range(kinds) for a in range(count)
                    for b in range(count) if a != b])
    other = np.mean([spread[place[0, a], place[1, b]] for a in range(count) for b in range(count) if a != b])
    below = rest + count * max(same - other, 0)
    return between / below, below**2 / (rest**2 / ((kinds - 1) * (count - 1)))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_differences_of_readers_are_the_two_modality_analysis(seed: int) -> None:
    plain, aided, truth = drawn(5, seed)
    areas, spread = delong_covariance(np.concatenate([aided, plain]), truth)
    ratio, freedom = two_modalities(areas.reshape(2, 5), spread)
    contrast = np.hstack([np.eye(5), -np.eye(5)])
    found = reader_mean(contrast @ areas, contrast @ spread @ contrast.T)
    assert found.value**2 / found.variance == pytest.approx(ratio, rel=1e-9)
    assert found.freedom == pytest.approx(freedom, rel=1e-9)
    assert found.p == pytest.approx(stats.f.sf(ratio, 1, freedom), rel=1e-9)


def test_a_model_against_readers_by_the_covariance_of_each_pair() -> None:
    plain, aided, truth = drawn(4, 3)
    areas, spread = delong_covariance(np.concatenate([plain, aided[:1]]), truth)
    values, found = difference_to(4, areas, spread)
    for a in range(4):
        assert values[a] == pytest.approx(areas[4] - areas[a])
        for b in range(4):
            expected = spread[4, 4] - spread[4, a] - spread[4, b] + spread[a, b]
            assert found[a, b] == pytest.approx(expected, abs=1e-12)


def test_the_covariance_is_near_the_jackknife_over_cases() -> None:
    plain, _, truth = drawn(3, 4)
    _, spread = delong_covariance(plain, truth)
    left_out = np.array([delong_covariance(np.delete(plain, i, 1), np.delete(truth, i))[0] for i in range(len(truth))])
    jackknife = np.cov(left_out.T, bias=True) * (len(truth) - 1)
    assert spread == pytest.approx(jackknife, rel=0.1)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Readers and cases drawn anew 300 times: the mean AUC of all readers lies in 95 of 100 intervals."""
    wide = drawn(400, 99, 4000)
    middle = float(delong_covariance(wide[0], wide[2])[0].mean())
    inside = []
    for seed in range(300):
        plain, _, truth = drawn(5, 1000 + seed, 90)
        low, high = reader_mean(*delong_covariance(plain, truth)).limits()
        inside.append(low <= middle <= high)
    assert 0.91 <= np.mean(inside) <= 0.985


def test_the_reader_study(data_root: Path) -> None:
    source = data_root / "nyu-reader-study" / "results.csv"
    if not source.is_file():
        pytest.skip(f"no {source}")
    rows = list(csv.DictReader(source.read_text().splitlines()))
    people = [name for name in rows[0] if name.startswith("Reader")]
    scores = np.array([[float(r[name]) for r in rows] for name in [*people, "AI_GMIC_top5_POM"]])
    truth, exams = np.array([r["label"] == "1" for r in rows]), tuple(r["case_ID"] for r in rows)
    contest = Contest(truth, exams, "1", Resampling.of(exams, 20))
    found = {e.name: e for e in read_panel(Panel(scores[:-1], {"GMIC": scores[-1]}, contest)) if e.rule == RANDOM}
    mean, gap = (found[name] for name in ("mean of 14 readers' image AUC 1",
                                          "difference in image AUC 1: GMIC - mean of the readers"))
    assert round(mean.value, 3) == 0.779
    assert gap.value == pytest.approx(0.881 - 0.779, abs=0.001)
    # Random readers are less certain than any fixed ones, and the model is better than a reader drawn at random.
    areas, spread = contest.covariance(scores[:-1])
    fixed = 1.96 * math.sqrt(float(spread.mean()))
    assert mean.high - mean.value > fixed
    assert gap.low > 0
    assert found[f"p ({gap.name})"].value < 0.01
    assert float(areas.mean()) == pytest.approx(mean.value)
