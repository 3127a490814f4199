"""Estimates with their intervals: Wilson, DeLong, Obuchowski and the patient bootstrap. NumPy only.

Every estimate carries its unit, its counting rule, its numerator and denominator and how its interval was
made, so that nothing downstream prints a number without them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from xaimed.errors import InputError
from xaimed.plural import plural

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Json = str | float | int | None
Statistic = Callable[[Array], Array]
CHUNK = 4_000_000
# Patients below which no percentiles of draws are given. Of 95 % limits of a mean of normal values they hold it in 51 %
# of the samples of 2 patients, in 83 % of 5 and 88 % of 8, Student's t in 95 %; of skewed (exponential) ones 47, 78 and
# 83 % against 91, 88 and 89 %. tests/test_stats.py measures it.
FEW = 10
ALIKE = 1e-12
RARE = 5  # hits, or misses, of which draws of patients often hold none, so that their limit is the end of the scale
T = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060)  # 97.5 % of Student's t, 1 to 8 degrees


@dataclass(frozen=True)
class Estimate:
    """One number with its interval, unit, counting rule and denominator; NaN means that there is none.

    unit: what is counted ("image", "patient", "lesion"). rule: the hit or counting rule, "" if none.
    numerator, denominator: for a proportion its counts; for an AUC the positives and all units.
    interval: how low and high were made. group: "all" or "site=A".
    """

    name: str
    value: float
    low: float = math.nan
    high: float = math.nan
    unit: str = "image"
    rule: str = ""
    numerator: float | None = None
    denominator: float | None = None
    interval: str = ""
    group: str = "all"
    level: float = 0.95

    def to_json(self) -> dict[str, Json]:
        """A dict for JSON; NaN becomes None. Raises InputError for an infinite value."""
        return {k: _plain(v) if isinstance(v, float) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Estimate:
        """The estimate that `to_json` wrote. Raises InputError for a key that is missing or unknown."""
        known = {f.name for f in fields(cls)}
        if not {"name", "value"} <= set(data) <= known:
            odd = sorted((set(data) - known) | ({"name", "value"} - set(data)))
            raise InputError(f"an estimate has missing or unknown keys {odd}; expected {sorted(known)}")
        number = {key: _number(data[key]) for key in ("value", "low", "high") if key in data}
        return cls(**{**data, **number})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Results:
    """All estimates of one audit, and curves by name: lists of equal length for each column."""

    estimates: tuple[Estimate, ...] = ()
    curves: Mapping[str, Mapping[str, list[float]]] = field(default_factory=dict)

    def find(self, name: str, rule: str | None = None, group: str = "all") -> Estimate | None:
        """The first estimate of this name, group and (where given) rule, or None."""
        for estimate in self.estimates:
            if estimate.name == name and estimate.group == group and rule in (None, estimate.rule):
                return estimate
        return None

    def to_json(self) -> dict[str, object]:
        """A dict for JSON with the keys "estimates" and "curves"; NaN becomes None."""
        curves = {name: {column: [_plain(v) for v in values] for column, values in curve.items()}
                  for name, curve in self.curves.items()}
        return {"estimates": [e.to_json() for e in self.estimates], "curves": curves}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Results:
        """The results that `to_json` wrote. Raises InputError where a part has another form."""
        rows, curves = data.get("estimates"), data.get("curves")
        if not isinstance(rows, list) or not isinstance(curves, Mapping):
            raise InputError("results hold no list 'estimates' and no table 'curves'; the file is damaged")
        return cls(tuple(Estimate.from_json(row) for row in rows),
                   {name: {column: [_number(v) for v in values] for column, values in curve.items()}
                    for name, curve in curves.items()})


def _plain(value: float) -> float | None:
    if math.isinf(value):
        raise InputError("an infinite value cannot be written as JSON; expected a finite number or NaN")
    return None if math.isnan(value) else float(value)


def _number(value: object) -> float:
    if value is None or value == "nan":
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"found {value!r} where a number or null was expected")
    return float(value)


def wilson(successes: float, trials: float, level: float = 0.95) -> tuple[float, float]:
    """Low and high of the Wilson score interval of a proportion; NaN for no trials (Wilson 1927).

    Raises InputError unless 0 <= successes <= trials.
    """
    if not 0 <= successes <= trials:
        raise InputError(f"{successes:g} successes of {trials:g} trials; expected 0 <= successes <= trials")
    if trials == 0:
        return math.nan, math.nan
    z = quantile(level)
    share, spread = successes / trials, z * z / trials
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == trials else centre + half
    return max(0.0, low), min(1.0, high)


def quantile(level: float) -> float:
    """The two-sided normal quantile of a confidence level: 1.96 for 0.95."""
    return NormalDist().inv_cdf((1 + level) / 2)


def auc(scores: Array, positive: Bools, weights: Array | None = None) -> Array:
    """(R,) areas under the ROC curve, ties counted half, for R rows of weights; NaN where a class is empty.

    scores: (n,). positive: (n,). weights: (R, n), not negative, or None for one row of ones.
    Mann-Whitney statistic; a row of counts gives the AUC of that resample exactly.
    """
    order = np.argsort(scores, kind="stable")
    ranked, truth = scores[order], positive[order]
    weighed = np.ones((1, len(scores))) if weights is None else weights[:, order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]]) if len(ranked) else np.zeros(0, np.int64)
    if not len(starts):
        return np.full(len(weighed), np.nan)
    yes = np.add.reduceat(np.where(truth, weighed, 0.0), starts, axis=1)
    no = np.add.reduceat(np.where(truth, 0.0, weighed), starts, axis=1)
    below = np.cumsum(no, axis=1) - no / 2
    pairs = yes.sum(axis=1) * no.sum(axis=1)
    won = (yes * below).sum(axis=1)
    return ratio(won, pairs)


def placements(scores: Array, positive: Bools) -> tuple[Array, Array]:
    """For each positive the share of negatives below it, for each negative the share of positives above it.

    Both in [0, 1], ties counted half, in the order of the rows; the mean of either is the AUC.
    """
    yes, no = np.sort(scores[positive]), np.sort(scores[~positive])
    if not len(yes) or not len(no):
        return np.full(len(yes), np.nan), np.full(len(no), np.nan)
    own, other = scores[positive], scores[~positive]
    under = (np.searchsorted(no, own, "left") + np.searchsorted(no, own, "right")) / (2 * len(no))
    over = 1 - (np.searchsorted(yes, other, "left") + np.searchsorted(yes, other, "right")) / (2 * len(yes))
    return under, over


def delong_covariance(scores: Array, positive: Bools) -> tuple[Array, Array]:
    """(k,) AUCs of k models on the same cases and their (k, k) covariance (DeLong 1988). scores: (k, n)."""
    parts = [placements(row, positive) for row in scores]
    yes, no = np.array([p[0] for p in parts]), np.array([p[1] for p in parts])
    if yes.shape[1] < 2 or no.shape[1] < 2:
        return auc_rows(scores, positive), np.full((len(scores), len(scores)), np.nan)
    spread = np.atleast_2d(np.cov(yes)) / yes.shape[1] + np.atleast_2d(np.cov(no)) / no.shape[1]
    return yes.mean(axis=1), spread


def auc_rows(scores: Array, positive: Bools) -> Array:
    """(k,) AUCs of the rows of scores (k, n)."""
    return np.array([float(auc(row, positive)[0]) for row in scores])


def obuchowski_variance(scores: Array, positive: Bools, clusters: Sequence[str]) -> float:
    """Variance of the AUC when rows of one cluster depend on each other (Obuchowski 1997).

    NaN with fewer than two clusters that hold a positive, or a negative.
    """
    found = float(obuchowski_covariance(scores[None], positive, clusters)[1][0, 0])
    return found if math.isnan(found) else max(0.0, found)


def obuchowski_covariance(scores: Array, positive: Bools, clusters: Sequence[str]) -> tuple[Array, Array]:
    """(k,) AUCs of k models and their (k, k) covariance when rows of one cluster depend on each other.

    scores: (k, n). Obuchowski 1997, for several models on the same rows; with a row a cluster it is close to
    DeLong's. NaN with fewer than two clusters that hold a positive, or a negative.
    """
    areas = auc_rows(scores, positive)
    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    count = int(index.max(initial=-1)) + 1
    with_yes, with_no = len(np.unique(index[positive])), len(np.unique(index[~positive]))
    if min(with_yes, with_no, count) < 2:
        return areas, np.full((len(scores), len(scores)), np.nan)
    parts = [placements(row, positive) for row in scores]
    yes = np.stack([np.bincount(index[positive], p[0] - a, count) for p, a in zip(parts, areas, strict=True)])
    no = np.stack([np.bincount(index[~positive], p[1] - a, count) for p, a in zip(parts, areas, strict=True)])
    m, n = int(positive.sum()), int((~positive).sum())
    cross = (yes @ no.T + no @ yes.T) * count / (count - 1) / (m * n)
    own = with_yes / (with_yes - 1) * (yes @ yes.T) / m**2 + with_no / (with_no - 1) * (no @ no.T) / n**2
    return areas, own + cross


def auc_interval(area: float, variance: float, level: float = 0.95,
                 logit: bool = True) -> tuple[float, float]:
    """Low and high of a normal interval for an AUC, by default on the logit scale, where it stays in [0, 1].

    With variance 0 (all pairs ranked right, or all wrong) there is no such interval: NaN.
    """
    if not (0 < area < 1 and variance > 0):
        return math.nan, math.nan
    half = quantile(level) * math.sqrt(variance)
    if not logit:
        return float(max(0.0, area - half)), float(min(1.0, area + half))
    centre, half = math.log(area / (1 - area)), half / (area * (1 - area))
    return 1 / (1 + math.exp(half - centre)), 1 / (1 + math.exp(-half - centre))


@dataclass(frozen=True, eq=False)
class Resampling:
    """Draws of whole patients: the same seed and patients give the same draws, in any order of rows.

    patients: distinct and sorted (`of` makes them so).
    """

    patients: tuple[str, ...]
    resamples: int = 2000
    seed: int = 0

    @classmethod
    def of(cls, patients: Sequence[str], resamples: int = 2000, seed: int = 0) -> Resampling:
        """Draws of the distinct patients among `patients`. Raises InputError for none, or no resamples."""
        if not len(patients) or resamples < 1:
            raise InputError(f"{len(patients)} rows and {resamples} resamples; expected at least one of each")
        return cls(tuple(sorted(set(patients))), resamples, seed)

    @property
    def text(self) -> str:
        """How this is written beside an interval."""
        return f"patient bootstrap ({self.resamples}, seed {self.seed})"

    @cached_property
    def counts(self) -> NDArray[np.uint16]:
        """uint16 (resamples, patients): how often each patient is in each draw."""
        size, rng = len(self.patients), np.random.default_rng(self.seed)
        counts = np.empty((self.resamples, size), np.uint16)
        step = max(1, CHUNK // size)
        for start in range(0, self.resamples, step):
            # Blocks of draws in turn give the same draws as all at once, in a small part of the memory.
            rows = counts[start:start + step]
            drawn = rng.integers(0, size, rows.shape)
            drawn += size * np.arange(len(rows))[:, None]
            rows[:] = np.bincount(drawn.ravel(), minlength=rows.size).reshape(rows.shape)
        return counts

    def index(self, patients: Sequence[str]) -> NDArray[np.int64]:
        """(n,) the column in `counts` of the patient of each row. Raises InputError for another patient."""
        place = {patient: i for i, patient in enumerate(self.patients)}
        missing = sorted(set(patients) - set(place))
        if missing:
            raise InputError(f"patients {missing[:3]} are not among the {len(place)} that are resampled")
        return np.array([place[p] for p in patients], np.int64)

    def run(self, patients: Sequence[str], statistic: Statistic) -> Array:
        """(resamples, ...) values of a statistic of row weights (R, n); R varies from call to call."""
        index, step = self.index(patients), max(1, CHUNK // max(1, len(patients)))
        return np.concatenate([statistic(self.counts[i:i + step, index].astype(np.float64))
                               for i in range(0, self.resamples, step)])

    def interval(self, values: Array) -> tuple[float, float, str]:
        """Percentile limits of the values of the draws, and how they were made; NaN with the reason for none.

        None of fewer than FEW patients, where they are too narrow.
        """
        if len(self.patients) < FEW:
            return math.nan, math.nan, too_few(len(self.patients))
        low, high = percentile(values)
        empty = int((~np.isfinite(values)).sum())
        if low != low:
            return low, high, f"none: {empty} of {len(values)} draws of patients have no value"
        return low, high, self.text + (f", {empty} draws without a value left out" if empty else "")


def too_few(patients: int) -> str:
    """Why so few patients have no interval."""
    return f"none: {plural(patients, 'patient')}, and a bootstrap of fewer than {FEW} is too narrow"


def mean_interval(values: Array, patients: Sequence[str], draws: Resampling,
                  within: tuple[float, float] = (-math.inf, math.inf)) -> tuple[float, float, str]:
    """Low and high of the mean of values (n,), NaN left out, and how they were made; NaN with the reason for none.

    The patient bootstrap; Student's t on the sums of each patient (a ratio, linearised) for fewer than FEW patients,
    cut to the range `within`. Where all values are alike: Wilson with the patients as trials if they lie in [0, 1] as
    `within` says, else none, for limits that are the estimate itself are no interval.
    """
    kept = np.isfinite(values)
    names, owner = np.unique(np.asarray(patients, object)[kept].astype(str), return_inverse=True)
    found, people = values[kept], len(names)
    if people < 2:
        return math.nan, math.nan, "not defined: one patient" if people else "not defined: no case has a value"
    if float(np.ptp(found)) <= ALIKE:
        if within != (0.0, 1.0):
            return math.nan, math.nan, f"not defined: the same value in all {people} patients"
        return *wilson(float(found.mean()) * people, people), f"Wilson on {people} patients, all alike"
    if people >= FEW:
        filled, counted = np.where(kept, values, 0.0), kept.astype(np.float64)
        return draws.interval(draws.run(patients, lambda w: ratio(w @ filled, w @ counted)))
    size = np.bincount(owner)
    gaps = np.bincount(owner, found) - float(found.mean()) * size
    half = T[people - 2] * math.sqrt(float((gaps**2).sum()) * people / (people - 1)) / len(found)
    limits = max(within[0], float(found.mean()) - half), min(within[1], float(found.mean()) + half)
    return *limits, f"Student's t on {people} patients"


def cluster_bootstrap(patients: Sequence[str], statistic: Statistic,
                      resamples: int = 2000, seed: int = 0) -> Array:
    """(resamples, ...) values of a statistic under draws of whole patients with replacement.

    patients: the patient of each row. statistic: takes row weights (R, n), the counts of each row in R
    draws, and returns (R, ...). All rows of a patient are drawn together.
    """
    return Resampling.of(patients, resamples, seed).run(patients, statistic)


def percentile(values: Array, level: float = 0.95) -> tuple[float, float]:
    """Low and high percentiles of bootstrap values, NaN left out; NaN if more than half of them are NaN."""
    kept = values[np.isfinite(values)]
    if len(kept) * 2 < len(values) or not len(kept):
        return math.nan, math.nan
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bands(values: Array, level: float = 0.95) -> tuple[list[float], list[float]]:
    """Percentile limits of each column of (resamples, points)."""
    limits = [percentile(column, level) for column in values.T]
    return [low for low, _ in limits], [high for _, high in limits]


def proportion(name: str, hits: Array, trials: Array, patients: Sequence[str], draws: Resampling) -> Estimate:
    """An Estimate of sum(hits) / sum(trials) over rows (n,), where 0 <= hits <= trials.

    Wilson where each patient has one trial, else the patient bootstrap. Where every draw gives the same value, or of
    fewer than FEW patients or with fewer than RARE hits or misses, the bootstrap says little: then Wilson with the
    patients as trials, which is wider, and which rises with the share.
    """
    top, bottom = float(hits.sum()), float(trials.sum())
    if not bottom:
        return Estimate(name, math.nan, numerator=top, denominator=bottom, interval="none: nothing of this kind")
    value = top / bottom
    counted = [p for p, n in zip(patients, trials, strict=True) if n > 0]
    clusters = len(set(counted))
    if bottom == clusters:
        low, high, how = *wilson(top, bottom), "Wilson"
    else:
        low, high = percentile(draws.run(patients, lambda w: ratio(w @ hits, w @ trials)))
        how = draws.text
        if low == high or clusters < FEW or min(top, bottom - top) < RARE:
            low, high = wilson(min(value, 1.0) * clusters, clusters)
            how = f"Wilson on {plural(clusters, 'patient')}"
    return Estimate(name, value, low, high, numerator=top, denominator=bottom, interval=how)


def ratio(top: Array, bottom: Array) -> Array:
    """top / bottom, NaN where bottom is 0."""
    shares: Array = np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0)
    return shares
