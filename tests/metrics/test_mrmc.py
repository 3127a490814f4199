"""Readers and cases random: by hand, against the two-modality analysis written out, and on the reader study."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from xaimed.errors import InputError
from xaimed.metrics.comparison import Contest
from xaimed.metrics.mrmc import LEAST_CASES, difference_to, reader_mean, too_few
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


# AUCs of five readers with two kinds of images of the data of Van Dyke (1993), 114 patients, and their covariances, as
# MRMCaov prints them (Smith and Hillis 2020, github.com/brian-j-smith/MRMCaov.m, "unbiased" covariances).
VAN_DYKE = np.array([[0.91965, 0.85878, 0.90386, 0.97311, 0.82979], [0.94783, 0.90531, 0.92174, 0.99936, 0.92995]])
ERROR, COV1, COV2, COV3 = 0.00078839, 0.00034167, 0.00033906, 0.00023561


def van_dyke_spread() -> Array:
    """(10, 10) covariances of all areas: the same reader, the same kind, neither."""
    kind, reader = np.divmod(np.arange(10), 5)
    same_kind, same_reader = kind[:, None] == kind, reader[:, None] == reader
    return np.where(same_kind & same_reader, ERROR, np.where(same_reader, COV1, np.where(same_kind, COV2, COV3)))


def test_the_published_difference_of_van_dyke() -> None:
    contrast = np.hstack([np.eye(5), -np.eye(5)])
    found = reader_mean(contrast @ VAN_DYKE.ravel(), contrast @ van_dyke_spread() @ contrast.T)
    assert found.value == pytest.approx(-0.0438, abs=1e-5)
    assert math.sqrt(found.variance) == pytest.approx(0.020672, abs=1e-5)
    assert found.freedom == pytest.approx(15.034, abs=0.01)
    assert found.limits() == pytest.approx((-0.087852, 0.0002513), abs=1e-4)
    assert found.p == pytest.approx(0.051162, abs=1e-4)


@pytest.mark.parametrize(("kind", "shared", "error", "freedom", "limits"), [
    (0, 0.00047718, 0.033071, 12.588, (0.82535, 0.96872)), (1, 0.00020095, 0.021491, 12.534, (0.89423, 0.98744))])
def test_the_published_means_of_van_dyke(kind: int, shared: float, error: float, freedom: float,
                                         limits: tuple[float, float]) -> None:
    found = reader_mean(VAN_DYKE[kind], np.where(np.eye(5, dtype=bool), ERROR, shared))
    assert math.sqrt(found.variance) == pytest.approx(error, abs=1e-5)
    assert found.freedom == pytest.approx(freedom, abs=0.01)
    assert found.limits() == pytest.approx(limits, abs=1e-4)
    low, high = found.area_limits()
    half = math.log(limits[1] - found.value) - math.log(found.value - limits[0])
    assert abs(half) < 0.01, "the published interval is symmetric"
    slope = (limits[1] - limits[0]) / 2 / (found.value * (1 - found.value))
    centre = math.log(found.value / (1 - found.value))
    assert (low, high) == pytest.approx([1 / (1 + math.exp(-centre + side * slope)) for side in (1, -1)], abs=1e-3)


def test_no_interval_of_an_area_without_variance_or_at_the_end() -> None:
    for values, spread in ((np.ones(3), np.zeros((3, 3))), (np.full(3, 0.8), np.zeros((3, 3))),
                           (np.full(2, 0.8), np.full((2, 2), math.nan)), (np.ones(2), np.full((2, 2), 0.01))):
        found = reader_mean(values, spread)
        assert np.isnan(found.area_limits()).all()
    wide = reader_mean(np.array([0.6, 0.99]), np.full((2, 2), 0.001)).area_limits()
    assert 0 <= wide[0] < 0.795 < wide[1] <= 1


def test_too_few_of_anything_is_said_with_the_counts() -> None:
    truth = np.arange(40) < 20
    people = [f"p{i}" for i in range(40)]
    assert too_few(2, truth, people) == ""
    assert "1 reader, 20 patients with the finding and 20 without" in too_few(1, truth, people)
    assert "9 patients with the finding and 31 without" in too_few(9, np.arange(40) < LEAST_CASES - 1, people)
    # Forty images of ten patients, five of them ill: patients count.
    assert "5 patients with the finding and 5 without" in too_few(2, truth, [f"p{i // 4}" for i in range(40)])


@dataclass(frozen=True)
class Sampled:
    """Studies drawn at once: `size` of them with so many readers and cases, `ill` of these with the finding."""

    readers: int
    cases: int
    ill: int
    size: int = 400

    def areas(self, shift: float, gain: float, seed: int) -> tuple[Array, Array]:
        """(size, 2k) AUCs, first with help, and their (size, 2k, 2k) covariances by DeLong's parts, drawn anew."""
        rng, k = np.random.default_rng(seed), self.readers
        truth = np.arange(self.cases) < self.ill
        case = shift * truth + rng.normal(size=(self.size, 1, self.cases)) * 0.7
        skill, more = rng.normal(size=(2, self.size, k, 1)) * truth
        noise = rng.normal(size=(2, self.size, k, self.cases)) * 0.7
        plain = case + 0.3 * skill + noise[0]
        aided = case + 0.3 * skill + (gain + 0.2 * more) * truth + noise[1]
        scores = np.concatenate([aided, plain], axis=1)
        yes, no = scores[..., : self.ill], scores[..., self.ill:]
        won = (yes[..., :, None] > no[..., None, :]).astype(np.float64)
        parts = won.mean(-1), won.mean(-2)
        spread = sum(np.einsum("ski,sli->skl", d, d) / (d.shape[-1] * (d.shape[-1] - 1))
                     for d in (part - part.mean(-1, keepdims=True) for part in parts))
        return parts[0].mean(-1), np.asarray(spread)


@pytest.mark.parametrize(("readers", "cases", "ill"), [(2, 20, 10), (2, 50, 25), (3, 30, 10), (5, 20, 10), (5, 50, 10)])
@pytest.mark.parametrize(("shift", "gain"), [(1.2, 0.4), (2.2, 0.0)])
def test_the_interval_holds_the_truth_as_often_as_it_says(readers: int, cases: int, ill: int, shift: float,
                                                          gain: float) -> None:
    """Small studies with readers and cases drawn anew: as the module says, with 400 draws' error of 0.015."""
    spreads = [math.sqrt(2 * (0.49 + 0.49) + 0.09 + extra) for extra in (0.0, 0.04)]
    middle, better = (stats.norm.cdf((shift + more) / wide) for more, wide in zip((0, gain), spreads, strict=True))
    values, spread = Sampled(readers, cases, ill).areas(shift, gain, 7)
    contrast = np.hstack([np.eye(readers), -np.eye(readers)])
    held: dict[str, list[bool]] = {"mean": [], "plain": [], "difference": []}
    for areas, own in zip(values, spread, strict=True):
        mean = reader_mean(areas[readers:], own[readers:, readers:])
        gap = reader_mean(contrast @ areas, contrast @ own @ contrast.T)
        for name, (low, high), truth in (("mean", mean.area_limits(), middle), ("plain", mean.limits(), middle),
                                         ("difference", gap.limits(), better - middle)):
            if not math.isnan(low):
                held[name].append(low <= truth <= high)
    share = {name: float(np.mean(inside)) for name, inside in held.items()}
    assert min(len(inside) for inside in held.values()) > 0.9 * len(values)
    assert 0.88 <= share["mean"] <= 0.99, share
    assert 0.90 <= share["difference"] <= 0.995, share
    assert share["mean"] >= share["plain"] - 0.01, "the logit scale is never much worse"


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
