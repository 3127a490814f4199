from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from xaimed.attribution.shapley import Game, exact_values, kernel_values, permutation_values, sampled, shapley_values


def by_permutations(game: Game, players: int) -> NDArray[np.float64]:
    """Shapley's definition: the mean gain over every order in which the players arrive."""
    orders = list(permutations(range(players)))
    total = np.zeros(players)
    for order in orders:
        seen = np.zeros(players, bool)
        for player in order:
            before = game(seen[None])[0]
            seen[player] = True
            total[player] += game(seen[None])[0] - before
    return total / len(orders)


def random_game(players: int, seed: int) -> Game:
    worth = np.random.default_rng(seed).normal(size=2**players)
    return lambda members: worth[members @ (1 << np.arange(players))]


def pairwise_game(players: int, seed: int) -> Game:
    """Single gains and gains of pairs: each pair's gain is shared in halves."""
    generator = np.random.default_rng(seed)
    single, pair = generator.normal(size=players), generator.normal(size=(players, players)) / players

    def game(members: NDArray[np.bool_]) -> NDArray[np.float64]:
        seen = members.astype(float)
        return seen @ single + np.einsum("ni,ij,nj->n", seen, np.triu(pair, 1), seen) + 3

    return game


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 5), st.integers(0, 1000))
def test_exact_values_are_the_mean_over_all_orders(players: int, seed: int) -> None:
    game = random_game(players, seed)
    assert np.allclose(exact_values(game, players), by_permutations(game, players), atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 30), st.integers(4, 200), st.integers(0, 1000))
def test_the_sum_is_exact_whatever_is_sampled(players: int, evaluations: int, seed: int) -> None:
    game = pairwise_game(players, seed)
    ends = game(np.stack([np.zeros(players, bool), np.ones(players, bool)]))
    values = shapley_values(game, players, evaluations, seed)
    assert values.sum() == pytest.approx(ends[1] - ends[0], abs=1e-9)


def test_all_coalitions_in_the_regression_give_the_exact_values() -> None:
    game = random_game(6, 2)
    assert np.allclose(kernel_values(game, 6, 10_000, 0), exact_values(game, 6), atol=1e-9)


def test_an_additive_game_is_exact_as_soon_as_it_is_determined() -> None:
    gains = np.random.default_rng(0).normal(size=20)
    values = kernel_values(lambda members: members @ gains, 20, 60, 0)
    assert np.allclose(values, gains, atol=1e-9)


def test_pairs_of_complements_make_pairwise_games_nearly_exact() -> None:
    """Pairing cancels every interaction of two: single and pair gains come out exact once determined."""
    game = pairwise_game(12, 5)
    values = kernel_values(game, 12, 100, 0)
    assert np.allclose(values, exact_values(game, 12), atol=1e-8)


def test_coalitions_are_distinct_and_come_with_their_complement() -> None:
    members, weights = sampled(15, 120, np.random.default_rng(0))
    rows = {row.tobytes() for row in members}
    assert len(rows) == len(members) <= 120
    assert {(~row).tobytes() for row in members} == rows
    assert (weights > 0).all()


def test_weights_add_up_to_the_kernels_on_average() -> None:
    """For each size the weight is, in the mean over draws, (M - 1) / (s (M - s))."""
    players = 9
    total = np.zeros(players + 1)
    for seed in range(300):
        members, weights = sampled(players, 64, np.random.default_rng(seed))
        np.add.at(total, members.sum(1), weights)
    kernel = [(players - 1) / (size * (players - size)) for size in range(1, players)]
    assert np.allclose(total[1:-1] / 300, kernel, rtol=0.03)


def test_more_evaluations_are_nearer() -> None:
    weight = np.random.default_rng(1).normal(size=(14, 30))

    def game(members: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.asarray(np.maximum(members @ weight - 0.5, 0).sum(1))

    truth = exact_values(game, 14)
    errors = [
        np.mean([np.linalg.norm(kernel_values(game, 14, count, seed) - truth) for seed in range(5)])
        for count in (60, 200, 1000)
    ]
    assert errors[0] > errors[1] > errors[2]


def test_a_game_that_is_not_finite_has_no_values() -> None:
    assert np.isnan(shapley_values(lambda members: np.full(len(members), np.nan), 20, 100, 0)).all()
    assert np.isnan(shapley_values(lambda members: np.full(len(members), np.nan), 3, 100, 0)).all()


@pytest.mark.parametrize("evaluations", [1024, 60])
def test_several_games_at_once_are_the_games_one_by_one(evaluations: int) -> None:
    games = [pairwise_game(10, 0), random_game(10, 1)]
    both = shapley_values(lambda members: np.stack([g(members) for g in games], 1), 10, evaluations, 3)
    for column, game in enumerate(games):
        assert np.allclose(both[:, column], shapley_values(game, 10, evaluations, 3), atol=1e-9)


def test_a_game_that_is_not_finite_spoils_no_other() -> None:
    whole = pairwise_game(20, 0)
    both = shapley_values(lambda m: np.stack([whole(m), np.full(len(m), np.nan)], 1), 20, 100, 0)
    assert np.allclose(both[:, 0], shapley_values(whole, 20, 100, 0))
    assert np.isnan(both[:, 1]).all()


def test_an_order_and_its_reverse_make_pairwise_games_exact() -> None:
    game = pairwise_game(9, 4)
    assert np.allclose(permutation_values(game, 9, 18, 0), exact_values(game, 9), atol=1e-9)
