"""What is chosen on validation: Youden's threshold, calibration lines, and the tables that they are read from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from sklearn.metrics import roc_curve

from xaimed.adapters.modelfile import ModelFile, built
from xaimed.metrics.calibration import fit_calibration
from xaimed.training.settling import calibration, image_scores, model_of, outputs, youden
from xaimed.types import Case


def test_the_cut_lies_halfway_below_the_lowest_score_that_counts() -> None:
    assert youden([0.1, 0.2, 0.6, 0.9], [False, False, True, True]) == pytest.approx(0.4)
    assert youden([0.1, 0.7, 0.6, 0.9], [False, False, True, True]) in (pytest.approx(0.35), pytest.approx(0.8))
    assert youden([0.5, 0.5], [True, False]) == 0.5


@pytest.mark.parametrize("truth", [[True, True], [False, False], []])
def test_one_kind_of_cases_alone_gives_one_half(truth: list[bool]) -> None:
    assert youden([0.2, 0.9][:len(truth)], truth) == 0.5


@given(some.lists(some.tuples(some.integers(0, 12), some.booleans()), min_size=2, max_size=40))
def test_no_other_threshold_of_the_roc_curve_has_a_larger_index(rows: list[tuple[int, bool]]) -> None:
    scores, truth = [s / 12 for s, _ in rows], [t for _, t in rows]
    if len(set(truth)) < 2:
        return
    called = np.array(scores) >= youden(scores, truth)
    positive = np.array(truth)
    false, true, _ = roc_curve(truth, scores)
    assert called[positive].mean() - called[~positive].mean() == pytest.approx(float((true - false).max()))

LEVELS = (0.1, 0.3, 0.6, 0.4, 0.7, 0.9)


def model_and_cases() -> tuple[ModelFile, list[Case]]:
    """A network whose logit is the mean of the image, and grey images of rising brightness."""
    arguments = {"outputs": 1, "channels": 1, "widths": [1], "stride": 1}
    network = built("plain_cnn", arguments)
    with torch.no_grad():
        network.features[0].weight.zero_()  # type: ignore[index,union-attr,operator]
        network.features[0].weight[0, 0, 1, 1] = 1.0  # type: ignore[index,union-attr,operator]
        network.linear.weight.fill_(8.0)  # type: ignore[union-attr,operator]
        network.linear.bias.fill_(-4.0)  # type: ignore[union-attr,operator]
    steps = {"segment": False, "crop": False, "stretch": None, "long_side": 0, "multiple": 1,
           "filters": {"median": 0, "gaussian": 0.0, "bilateral": 0}}
    file = ModelFile("plain_cnn", arguments, "classification", ("dark", "bright"), steps, network.state_dict())
    cases = [Case(f"c{i}", np.full((1, 8, 8), level, np.float32), label="bright" if i > 2 else "dark")
             for i, level in enumerate(LEVELS)]
    return file, cases


def expected(level: float) -> float:
    """The sigmoid of the logit; the BatchNorm before it divides by the root of 1 + 1e-5."""
    return float(1 / (1 + np.exp(-(8 * level / np.sqrt(1 + 1e-5) - 4))))


def test_outputs_are_the_tables_of_a_run() -> None:
    file, cases = model_and_cases()
    table, truth, predictions = outputs(model_of(file, "cpu"), cases)
    assert list(table["case"]) == [case.id for case in cases]
    assert list(table["label"]) == ["dark"] * 3 + ["bright"] * 3
    assert len(truth) == 0
    scores = image_scores(predictions, "bright")
    assert scores == pytest.approx({f"c{i}": expected(x) for i, x in enumerate(LEVELS)}, abs=1e-4)
    dark = image_scores(predictions, "dark")
    assert all(dark[case] + scores[case] == pytest.approx(1, abs=1e-6) for case in scores)


def test_calibration_is_a_line_a_class_and_none_for_a_class_that_all_or_no_cases_have() -> None:
    file, cases = model_and_cases()
    predictions = outputs(model_of(file, "cpu"), cases)[2]
    lines = calibration(predictions, cases, file.classes)
    score = image_scores(predictions, "bright")
    slope, intercept = fit_calibration(np.array([score[c.id] for c in cases]),
                                       np.array([c.label == "bright" for c in cases]))
    assert lines["bright"] == {"slope": pytest.approx(slope), "intercept": pytest.approx(intercept)}
    # The other class has the mirrored scores and the mirrored truth.
    assert lines["dark"]["slope"] == pytest.approx(slope, rel=1e-3)
    assert lines["dark"]["intercept"] == pytest.approx(-intercept, abs=1e-3)
    assert calibration(predictions, cases[3:], file.classes) == {}


def test_an_empty_validation_split_gives_empty_tables() -> None:
    file, _ = model_and_cases()
    table, _, predictions = outputs(model_of(file, "cpu"), [])
    assert len(table) == len(predictions) == 0
    assert image_scores(predictions, "bright") == {}
