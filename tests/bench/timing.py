"""Floors for speed as ratios: a machine may be slow, but not slower than a reference on the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable

Work = Callable[[], object]


def floor(work: Work, reference: Work, at_least: float, repeats: int = 5) -> float:
    """How many times faster `work` is than `reference`: the ratio of the best times of `repeats` runs.

    The two take turns, so that a load on the machine meets both. Raises AssertionError below `at_least`.
    """
    best = {"work": float("inf"), "reference": float("inf")}
    for _ in range(repeats):
        for name, call in (("work", work), ("reference", reference)):
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    ratio = best["reference"] / best["work"]
    assert ratio >= at_least, (f"{ratio:.2f} times the reference's speed ({best['work']:.4f} s against "
                               f"{best['reference']:.4f} s); expected at least {at_least:.2f}")
    return ratio
