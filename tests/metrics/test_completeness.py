from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.scenery import view
from xaimed.metrics.completeness import METRIC


def test_an_exactly_complete_map_of_a_linear_model_is_within_rounding() -> None:
    weights = torch.randn(24, 24, generator=torch.Generator().manual_seed(0))
    image = torch.rand(24, 24, generator=torch.Generator().manual_seed(1))
    promised = {"f_input": float((weights * image).sum()) + 0.7, "f_baseline": 0.7}
    error = METRIC(view((weights * image).numpy(), facts=promised))[""]
    assert error < 1e-4


@pytest.mark.parametrize(("factor", "error"), [(1.0, 0.0), (0.9, 0.1), (1.25, 0.25), (0.0, 1.0), (-1.0, 2.0)])
def test_the_error_is_relative_to_what_was_promised(factor: float, error: float) -> None:
    values = np.full((4, 5), -0.5 * factor, np.float32)
    assert METRIC(view(values, facts={"f_input": -7.0, "f_baseline": 3.0}))[""] == pytest.approx(error)


def test_equal_scores_do_not_divide_by_zero() -> None:
    found = METRIC(view(np.full((2, 2), 1e-4, np.float32), facts={"f_input": 1.0, "f_baseline": 1.0}))[""]
    assert found == pytest.approx(0.4)


def test_methods_that_promise_nothing_are_not_judged() -> None:
    values = np.ones((3, 3), np.float32)
    assert math.isnan(METRIC(view(values))[""])
    assert math.isnan(METRIC(view(values, facts={"f_input": 9.0}))[""])
    assert math.isnan(METRIC(view(values * np.nan, facts={"f_input": 9.0, "f_baseline": 0.0}))[""])
