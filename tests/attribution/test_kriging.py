"""Kriging of Shapley values: its parts against enumeration, its exact cases, and its gain over random orders."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.attribution.test_shapley import pairwise_game, random_game
from xaimed.attribution.kriging import Prior, kriged_values
from xaimed.attribution.regions import priors
from xaimed.attribution.shapley import Game, exact_values, permutation_values, sampled

SIDE = 6


def patches(side: int = SIDE) -> NDArray[np.int64]:
    return np.arange(side * side).reshape(side, side).repeat(3, 0).repeat(3, 1)


def neighbours_game(side: int, seed: int) -> tuple[Game, NDArray[np.float64]]:
    """A sum over blocks of 2 x 2 patches of what each does alone, and the exact values: those of every block."""
    generator, numbers = np.random.default_rng(seed), np.arange(side * side).reshape(side, side)
    blocks = [(numbers[y:y + 2, x:x + 2].ravel(), generator.normal(size=16) * generator.exponential())
              for y, x in product(range(side - 1), repeat=2)]
    truth = np.zeros(side * side)
    for inside, worth in blocks:
        truth[inside] += exact_values(lambda m, worth=worth: worth[m @ (1 << np.arange(4))], 4)

    def game(members: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.sum([worth[members[:, inside] @ (1 << np.arange(4))] for inside, worth in blocks], axis=0)

    return game, truth


@pytest.mark.parametrize("size", [3, 5])
def test_the_values_of_a_covariance_are_its_shapley_values(size: int) -> None:
    prior = Prior([np.array([0, 2, 3, 4, 5][:size])], 0.3)
    every = np.array(list(product([False, True], repeat=6)))
    numbers = every @ (1 << np.arange(6))
    signs = np.where(every, 1.0, -1.0)
    covariance, order = prior.covariance(signs), np.argsort(numbers)
    for row in (0, 5, 37, 63):
        worth = covariance[row][order]
        known = exact_values(lambda members, worth=worth: worth[members @ (1 << np.arange(6))], 6)
        assert np.allclose(prior.values(every[row:row + 1])[0], known, atol=1e-12)


def test_covariances_of_groups_of_several_sizes_add_up() -> None:
    groups = [np.array([0, 1, 2]), np.array([1, 2, 3]), np.array([0, 2, 3, 4])]
    members = np.random.default_rng(0).random((9, 5)) < 0.5
    signs = np.where(members, 1.0, -1.0)
    parts = [Prior([group], 0.4) for group in groups]
    whole = Prior(groups, 0.4)
    assert np.allclose(whole.covariance(signs), sum(part.covariance(signs) for part in parts))
    assert np.allclose(whole.values(members), sum(part.values(members) for part in parts))
    apart = (members[0, 0:3] != members[1, 0:3]).sum()
    assert parts[0].covariance(signs)[0, 1] == pytest.approx((0.4**apart - 0.4 ** (3 - apart)) / 2)


def test_regions_that_meet_and_neighbours_are_found() -> None:
    meeting, around, whole = priors(torch.from_numpy(patches(3)))
    assert {tuple(group) for group in meeting.groups} == {(0, 1, 3, 4), (1, 2, 4, 5), (3, 4, 6, 7), (4, 5, 7, 8)}
    assert (0, 1, 3, 4) in {tuple(group) for group in around.groups}
    assert len(whole.groups) == 1
    assert whole.groups[0].tolist() == list(range(9))
    strips = priors(torch.arange(5)[None].repeat(4, 1))
    assert [len(prior.groups) for prior in strips] == [3, 1]
    assert {tuple(group) for group in strips[0].groups} == {(0, 1, 2), (1, 2, 3), (2, 3, 4)}


@settings(max_examples=12, deadline=None)
@given(st.integers(9, 30), st.integers(3, 6), st.integers(0, 1000))
def test_pairwise_games_and_the_sum_are_exact(players: int, each: int, seed: int) -> None:
    drawn = sampled(players, each * players - 2, np.random.default_rng(seed))[0]
    # Two players that no coalition parts cannot be told apart: they share.
    assume(np.linalg.matrix_rank(np.where(np.vstack([np.ones((1, players), bool), drawn]), 1.0, -1.0)) == players)
    game, every = pairwise_game(players, seed), [Prior([np.arange(players)], 0.9)]
    values = kriged_values(game, players, each * players, seed, every)
    ends = game(np.stack([np.zeros(players, bool), np.ones(players, bool)]))
    assert values.sum() == pytest.approx(ends[1] - ends[0], abs=1e-9)
    slopes = [game(np.eye(players, dtype=bool)) - ends[0]]
    known = (slopes[0] + (ends[1] - game(~np.eye(players, dtype=bool)))) / 2
    assert np.allclose(values, known, atol=1e-5)


def test_where_neighbours_act_together_it_is_nearer_than_random_orders() -> None:
    ours, orders = [], []
    for seed in range(6):
        game, truth = neighbours_game(SIDE, seed)
        near = priors(torch.from_numpy(patches()))
        size = np.linalg.norm(truth)
        ours.append(np.linalg.norm(kriged_values(game, SIDE**2, 146, seed, near) - truth) / size)
        orders.append(np.linalg.norm(permutation_values(game, SIDE**2, 146, seed) - truth) / size)
    assert np.mean(ours) < 0.75 * np.mean(orders)


def test_many_coalitions_come_near_the_exact_values() -> None:
    game, truth = neighbours_game(4, 3)
    near = priors(torch.from_numpy(patches(4)))
    values = kriged_values(game, 16, 1000, 0, near)
    assert np.linalg.norm(values - truth) < 0.05 * np.linalg.norm(truth)


def test_several_games_at_once_are_the_games_one_by_one_and_one_that_is_not_finite_spoils_no_other() -> None:
    games = [pairwise_game(16, 0), random_game(16, 1), lambda members: np.full(len(members), np.nan)]
    near = priors(torch.from_numpy(patches(4)))
    both = kriged_values(lambda m: np.stack([game(m) for game in games], 1), 16, 80, 3, near)
    for column, game in enumerate(games):
        assert np.allclose(both[:, column], kriged_values(game, 16, 80, 3, near), atol=1e-9, equal_nan=True)
    assert np.isnan(both[:, 2]).all()
