"""Shapley values of a game given by a function of coalitions: exact, or by kernel SHAP.

Lundberg SM, Lee SI (2017) "A unified approach to interpreting model predictions", NeurIPS, arXiv:1705.07874.
Covert I, Lee SI (2021) "Improving KernelSHAP: practical Shapley value estimation via linear regression",
AISTATS, arXiv:2012.01536 (paired sampling).
Musco C, Witter RT (2024) "Provably accurate Shapley value estimation via leverage score sampling",
arXiv:2410.01917.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Coalitions = NDArray[np.bool_]
Game = Callable[[Coalitions], Values]


def shapley_values(game: Game, players: int, evaluations: int, seed: int) -> Values:
    """float64 (players, ...): values that sum to game(all) - game(none); exact if 2**players <= evaluations.

    game: bool (N, players), who takes part, to float64 (N,), or (N, K) for K games at once. Otherwise at most
    `evaluations` coalitions (and no fewer than 4) are asked for. Values of a game that is not finite are NaN.
    """
    if players == 1 or 2**players <= evaluations:
        return exact_values(game, players)
    if evaluations >= 2 * players:
        return permutation_values(game, players, evaluations, seed)
    return kernel_values(game, players, evaluations, seed)


def permutation_values(game: Game, players: int, evaluations: int, seed: int) -> Values:
    """float64 (players, ...): the mean gain over random orders, each with its reverse, as many as fit.

    A pair of orders is exact for gains of single players and of pairs, and keeps the sum.
    """
    pairs, generator = max(1, (evaluations - 2) // (2 * (players - 1))), np.random.default_rng(seed)
    orders = np.array([generator.permutation(players) for _ in range(pairs)])
    orders = np.concatenate([orders, orders[:, ::-1]])
    # Row k of an order's coalitions: the first k + 1 players that arrive; all but the whole.
    arrivals = orders.argsort(1)
    members = arrivals[:, None] <= np.arange(players - 1)[:, None]
    ends = np.stack([np.zeros(players, bool), np.ones(players, bool)])
    worth = game(np.concatenate([ends, members.reshape(-1, players)]))
    inner = worth[2:].reshape(len(orders), players - 1, *worth.shape[1:])
    edge = np.ones((len(orders), 1, *worth.shape[1:]))
    gains = np.diff(np.concatenate([edge * worth[0], inner, edge * worth[1]], axis=1), axis=1)
    return np.asarray(np.mean([gain[place] for gain, place in zip(gains, arrivals, strict=True)], axis=0))


def exact_values(game: Game, players: int) -> Values:
    """float64 (players, ...): Shapley values from all 2**players coalitions."""
    numbers = np.arange(2**players)
    members = (numbers[:, None] >> np.arange(players)) & 1 == 1
    worth, sizes = game(members), members.sum(1)
    weights = np.array([1.0 / (players * comb(players - 1, s)) for s in range(players)])
    values = np.zeros((players, *worth.shape[1:]))
    for player in range(players):
        without = numbers[~members[:, player]]
        values[player] = weights[sizes[without]] @ (worth[without | 1 << player] - worth[without])
    return values


def kernel_values(game: Game, players: int, evaluations: int, seed: int) -> Values:
    """float64 (players, ...): weighted least squares over sampled coalitions, the sum held exact."""
    members, weights = sampled(players, max(2, evaluations - 2), np.random.default_rng(seed))
    ends = np.stack([np.zeros(players, bool), np.ones(players, bool)])
    worth = game(np.concatenate([ends, members]))
    finite = np.isfinite(worth).all(0)
    gains = np.where(finite, worth - worth[0], 0.0)
    return np.where(finite, _solved(members, gains[2:], weights, gains[1]), np.nan)


def sampled(players: int, count: int, generator: np.random.Generator) -> tuple[Coalitions, Values]:
    """bool (N, players), N <= count, and weights (N,): distinct coalitions, each with its complement.

    Every size gets the same number of coalitions, as their leverage in the regression asks for; a size that
    is smaller than its share is taken whole. The weights make up for the difference from the kernel's.
    """
    rows, weights = [np.zeros((0, players), bool)], [np.zeros(0)]
    sizes = list(range(1, players // 2 + 1))
    while sizes and _both(players, sizes[0]) <= count / len(sizes):
        size = sizes.pop(0)
        whole = _all(players, size)
        count -= len(whole)
        rows.append(whole)
        weights.append(np.full(len(whole), _mass(players, size) / len(whole)))
    if sizes and count >= 2:
        drawn, weight = _drawn(players, sizes, count // 2, generator)
        rows.append(drawn)
        weights.append(weight)
    return np.concatenate(rows), np.concatenate(weights)


def _both(players: int, size: int) -> int:
    """How many coalitions have this size or its complement's."""
    return comb(players, size) * (1 if 2 * size == players else 2)


def _mass(players: int, size: int) -> float:
    """The kernel weight of all coalitions of a size and of its complement's together."""
    return (players - 1) / (size * (players - size)) * (1 if 2 * size == players else 2)


def _all(players: int, size: int) -> Coalitions:
    members = np.zeros((comb(players, size), players), bool)
    for row, chosen in enumerate(combinations(range(players), size)):
        members[row, list(chosen)] = True
    return members if 2 * size == players else np.concatenate([members, ~members])


def _drawn(
    players: int, sizes: list[int], pairs: int, generator: np.random.Generator
) -> tuple[Coalitions, Values]:
    sides = np.array([1.0 if 2 * size == players else 2.0 for size in sizes])
    # One draw from each stratum: every size comes as often as it should.
    points = (np.arange(pairs) + generator.random(pairs)) / pairs * sides.sum()
    number = np.minimum(np.searchsorted(sides.cumsum(), points), len(sizes) - 1)
    order = generator.random((pairs, players)).argsort(1).argsort(1)
    first = order < np.asarray(sizes)[number][:, None]
    masses = np.array([_mass(players, size) for size in sizes]) * sides.sum() / sides / (2 * pairs)
    both = np.concatenate([first, ~first])
    members, where = np.unique(both, axis=0, return_inverse=True)
    weights = np.zeros(len(members))
    np.add.at(weights, where.reshape(-1), np.tile(masses[number], 2))
    return members, weights


def _solved(members: Coalitions, worth: Values, weights: Values, difference: Values) -> Values:
    """The least-squares values that sum to `difference`; the nearest to equal where not determined."""
    players = members.shape[1]
    # Columns orthogonal to (1, ..., 1): moves along them leave the sum as it is.
    free = np.linalg.qr(np.eye(players) - 1 / players)[0][:, : players - 1]
    rows, roots = members.astype(float), np.sqrt(weights)
    left = worth - np.multiply.outer(rows.sum(1) / players, difference)
    scaled = (left.T * roots).T
    moves = np.linalg.lstsq(roots[:, None] * (rows @ free), scaled, rcond=1e-9)[0]
    return np.asarray(difference / players + free @ moves)
