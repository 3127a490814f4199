"""The helper that measures: a known ratio, and a floor that is missed."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.bench.timing import RESET, floor, raised


def test_a_known_ratio() -> None:
    ratio = floor(lambda: time.sleep(0.01), lambda: time.sleep(0.04), at_least=2.0, repeats=3)
    assert 2.0 <= ratio < 5.0


def test_a_missed_floor_says_by_how_much() -> None:
    with pytest.raises(AssertionError, match=r"expected at least 3\.00"):
        floor(lambda: time.sleep(0.02), lambda: time.sleep(0.02), at_least=3.0, repeats=2)


@pytest.mark.skipif(not RESET.exists(), reason="the mark of the highest memory can be set back on Linux only")
def test_a_known_allocation_is_seen_behind_a_higher_peak() -> None:
    def megabytes(count: int) -> float:
        return float(np.ones(count * 2**17).sum())

    megabytes(200)
    assert raised(lambda: megabytes(48)) == pytest.approx(48, abs=6)


@pytest.mark.skipif(not RESET.exists(), reason="the mark of the highest memory can be set back on Linux only")
def test_work_without_memory_reads_nothing() -> None:
    assert abs(raised(lambda: time.sleep(0.001))) < 3
