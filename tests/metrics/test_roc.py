"""Image, patient and lesion areas under the ROC curve."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.metrics.drawn_tables import AWAY, HOME, Tables, random_tables, tables, ten_cases
from xaimed.metrics.evidence import evidence
from xaimed.metrics.judged import Judged, JudgeOptions
from xaimed.metrics.roc import METRIC, Ranking, area, curve, found_lesions, images, patients
from xaimed.stats import Estimate, Resampling, Results, wilson


def judged(made: Tables, operating_point: float = 0.5) -> Judged:
    options = JudgeOptions(resamples=200)
    found = evidence(*made.parts())
    return Judged(found, operating_point, options, Resampling.of(found.patients, options.resamples))


def named(found: Results, name: str) -> Estimate:
    estimate = found.find(name)
    assert estimate is not None, [e.name for e in found.estimates]
    return estimate


def test_ten_cases_by_hand() -> None:
    # Malignant images score .9 .6 .02 .3 .2, the others .7 .85 .02 .4 .02: 12 of 25 pairs are ranked right.
    found = METRIC(judged(ten_cases()))
    image = named(found, "image AUC malignant")
    yes, no = [0.9, 0.6, 0.02, 0.3, 0.2], [0.7, 0.85, 0.02, 0.4, 0.02]
    expected = np.mean([(a > b) + 0.5 * (a == b) for a in yes for b in no])
    assert image.value == pytest.approx(expected)
    assert (image.numerator, image.denominator, image.interval) == (5, 10, "DeLong, logit scale")
    assert named(found, "patient AUC malignant").value == image.value
    # Found at 0.5 are c0 (.9), c1 (benign, .7) and c2 (.6): one of two malignant lesions is above the benign one.
    lesions = named(found, "benign/malignant AUC, lesions found")
    assert (lesions.value, lesions.numerator, lesions.denominator, lesions.unit) == (0.5, 2, 3, "lesion")


def test_clustered_images_get_the_bootstrap_and_patients_their_highest_score() -> None:
    made = random_tables(120, 7)
    found = METRIC(judged(made))
    image = named(found, "image AUC malignant")
    assert image.interval == "patient bootstrap (200, seed 0)"
    assert named(found, "image AUC malignant (images taken as independent)").value == image.value
    scores = made.predictions[made.predictions["target"] == "malignant"].set_index("case")["score"]
    table = made.cases.assign(score=made.cases["case"].map(scores), yes=made.cases["label"] == "malignant")
    assert image.value == pytest.approx(roc_auc_score(table["yes"], table["score"]))
    people = table.groupby("patient").agg({"score": "max", "yes": "max"})
    assert named(found, "patient AUC malignant").value == pytest.approx(roc_auc_score(people["yes"], people["score"]))


def test_images_with_a_lesion_are_ranked_by_the_difference_of_the_classes() -> None:
    made = random_tables(120, 7)
    rows = made.predictions[made.predictions["x0"].isna()].pivot_table(index="case", columns="target", values="score")
    sick = made.cases[made.cases["label"] != "normal"].set_index("case")
    margin = (rows["malignant"] - rows["benign"]).loc[sick.index]
    found = named(METRIC(judged(made)), "benign/malignant AUC, images with a lesion")
    assert found.value == pytest.approx(roc_auc_score(sick["label"] == "malignant", margin))


def test_a_lesion_is_scored_by_the_marks_on_it_alone() -> None:
    marks = [("benign", 0.6, HOME), ("malignant", 0.4, HOME), ("malignant", 0.9, AWAY)]
    made = tables([("p0", "malignant", [HOME], marks)])
    ranking = found_lesions(judged(made))
    assert ranking.scores.tolist() == [pytest.approx(-0.2)]
    assert ranking.positive.tolist() == [True]


def test_all_pairs_ranked_right_gives_an_interval_by_the_rarer_class() -> None:
    ranking = Ranking(np.r_[np.ones(4), np.zeros(20)], np.r_[np.ones(4, bool), np.zeros(20, bool)],
                      [f"p{i}" for i in range(24)])
    found = area("x", ranking, Resampling.of(ranking.patients, 50))
    assert (found.value, found.low, found.high) == (1.0, *wilson(4, 4))
    assert found.interval == "Wilson on 4 patients (no overlap)"


@pytest.mark.parametrize("label", ["malignant", "normal"])
def test_one_class_alone_has_no_area(label: str) -> None:
    made = tables([(f"p{i // 2}", label, [], []) for i in range(6)])
    found = METRIC(judged(made))
    assert all(math.isnan(e.value) and math.isnan(e.low) for e in found.estimates)


def test_images_without_a_label_are_left_out() -> None:
    made = random_tables(40, 1)
    made.cases.loc[3, "label"] = None
    assert len(images(evidence(*made.parts()), "malignant").scores) == 39


def test_a_patient_is_positive_if_one_image_is() -> None:
    found = patients(Ranking(np.array([0.9, 0.1, 0.3]), np.array([False, True, False]), ["b", "b", "a"]))
    assert list(found.patients) == ["a", "b"]
    assert (found.scores.tolist(), found.positive.tolist()) == ([0.3, 0.9], [False, True])


def test_the_curve_runs_from_the_corner_to_the_corner() -> None:
    made = random_tables(60, 3)
    ranking = images(evidence(*made.parts()), "malignant")
    columns = curve(ranking, Resampling.of(ranking.patients, 50))
    assert set(columns) == {"fpr", "tpr", "low", "high", "threshold"}
    assert (columns["fpr"][0], columns["fpr"][-1], columns["tpr"][-1]) == (0.0, 1.0, 1.0)
    below = np.trapezoid(columns["tpr"], columns["fpr"])
    assert below == pytest.approx(roc_auc_score(ranking.positive, ranking.scores), abs=1e-9)
