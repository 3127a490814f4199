"""How far scores are off as probabilities, without the upward bias of an average of absolute errors.

The mean over bins of |observed share - mean score| is above 0 even where every score is right, as the errors of the
bins never cancel; draws of patients add the same bias again, so that they miss both the truth and the estimate. Here
sets are simulated in which the scores are off by a known amount: each bin's share is moved from its mean score by a
common factor times the error that was seen in it, from no error at all (consistency resampling, Broecker and Smith
2007) up. The estimate is the amount under which half of the sets show as much error as was seen, the limits are the
amounts under which 97.5 % and 2.5 % of them do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from xaimed.metrics.evidence import Indices
from xaimed.metrics.roc import Ranking
from xaimed.stats import Array, Resampling

STEPS, DOUBLINGS = 40, 12
TAILS = (0.975, 0.5, 0.025)
FEW, TRACE = 1.0, 1e-4
LEAST = 1.0  # less expected variance than that of four coins leaves nothing to chance
NO_CHANCES = "none: scores outside 0 to 1 are no probabilities"
NO_CHANCE = "none: the scores say that nothing is left to chance"


@dataclass(frozen=True)
class Amount:
    """A calibration error: median-unbiased value, limits and how they were made; NaN with the reason for none."""

    value: float
    low: float
    high: float
    how: str


def amount(ranking: Ranking, bins: Indices, draws: Resampling) -> Amount:
    """The expected calibration error over bins (n,) that the scores have, freed of its bias.

    Images of a patient may be alike: the spread is widened by the design effect of the residuals.
    """
    if ranking.scores.min() < 0 or ranking.scores.max() > 1:
        return Amount(math.nan, math.nan, math.nan, NO_CHANCES)
    families = _Family.both(ranking, bins)
    if families[0].chance < LEAST:
        return Amount(math.nan, math.nan, math.nan, NO_CHANCE)
    noise = np.random.default_rng(draws.seed).standard_normal((draws.resamples, int(bins.max()) + 1))
    found = np.array([_amounts(family, noise) for family in families])
    return Amount(float(found[:, 1].mean()), float(found[:, 0].min()), float(found[:, 2].max()),
                  f"{draws.resamples} simulated sets for each amount of error, seed {draws.seed}")


def _amounts(family: _Family, noise: Array) -> tuple[float, ...]:
    """The amounts under which so much error as was seen lies at each of TAILS."""
    top = 1.0
    for _ in range(DOUBLINGS):
        if float(np.quantile(family.shown(top, noise), TAILS[-1])) > family.seen:
            break
        top *= 2
    factors = np.linspace(0.0, top, STEPS + 1)
    tails = np.array([np.quantile(family.shown(factor, noise), TAILS) for factor in factors])
    amounts = np.array([family.amount(factor) for factor in factors])
    return tuple(_where(np.maximum.accumulate(column), amounts, family.seen) for column in tails.T)


def _where(rising: Array, amounts: Array, seen: float) -> float:
    """The amount at which a rising quantile meets what was seen; 0 where it is above it from the start."""
    if rising[0] >= seen:
        return float(amounts[0])
    step = int(np.searchsorted(rising, seen, "left"))
    if step == len(rising):
        return float(amounts[-1])
    share = (seen - rising[step - 1]) / (rising[step] - rising[step - 1])
    return float(amounts[step - 1] + share * (amounts[step] - amounts[step - 1]))


@dataclass(frozen=True, eq=False)
class _Family:
    """Scores (n,), the bin of each (n,), the errors (bins,) that were seen, and the design effect."""

    scores: Array
    bins: Indices
    errors: Array
    effect: float
    seen: float

    @classmethod
    def both(cls, ranking: Ranking, bins: Indices) -> tuple[_Family, _Family]:
        """The error spread over all bins; and only in bins where chance does not explain it."""
        truth, count = ranking.positive.astype(np.float64), np.bincount(bins).astype(np.float64)
        gaps = np.bincount(bins, truth - ranking.scores) / count
        expected = np.bincount(bins, ranking.scores * (1 - ranking.scores)) / count**2
        effect = design_effect(truth - ranking.scores - gaps[bins], bins, ranking)
        sign, seen = np.where(gaps < 0, -1.0, 1.0), float((np.abs(gaps) * count).sum() / len(truth))
        # Never 0, so that there is a direction to move in.
        sizes = gaps**2 + expected, np.maximum(gaps**2 - FEW * effect * expected, TRACE * expected)
        spread, few = (cls(ranking.scores, bins, sign * np.sqrt(size), effect, seen) for size in sizes)
        return spread, few

    @property
    def chance(self) -> float:
        """The variance of the number of positives if every score is right."""
        return float((self.scores * (1 - self.scores)).sum())

    def _chances(self, factor: float) -> Array:
        moved: Array = np.clip(self.scores + factor * self.errors[self.bins], 0, 1)
        return moved

    def amount(self, factor: float) -> float:
        """The error in [0, 1] at a factor of the errors seen."""
        moved = np.bincount(self.bins, self._chances(factor) - self.scores)
        return float(np.abs(moved).sum() / len(self.scores))

    def shown(self, factor: float, noise: Array) -> Array:
        """(R,) the error that simulated sets show; noise: standard normal (R, bins)."""
        chances = self._chances(factor)
        centre = np.bincount(self.bins, chances - self.scores)
        spread = np.sqrt(self.effect * np.bincount(self.bins, chances * (1 - chances)))
        shown: Array = np.abs(centre + spread * noise).sum(axis=1) / len(self.scores)
        return shown


def design_effect(residuals: Array, bins: Indices, ranking: Ranking) -> float:
    """How many times the variance grows because images of a patient are alike, at least 1; residuals: (n,)."""
    owners, index = np.unique(np.asarray(ranking.patients, object).astype(str), return_inverse=True)
    alone = float((residuals**2).sum())
    if len(owners) == len(residuals) or not alone > 0:
        return 1.0
    _, cell = np.unique(index * (int(bins.max()) + 1) + bins, return_inverse=True)
    together = [float((np.bincount(groups, residuals)**2).sum()) for groups in (index, cell)]
    return max(1.0, max(together) / alone)
