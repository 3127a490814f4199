"""Which wavelet coefficients tell classes apart: the two-sample Kolmogorov-Smirnov test of each against the rest.

Khatami A et al. (2017) Expert Systems with Applications 86:190-198. Ranking by the largest statistic over the classes
and a fixed number of coefficients are our choice.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import kstwobign
from torch import Tensor

from xaimed.architectures.wavelet_dbn import Choice
from xaimed.errors import PlanError
from xaimed.stats import Array, Bools


def chosen(coefficients: Tensor, classes: NDArray[np.int64], count: int) -> Choice:
    """The `count` coefficients of (n, N) that differ most between a class (n,) and the rest, in their order.

    With their mean and deviation, of 1 where a coefficient hardly varies. Raises PlanError for a count above N.
    """
    values = coefficients.double().numpy()
    if count > values.shape[1]:
        raise PlanError(f"{count} coefficients to choose of {values.shape[1]}; expected no more than there are")
    best = _best(values, classes)
    kept = np.sort(np.argsort(-best, kind="stable")[:count])
    deviation = values[:, kept].std(axis=0)
    return Choice(torch.from_numpy(kept), torch.from_numpy(values[:, kept].mean(axis=0)).float(),
                  torch.from_numpy(np.where(deviation > 1e-4, deviation, 1.0)).float())


def weakest(coefficients: Tensor, classes: NDArray[np.int64], choice: Choice) -> float:
    """The largest p of the chosen coefficients of (n, N), by the asymptotic law and the smallest class (n,)."""
    fewest = int(np.bincount(classes)[np.unique(classes)].min())
    best = _best(coefficients[:, choice.kept].double().numpy(), classes)
    return p_value(float(best.min()), fewest, len(classes) - fewest)


def _best(values: Array, classes: NDArray[np.int64]) -> Array:
    found: Array = np.max([statistic(values, classes == one) for one in np.unique(classes)], axis=0)
    return found


def statistic(values: Array, inside: Bools) -> Array:
    """(N,): the largest difference of the two empirical distributions of each column of (n, N), ties taken together."""
    order = np.argsort(values, axis=0, kind="stable")
    ranked, mine = np.take_along_axis(values, order, axis=0), inside[order]
    difference = np.cumsum(mine, axis=0) / inside.sum() - np.cumsum(~mine, axis=0) / (~inside).sum()
    last = np.ones_like(mine)
    last[:-1] = ranked[1:] != ranked[:-1]
    found: Array = np.abs(np.where(last, difference, 0.0)).max(axis=0)
    return found


def p_value(found: float, inside: int, outside: int) -> float:
    """The asymptotic p of a statistic for so many values in both samples."""
    return float(kstwobign.sf(found * np.sqrt(inside * outside / (inside + outside))))
