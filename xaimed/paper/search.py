"""All confusion matrices that fit printed figures, found by filling in one cell after another, exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from xaimed.errors import InputError
from xaimed.paper.figures import AUC, CELLS, OTHERS, SHARES, Figure, Ints, Weights, share

MOST = 4_000_000
SLACK = 1e-9
ONES: Weights = (1, 1, 1, 1)


@dataclass(frozen=True)
class Sizes:
    """What is known of the counts: sums over (tp, fn, fp, tn) and their values; no matrix larger than `bound`."""

    bound: int
    sums: Mapping[Weights, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Share:
    """low <= top / (top + rest) <= high, as whole numbers over one denominator."""

    top: Ints
    rest: Ints
    low: int
    high: int
    over: int

    def range(self, cell: int, known: Ints, filled: list[int]) -> tuple[Ints, Ints] | None:
        """The least and greatest value of `cell` for each row, or None where another cell is open too."""
        weights = self.top + self.rest
        if not weights[cell] or any(weights[i] and i != cell and i not in filled for i in range(len(CELLS))):
            return None
        top, rest = known @ self.top, known @ self.rest
        least, most = np.zeros(len(known), np.int64), np.full(len(known), np.iinfo(np.int64).max)
        for_top = bool(self.top[cell])
        # In the share of the rest the limits change places.
        low, high = (self.low, self.high) if for_top else (self.over - self.high, self.over - self.low)
        own, other, weight = (top, rest, self.top[cell]) if for_top else (rest, top, self.rest[cell])
        if low < self.over:
            least = -(-(low * other - (self.over - low) * own) // ((self.over - low) * weight))
        else:
            most = np.where(other == 0, most, -1)
        if high < self.over:
            most = np.minimum(most, (high * other - (self.over - high) * own) // ((self.over - high) * weight))
        return least, most

    def holds(self, cells: Ints) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        top, rest = cells @ self.top, cells @ self.rest
        whole = top + rest
        fits: np.ndarray[tuple[int], np.dtype[np.bool_]] = (
            (whole > 0) & (top * self.over >= self.low * whole) & (top * self.over <= self.high * whole))
        return fits


def search(figures: Sequence[Figure], sizes: Sizes, rounding: str = "rounded") -> Ints:
    """int64 (k, 4): every tp, fn, fp, tn that gives all figures as printed, smallest total first.

    An AUC is left aside: it need not come from the matrix. rounding: see Figure.limits. Raises InputError where the
    figures leave more than four million half-filled matrices, or none of them speaks of a matrix.
    """
    if all(f.name == AUC for f in figures):
        raise InputError("no figure of a confusion matrix; expected accuracy, sensitivity, specificity or the like")
    shares = [_exact(f, rounding) for f in figures if f.name in SHARES]
    cells, filled = np.zeros((1, len(CELLS)), np.int64), list[int]()
    while len(filled) < len(CELLS):
        ranges = {i: _range(i, cells, filled, shares, sizes) for i in range(len(CELLS)) if i not in filled}
        best = min(ranges, key=lambda i: int(np.maximum(0, ranges[i][1] - ranges[i][0] + 1).sum()))
        cells = _spread(cells, best, *ranges[best])
        filled.append(best)
    for limit in shares:
        cells = cells[limit.holds(cells)]
    for figure in figures:
        if figure.name in OTHERS:
            low, high = figure.limits(rounding)
            value = share(figure.name, cells)
            cells = cells[(value >= float(low) - SLACK) & (value <= float(high) + SLACK)]
    return cells[np.lexsort((*cells.T, cells.sum(axis=1)))]


def _exact(figure: Figure, rounding: str) -> _Share:
    low, high = (max(Fraction(0), min(Fraction(1), limit)) for limit in figure.limits(rounding))
    over = low.denominator * high.denominator // np.gcd(low.denominator, high.denominator)
    top, rest = (np.array(part, np.int64) for part in SHARES[figure.name])
    return _Share(top, rest, int(low * over), int(high * over), int(over))


def _range(cell: int, cells: Ints, filled: list[int], shares: Sequence[_Share], sizes: Sizes) -> tuple[Ints, Ints]:
    """The values that a cell may take beside the filled ones, by every share and every sum that speaks of it."""
    least, most = np.zeros(len(cells), np.int64), sizes.bound - cells.sum(axis=1)
    for limit in shares:
        found = limit.range(cell, cells, filled)
        if found is not None:
            least, most = np.maximum(least, found[0]), np.minimum(most, found[1])
    for weights, value in sizes.sums.items():
        if weights[cell]:
            left = (value - cells @ np.array(weights)) // weights[cell]
            most = np.minimum(most, left)
            if not any(weights[i] and i != cell and i not in filled for i in range(len(CELLS))):
                least = np.maximum(least, left)
    return least, most


def _spread(cells: Ints, cell: int, least: Ints, most: Ints) -> Ints:
    """One row for every value of the cell from least to most."""
    count = np.maximum(0, most - least + 1)
    if int(count.sum()) > MOST:
        raise InputError(f"the figures leave more than {MOST:,} matrices to try; expected more figures, the test size "
                         "(counts.test), or a smaller search.bound")
    rows = np.repeat(cells, count, axis=0)
    first = np.repeat(np.cumsum(count) - count, count)
    rows[:, cell] = np.repeat(least, count) + np.arange(len(rows)) - first
    return rows
