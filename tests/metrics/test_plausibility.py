"""AUPRC, IoU, energy on air, markers and other lesions: by hand, by scikit-learn, and for maps that say nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from tests.scenery import disc, view
from xaimed.errors import InputError
from xaimed.metrics.auprc import Auprc, average_precision
from xaimed.metrics.entropy import Entropy
from xaimed.metrics.gini import Gini, unevenness
from xaimed.metrics.iou import Iou, overlap, tuned_threshold
from xaimed.metrics.on_markers import OnMarkers
from xaimed.metrics.other_boxes import OtherBoxes
from xaimed.metrics.outside_tissue import OutsideTissue
from xaimed.types import Floats

SIDE = 20
LESION, TISSUE = disc(SIDE, 8, 8, 3), disc(SIDE, 10, 10, 9)


def noise(seed: int) -> Floats:
    return np.random.default_rng(seed).random((SIDE, SIDE)).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 50))
def test_average_precision_agrees_with_scikit_learn_with_ties(seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    values, truth = rng.integers(0, levels, 60).astype(np.float32), rng.random(60) < 0.3
    truth[0] = True
    assert average_precision(values, truth) == pytest.approx(average_precision_score(truth, values))


def test_auprc_of_the_lesion_is_one_of_a_constant_map_its_share_and_air_does_not_count() -> None:
    share = LESION[TISSUE].mean()
    assert Auprc()(view(LESION.astype(np.float32), LESION, TISSUE)) == pytest.approx({"": 1, "[lift]": 1 / share})
    assert Auprc()(view(np.ones((SIDE, SIDE), np.float32), LESION, TISSUE))["[lift]"] == pytest.approx(1)
    with_air = np.where(TISSUE, LESION, 9).astype(np.float32)
    assert Auprc()(view(with_air, LESION, TISSUE))[""] == pytest.approx(1)
    broken = LESION.astype(np.float32)
    broken[0, 0] = np.nan
    assert Auprc()(view(broken, LESION, TISSUE))[""] == 0
    assert math.isnan(Auprc()(view(noise(0), None, TISSUE))[""])


def test_iou_by_hand_and_the_threshold_is_the_best_of_validation() -> None:
    values = np.where(LESION, 1.0, 0.3).astype(np.float32)
    assert Iou(0.5)(view(values, LESION))[""] == 1
    assert Iou(0.3)(view(values, LESION))[""] == pytest.approx(LESION.mean())
    assert Iou()(view(-values, LESION))[""] == 0
    assert Iou()(view(np.zeros_like(values), LESION))[""] == 0
    assert math.isnan(Iou()(view(values))[""])
    soft = np.exp(-((np.mgrid[:SIDE, :SIDE] - 8) ** 2).sum(0) / 18).astype(np.float32)
    best = tuned_threshold([soft, soft * 7], [LESION, LESION])
    assert overlap(soft, LESION, best) == max(overlap(soft, LESION, i / 20) for i in range(1, 20))
    with pytest.raises(InputError, match="2 lesions"):
        tuned_threshold([soft], [LESION, LESION])


def test_energy_on_air_markers_and_other_lesions_by_hand() -> None:
    values = np.zeros((SIDE, SIDE), np.float32)
    values[8, 8], values[0, 0], values[14, 14], values[10, 12] = 1, 2, 3, -50
    other, marker = disc(SIDE, 14, 14, 1), np.zeros((SIDE, SIDE), bool)
    marker[0, :3] = True
    of = replace(view(values, LESION, TISSUE), markers=marker, others=other)
    assert OutsideTissue()(of)[""] == pytest.approx(2 / 6)
    assert OnMarkers()(of)[""] == pytest.approx(2 / 6)
    assert OtherBoxes()(of)[""] == pytest.approx(3 / 4)
    # A lesion that overlaps its neighbour keeps its own pixels.
    assert OtherBoxes()(replace(of, others=LESION))[""] is not None
    assert math.isnan(OtherBoxes()(replace(of, others=LESION))[""])


def test_a_map_that_shows_nothing_is_not_good_at_keeping_off() -> None:
    for values in (np.zeros((SIDE, SIDE), np.float32), -noise(1), np.full((SIDE, SIDE), np.nan, np.float32)):
        of = replace(view(values, LESION, TISSUE), markers=TISSUE, others=TISSUE)
        assert all(math.isnan(metric(of)[""]) for metric in (OutsideTissue(), OnMarkers(), OtherBoxes()))
    assert math.isnan(OutsideTissue()(view(noise(1), LESION, np.ones_like(TISSUE)))[""]), "no air to stand on"
    unknown = view(noise(0), LESION, TISSUE)
    assert math.isnan(OnMarkers()(unknown)[""])
    assert math.isnan(OtherBoxes()(unknown)[""])


def test_masks_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match="markers"):
        replace(view(noise(0), LESION), markers=np.ones((3, 3), bool))


def test_complexity_of_one_pixel_and_of_an_even_map() -> None:
    one = np.zeros((SIDE, SIDE), np.float32)
    one[3, 4] = -2
    even = np.full((SIDE, SIDE), -0.4, np.float32)
    assert Gini()(view(one))[""] == pytest.approx(1 - 1 / SIDE**2)
    assert Gini()(view(even))[""] == pytest.approx(0, abs=1e-9)
    assert Entropy()(view(one))[""] == 0
    assert Entropy()(view(even))[""] == pytest.approx(1)
    assert all(math.isnan(m(view(one * 0))[""]) for m in (Gini(), Entropy()))
    values = np.array([1.0, 2, 5, 8])
    pairs = np.abs(values[:, None] - values[None]).sum() / (2 * 4**2 * values.mean())
    assert unevenness(values) == pytest.approx(pairs)
