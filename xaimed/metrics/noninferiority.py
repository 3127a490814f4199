"""Paired proportions: the score interval of their difference (Tango 1998), McNemar's mid-p, and non-inferiority."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from xaimed.errors import InputError
from xaimed.stats import Estimate, quantile

STEPS = 80


def tango(first_only: int, second_only: int, pairs: int, level: float = 0.95) -> tuple[float, float]:
    """Low and high of the score interval of p1 - p2 for n pairs of yes and no (Tango 1998), in [-1, 1].

    first_only: pairs that are yes under the first and no under the second; second_only: the other way round.
    """
    if pairs < 1 or min(first_only, second_only) < 0 or first_only + second_only > pairs:
        raise InputError(f"{first_only} and {second_only} discordant of {pairs} pairs; expected at most all of them")
    z = quantile(level)

    def statistic(delta: float) -> float:
        return _score(first_only, second_only, pairs, delta)

    centre = (first_only - second_only) / pairs
    low = -1.0 if centre <= -1 else _root(lambda d: statistic(d) - z, -1.0, centre)
    high = 1.0 if centre >= 1 else _root(lambda d: statistic(d) + z, centre, 1.0)
    return low, high


def _score(b: int, c: int, n: int, delta: float) -> float:
    """Tango's statistic for the difference delta; it falls as delta rises."""
    linear = -b - c + (2 * n - b + c) * delta
    free = max(0.0, linear**2 + 8 * n * c * delta * (1 - delta))
    other = max(0.0, (math.sqrt(free) - linear) / (4 * n))
    variance = n * (2 * other + delta * (1 - delta))
    distance = b - c - n * delta
    if variance <= 0:
        return 0.0 if distance == 0 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def _root(falling: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2


def mcnemar(first_only: int, second_only: int) -> float:
    """The two-sided mid-p of McNemar's test: twice the smaller tail, with half of what was observed; at most 1.

    Fagerland, Lydersen and Laake 2013. 1 where no pair differs.
    """
    total, few = first_only + second_only, min(first_only, second_only)
    if not total:
        return 1.0
    below = sum(math.comb(total, i) for i in range(few))
    return float(min(1.0, (2 * below + math.comb(total, few)) / 2**total))


def non_inferiority(difference: Estimate, margin: float) -> Estimate:
    """Whether a difference (new minus old, higher is better) shows that the new is not worse by the margin.

    It does if the lower limit of the interval lies above -margin. The margin has to be set before the test.
    Returns the difference with that answer as its rule. Raises InputError for a margin that is not positive.
    """
    if not (math.isfinite(margin) and margin > 0):
        raise InputError(f"margin {margin}; expected a positive number, set before the data are seen")
    if math.isnan(difference.low):
        answer = "NOT ASSESSED"
    elif difference.low > 0:
        answer = "superior"
    else:
        answer = "shown" if difference.low > -margin else "inferior" if difference.high < -margin else "not shown"
    rule = f"margin {margin:g} as declared: non-inferiority {answer}" if answer != "superior" else (
        f"margin {margin:g} as declared: non-inferiority shown, and superiority")
    return replace(difference, name=f"non-inferiority, {difference.name}", rule=rule)


def holm(values: list[float]) -> list[float]:
    """p values adjusted for as many tests (Holm 1979), in their order; NaN stays NaN and counts as no test."""
    ranked = sorted((p, i) for i, p in enumerate(values) if not math.isnan(p))
    out, highest = [math.nan] * len(values), 0.0
    for place, (p, i) in enumerate(ranked):
        highest = max(highest, min(1.0, (len(ranked) - place) * p))
        out[i] = highest
    return out
