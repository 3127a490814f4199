"""Registration of a case: errors over the fixed image's tissue, in mm, and folding, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from xaimed.metrics.registration import METRIC
from xaimed.types import Case, Floats, Prediction


def case(known: Floats | None, spacing: float | None = 2.0) -> Case:
    image = np.zeros((2, 6, 6), np.float32)
    image[1, 1:5, 1:5] = 0.5  # the tissue of the fixed image
    return Case("c0", image, displacement=known, spacing_mm=spacing)


def field(dx: float, dy: float) -> Floats:
    return np.stack([np.full((6, 6), dx), np.full((6, 6), dy)]).astype(np.float32)


def rows(given: Case, found: Floats) -> dict[str, float]:
    prediction = Prediction("c0", dense={"dx": found[0], "dy": found[1]})
    return {row.metric: row.value for row in METRIC(given, prediction)}


def test_errors_in_mm_over_the_tissue() -> None:
    known = field(3.0, 4.0)
    known[:, 0, :] = 100.0  # air
    values = rows(case(known), field(3.0, 1.0))
    assert values["error before registration"] == pytest.approx(10.0)
    assert values["target registration error"] == pytest.approx(6.0)
    assert values["folding"] == 0
    assert rows(case(known, None), field(3.0, 1.0))["target registration error"] == pytest.approx(3.0)


def test_x_comes_before_y_in_folding() -> None:
    turned = np.zeros((2, 6, 6), np.float32)
    turned[0] = -2 * np.arange(6)[None]  # x runs backward: every point folds
    assert rows(case(None), turned)["folding"] == 1
    sheared = np.zeros((2, 6, 6), np.float32)
    sheared[0] = -2 * np.arange(6)[:, None]  # along y alone: a shear, which folds nothing
    assert rows(case(None), sheared)["folding"] == 0


def test_without_a_known_displacement_only_folding_is_measured() -> None:
    assert set(rows(case(None), field(0, 0))) == {"folding"}
    assert METRIC(case(field(1, 0)), Prediction("c0")) == []
