"""Shapley values by kriging: what few coalitions say of a game in which near players act together.

Half the difference between a coalition and its complement is the odd part of a game, which alone has Shapley values.
It is a sum of single gains, of which nothing is assumed, and of a Gaussian process over groups of players; the values
are those of the process' mean, and known in closed form.

Rasmussen CE, Williams CKI (2006) "Gaussian Processes for Machine Learning", MIT Press, chapters 2.7 and 5.4.
Musco C, Witter RT (2024) "Provably accurate Shapley value estimation via leverage score sampling",
arXiv:2410.01917 (the coalitions).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xaimed.attribution.shapley import Coalitions, Game, Values, sampled

Group = NDArray[np.int64]
NOISE = 1e-7


@dataclass(frozen=True, eq=False)
class Prior:
    """Groups of three or more players that may act together, of which one that changes keeps a share `alike`.

    The covariance of two coalitions is the sum over the groups of alike ** (players of it in which they differ).
    """

    groups: Sequence[Group]
    alike: float

    def covariance(self, signs: Values) -> Values:
        """float64 (N, N): the covariance of the odd parts of N coalitions, given as -1 and 1, (N, players)."""
        out = np.zeros((len(signs), len(signs)))
        for several in self._by_size():
            size, part = several.shape[1], signs[:, several].swapaxes(0, 1)
            apart = np.rint((size - part @ part.swapaxes(1, 2)) / 2).astype(np.int64)
            powers = self.alike ** np.arange(size + 1)
            out += ((powers - powers[::-1]) / 2)[apart].sum(0)
        return out

    def values(self, members: Coalitions) -> Values:
        """float64 (N, players): the Shapley values of the game that a coalition's covariance with the others is."""
        out = np.zeros(members.shape)
        for several in self._by_size():
            seen, gains = members[:, several], self._gains(several.shape[1])
            number = seen.sum(2, keepdims=True)
            each = np.where(seen, gains[0][number], gains[1][number])
            for group, value in zip(several, each.swapaxes(0, 1), strict=True):
                out[:, group] += value
        return out

    def _gains(self, size: int) -> tuple[Values, Values]:
        """(size + 1,): of a player inside, and of one outside, by how many of the group are inside.

        The integral over the chance q that a player takes part of what one more adds then (Owen's extension).
        """
        nodes, weights = np.polynomial.legendre.leggauss(size // 2 + 1)
        q, inside = (nodes[:, None] + 1) / 2, np.arange(size + 1)
        same, other = q + (1 - q) * self.alike, 1 - q + q * self.alike
        weights = weights * (1 - self.alike) / 2
        return (weights @ (same ** np.maximum(inside - 1, 0) * other ** (size - inside)),
                -(weights @ (same**inside * other ** np.maximum(size - inside - 1, 0))))

    def _by_size(self) -> list[Group]:
        sizes = sorted({len(group) for group in self.groups})
        return [np.stack([group for group in self.groups if len(group) == size]) for size in sizes]


@dataclass(frozen=True, eq=False)
class _Fitted:
    """values: float64 (players, K). likelihood: float64 (K,), the restricted log likelihood of each game."""

    values: Values
    likelihood: Values


def kriged_values(game: Game, players: int, evaluations: int, seed: int, priors: Sequence[Prior]) -> Values:
    """float64 (players, ...): values that sum to game(all) - game(none), by the likeliest of the priors for each game.

    Exact for gains of single players and of pairs once they are determined. Values of a game that is not finite are
    NaN. evaluations: at most so many coalitions, at least three a player.
    """
    members, _ = sampled(players, evaluations - 2, np.random.default_rng(seed))
    # Of a coalition and its complement one holds the first player.
    first = np.concatenate([np.ones((1, players), bool), members[members[:, 0]]])
    worth = game(np.concatenate([~first, first]))
    odd = (worth[len(first):] - worth[: len(first)]).reshape(len(first), -1) / 2
    finite = np.isfinite(odd).all(0)
    odd = np.where(finite, odd, 0.0)
    found = [_fitted(prior, first, odd) for prior in priors]
    best = np.argmax([one.likelihood for one in found], axis=0)
    values = np.stack([found[choice].values[:, column] for column, choice in enumerate(best)], axis=1)
    values += (2 * odd[0] - values.sum(0)) / players
    return np.where(finite, values, np.nan).reshape(players, *worth.shape[1:])


def _fitted(prior: Prior, members: Coalitions, odd: Values) -> _Fitted:
    """The values of games (N, K), with any single gains and a process by the prior."""
    signs = np.where(members, 1.0, -1.0)
    covariance = prior.covariance(signs)
    scale = float(np.trace(covariance)) / len(signs)
    root = np.linalg.cholesky(covariance + NOISE * max(scale, 1.0) * np.eye(len(signs)))
    trend, seen = np.linalg.solve(root, signs / 2), np.linalg.solve(root, odd)
    gains = np.linalg.lstsq(trend, seen, rcond=1e-10)[0]
    rest = seen - trend @ gains
    values = gains + prior.values(members).T @ np.linalg.solve(root.T, rest)
    free = max(1, len(signs) - signs.shape[1])
    lost = np.log(np.maximum(np.linalg.svd(trend, compute_uv=False), 1e-12)).sum() + np.log(np.diag(root)).sum()
    size = np.log(np.maximum((rest**2).sum(0), 1e-300))
    return _Fitted(values, -free / 2 * size - lost)
