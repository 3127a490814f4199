"""Readers and cases both drawn: the analysis of Obuchowski and Rockette for the mean of readers' AUCs.

Obuchowski NA, Rockette HE (1995) Commun Stat Simul Comput 24:285, with the degrees of freedom of Hillis SL (2007)
Stat Med 26:596. A difference that every reader has (with and without a model, or to a model that stands alone) is
analysed in the same way: with two modalities that gives the F test of the full analysis, since MS(T*R) is half the
mean square of the differences and Cov2 - Cov3 half their covariance.

How honest the 95 % intervals are with few readers and cases (simulated: 2 to 5 readers, 20 to 50 cases with 10 or more
of each kind, AUC .79 to .94, scores continuous or in steps): a difference lies in 92 to 97 of 100, a mean AUC in 91 to
96 of 100 on the logit scale, but in 82 to 95 of 100 on its own scale, which is why means use `area_limits`. With
5 of a kind up to 29 of 100 samples have no variance at all. So fewer than LEAST_CASES of a kind are not assessed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xaimed.errors import InputError
from xaimed.plural import plural
from xaimed.stats import Array, Bools

LEAST_READERS = 2
LEAST_CASES = 10
LEAST_VARIANCE = 1e-15  # less is the rounding of areas that are all the same


@dataclass(frozen=True)
class ReaderMean:
    """The mean of one number a reader, its variance over readers and cases, and the degrees of freedom of its t."""

    value: float
    variance: float
    freedom: float

    def limits(self, level: float = 0.95) -> tuple[float, float]:
        """Low and high of the t interval; NaN where no variance is known."""
        from scipy.stats import t

        if not self.variance > LEAST_VARIANCE:
            return math.nan, math.nan
        half = float(t.ppf((1 + level) / 2, self.freedom)) * math.sqrt(self.variance)
        return self.value - half, self.value + half

    def area_limits(self, level: float = 0.95) -> tuple[float, float]:
        """Low and high for a mean AUC: the t interval on the logit scale, inside (0, 1); NaN where there is none."""
        low, high = self.limits(level)
        if math.isnan(low) or not 0 < self.value < 1:
            return math.nan, math.nan
        centre, half = math.log(self.value / (1 - self.value)), (high - low) / 2 / (self.value * (1 - self.value))
        return 1 / (1 + math.exp(min(half - centre, 700.0))), 1 / (1 + math.exp(max(-half - centre, -700.0)))

    @property
    def p(self) -> float:
        """The two-sided p of a mean of 0; NaN where no variance is known."""
        from scipy.stats import t

        if not self.variance > LEAST_VARIANCE:
            return math.nan
        return float(2 * t.sf(abs(self.value) / math.sqrt(self.variance), self.freedom))


def reader_mean(values: Array, spread: Array) -> ReaderMean:
    """The mean of readers' values (k,), each of the same cases, with their covariance over cases (k, k).

    Variance: (MS(R) + k max(Cov2, 0)) / k, where MS(R) is the readers' mean square and Cov2 the mean covariance of
    two readers; freedom: ((MS(R) + k max(Cov2, 0)) / MS(R))^2 (k - 1). NaN where the covariance is.
    Raises InputError for fewer than 2 readers or a covariance of another size.
    """
    count = len(values)
    if count < 2 or spread.shape != (count, count):
        raise InputError(f"{count} readers with a covariance {spread.shape}; expected 2 or more and (k, k)")
    between = float(np.var(values, ddof=1))
    shared = float((spread.sum() - np.trace(spread)) / (count * (count - 1)))
    if math.isnan(shared):
        return ReaderMean(float(values.mean()), math.nan, math.nan)
    whole = between + count * max(shared, 0.0)
    freedom = (whole / between) ** 2 * (count - 1) if between > 0 else math.inf
    return ReaderMean(float(values.mean()), whole / count, freedom)


def too_few(readers: int, truth: Bools, patients: Sequence[str]) -> str:
    """Why no interval is given, "" where there are readers and patients enough with and without the finding."""
    ill = {one for one, positive in zip(patients, truth, strict=True) if positive}
    well = {one for one, positive in zip(patients, truth, strict=True) if not positive}
    counts = len(ill), len(well)
    if readers >= LEAST_READERS and min(counts) >= LEAST_CASES:
        return ""
    return (f"NOT ASSESSED: {plural(readers, 'reader')}, {counts[0]} patients with the finding and "
            f"{counts[1]} without; an interval needs {LEAST_READERS} readers and {LEAST_CASES} patients of each kind")


def difference_to(place: int, values: Array, spread: Array) -> tuple[Array, Array]:
    """Value number `place` minus each of the others (k - 1,), and the covariance of these differences."""
    others = np.delete(np.arange(len(values)), place)
    contrast = np.zeros((len(others), len(values)))
    contrast[:, place] = 1.0
    contrast[np.arange(len(others)), others] = -1.0
    return contrast @ values, contrast @ spread @ contrast.T
