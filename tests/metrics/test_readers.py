"""Readers: what may not be said is not said, and an interval holds its value or is none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from xaimed.metrics.comparison import NOT_VARIED, Contest
from xaimed.metrics.readers import OUTSIDE, P_VALUES, Panel, gain, gained, read_panel, sound, with_p
from xaimed.stats import Estimate, Resampling, auc_rows


def panel(cases: int, readers: int = 2, seed: int = 0) -> Panel:
    """A panel of so many cases, a third with the finding, and one model."""
    rng = np.random.default_rng(seed)
    truth = np.arange(cases) < cases // 3
    people = [f"p{i}" for i in range(cases)]
    scores = truth + rng.normal(size=(readers + 1, cases))
    return Panel(scores[:-1], {"m": scores[-1]}, Contest(truth, people, "ill", Resampling.of(people, 60)))


def test_few_cases_give_the_same_values_without_interval_and_p() -> None:
    small = panel(12)
    found = read_panel(small)
    for e in found:
        assert math.isnan(e.low), e
        assert math.isnan(e.high), e
        assert not e.name.startswith(P_VALUES)
        assert "p by" not in e.rule, "no p is shown"
        assert "over the readers alone" not in e.rule, "an interval in words is one too"
        assert e.unit == "reader" or e.interval == (
            "NOT ASSESSED: 2 readers, 4 patients with the finding and 8 without; "
            "an interval needs 2 readers and 10 patients of each kind"), e
    mean = next(e for e in found if e.name == "mean of 2 readers' image AUC ill")
    assert mean.value == pytest.approx(auc_rows(small.readers, small.contest.truth).mean())


@pytest.mark.parametrize("seed", range(4))
def test_enough_cases_give_intervals_that_hold_their_values_and_a_p_with_each(seed: int) -> None:
    found = read_panel(panel(60, 3, seed))
    names = [(e.name, e.rule) for e in found if not math.isnan(e.low)]
    for e in found:
        if e.name.startswith(P_VALUES):
            whole = e.name.removeprefix("Holm ").removeprefix("p (").removesuffix(")")
            assert (whole, e.rule) in names, "no p without an interval"
            assert 0 <= e.value <= 1
        elif not math.isnan(e.low):
            assert e.low <= e.value <= e.high, e
    assert sum(e.name.startswith("p (") for e in found) == 3


def test_readers_who_never_err_have_no_interval_and_no_p() -> None:
    perfect = panel(40)
    truth = perfect.contest.truth
    found = read_panel(Panel(np.stack([truth, truth * 2.0]), {"m": truth * 1.0}, perfect.contest))
    assert [e for e in found if e.name.startswith(P_VALUES)] == []
    gaps = [e for e in found if e.name.startswith("difference")]
    assert gaps
    for e in gaps:
        assert (e.value, e.interval) == (0.0, NOT_VARIED)
        assert math.isnan(e.low)


def test_an_interval_that_misses_its_value_is_none() -> None:
    given = Estimate("difference", 0.5, 0.1, 0.4, interval="patient bootstrap")
    assert sound(Estimate("difference", 0.3, 0.1, 0.4), 0.02)[1] == 0.02
    found, p = sound(given, 0.003)
    assert (found.value, found.interval) == (0.5, OUTSIDE)
    assert math.isnan(found.low)
    assert math.isnan(p)
    assert sound(Estimate("difference", 0.0, 0.0, 0.0), 1.0)[0].interval == NOT_VARIED
    assert sound(Estimate("difference", 0.2), 1.0)[0].interval == NOT_VARIED
    assert [e.name for e in with_p([(given, 0.003), (Estimate("other", 0.3, 0.1, 0.4), 0.02)])] == [
        "difference", "other", "p (other)", "Holm p (other)"]


def test_what_readers_gain_is_the_mean_difference_of_their_areas() -> None:
    own = panel(60, 3)
    aided = own.readers + 0.6 * own.contest.truth
    gap = auc_rows(aided, own.contest.truth) - auc_rows(own.readers, own.contest.truth)
    assert gain(aided, own.readers, own.contest).value == pytest.approx(gap.mean())
    found = gained("difference in AUC", aided, own.readers, own.contest)
    assert [e.name for e in found] == ["difference in AUC", "p (difference in AUC)"]
    assert found[0].low < gap.mean() < found[0].high
