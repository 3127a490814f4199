"""The helper that measures: a known ratio, and a floor that is missed."""

from __future__ import annotations

import time

import pytest

from tests.bench.timing import floor


def test_a_known_ratio() -> None:
    ratio = floor(lambda: time.sleep(0.01), lambda: time.sleep(0.04), at_least=2.0, repeats=3)
    assert 2.0 <= ratio < 5.0


def test_a_missed_floor_says_by_how_much() -> None:
    with pytest.raises(AssertionError, match=r"expected at least 3\.00"):
        floor(lambda: time.sleep(0.02), lambda: time.sleep(0.02), at_least=3.0, repeats=2)
