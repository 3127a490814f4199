"""The planted traits are independent, are where their masks say, and nothing else changes when one is taken out."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from xaimed.data import planted
from xaimed.data.dataset import DataRequest
from xaimed.data.planted import CAUSES, GRAIN, Planted
from xaimed.errors import NotFound, PlanError

DATA = Planted(patients=4)


def test_the_label_is_the_cause_and_the_images_are_the_same_for_every_cause() -> None:
    for cause in CAUSES:
        data = Planted(cause, patients=2)
        for index, row in enumerate(data.rows):
            case = data[index]
            assert (case.label == "positive") == (row.groups[cause] == "yes") == bool(case.boxes)
            assert case.digest == DATA[index].digest
            if case.masks is not None:
                assert np.array_equal(case.masks.any(axis=0), data.masks(index)[cause])


def test_the_traits_are_independent() -> None:
    traits = np.array([[row.groups[cause] == "yes" for cause in CAUSES] for row in Planted(patients=400).rows])
    assert np.abs(traits.mean(axis=0) - [0.5, 0.5, 0.575]).max() < 0.06
    for one, other in combinations(range(3), 2):
        assert abs(np.corrcoef(traits[:, one], traits[:, other])[0, 1]) < 0.1


@pytest.mark.parametrize("cause", CAUSES)
def test_taking_a_trait_out_changes_its_place_alone(cause: str) -> None:
    without, touched = Planted(patients=4, remove=cause), 0
    for index, row in enumerate(DATA.rows):
        before, after, mask = DATA[index].image[0], without[index].image[0], DATA.masks(index)[cause]
        assert not without.masks(index)[cause].any()
        if row.groups[cause] == "no":
            assert np.array_equal(before, after)
            continue
        touched += 1
        assert np.array_equal(before[~mask], after[~mask])
        assert (before != after)[mask].mean() > 0.3
        assert {key: row.groups[key] for key in CAUSES if key != cause}.items() <= without.rows[index].groups.items()
    assert touched > 3


def test_a_coarse_grain_is_smoother_than_a_fine_one_and_not_stronger() -> None:
    fine = Planted(patients=4, remove="texture")
    index = next(i for i, row in enumerate(DATA.rows) if row.groups["texture"] == "yes")
    mask = DATA.masks(index)["texture"]
    coarse, plain = (np.where(mask, data[index].image[0], 0) for data in (DATA, fine))
    steps = [np.abs(np.diff(image, axis=1))[mask[:, 1:] & mask[:, :-1]].mean() for image in (coarse, plain)]
    assert GRAIN["yes"] > GRAIN["no"]
    assert steps[0] < 0.75 * steps[1]
    assert abs(coarse[mask].std() / plain[mask].std() - 1) < 0.1


def test_the_ring_lies_in_the_air() -> None:
    for index, row in enumerate(DATA.rows):
        masks = DATA.masks(index)
        assert (row.groups["marker"] == "yes") == bool(masks["marker"].any())
        assert not (masks["marker"] & (masks["texture"] | masks["lesion"])).any()


def test_options_are_checked() -> None:
    made = planted.open(DataRequest("planted", options={"cause": "lesion", "first": "7", "patients": "3"}))
    assert (made.cause, made.first, len(made)) == ("lesion", 7, 12)
    with pytest.raises(NotFound, match="lesion"):
        planted.open(DataRequest("planted", options={"cause": "lession"}))
    with pytest.raises(PlanError, match="patients"):
        planted.open(DataRequest("planted", options={"patient": "3"}))


def test_the_markers_are_the_letters_and_the_ring_where_there_is_one() -> None:
    for index, row in enumerate(DATA.rows):
        burned = DATA[index].markers
        assert burned is not None
        assert burned.any()
        ring = DATA.masks(index)["marker"]
        assert not (ring & ~burned).any()
        assert bool((burned & ring).any()) == (row.groups["marker"] == "yes")
