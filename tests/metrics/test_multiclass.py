"""Measures over classes that exclude each other: by hand, and beside scikit-learn's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, recall_score, roc_auc_score

from tests.metrics.drawn_tables import HOME, tables
from xaimed.metrics.evidence import EDGES, evidence
from xaimed.metrics.judged import Judged, JudgeOptions
from xaimed.metrics.multiclass import METRIC
from xaimed.stats import Resampling, Results, wilson

NAMES = ("benign", "malignant", "normal")


def judged(labels: list[str | None], scores: np.ndarray, names: tuple[str, ...] = NAMES, per_patient: int = 1,
           box: int = 0) -> Judged:
    """Images with one label and one score a class; `box`: how many images have a reference box."""
    cases = pd.DataFrame([{"case": f"c{i:03d}", "patient": f"p{i // per_patient:03d}", "split": "test", "label": label}
                          for i, label in enumerate(labels)])
    edges = dict(zip(EDGES, HOME, strict=True))
    truth = pd.DataFrame([{"case": f"c{i:03d}", "target": "t0", "label": labels[i], **edges} for i in range(box)],
                         columns=["case", "target", "label", *EDGES])
    rows = [{"case": f"c{i:03d}", "condition": "clean", "target": name, "label": name, "score": float(score),
             **dict.fromkeys(EDGES, np.nan)} for i, row in enumerate(scores)
            for name, score in zip(names, row, strict=True)]
    found = evidence(cases, truth, pd.DataFrame(rows))
    return Judged(found, 0.5, JudgeOptions(resamples=200), Resampling.of(found.patients, 200))


def values(found: Results) -> dict[str, float]:
    return {e.name: e.value for e in found.estimates}


def drawn(count: int, seed: int) -> tuple[list[str | None], np.ndarray]:
    draw = np.random.default_rng(seed)
    truth = draw.choice(3, count, p=[0.5, 0.3, 0.2])
    scores = draw.dirichlet([1, 1, 1], count) + 0.4 * np.eye(3)[truth]
    return [NAMES[i] for i in truth], scores / scores.sum(axis=1, keepdims=True)


def test_five_images_by_hand() -> None:
    scores = np.array([[.6, .3, .1], [.2, .7, .1], [.5, .4, .1], [.1, .2, .7], [.3, .4, .3]])
    found = METRIC(judged(["benign", "malignant", "malignant", "normal", "normal"], scores))
    assert values(found) == pytest.approx({
        "accuracy of the best class": 3 / 5, "balanced accuracy": (1 + 1 / 2 + 1 / 2) / 3, "recall benign": 1.0,
        "recall malignant": 0.5, "recall normal": 0.5,
        # benign .6 against .2 .5 .1 .3; malignant .7 .4 against .3 .2 .4; normal .7 .3 against .1 .1 .1
        "AUC benign against the rest": 1.0, "AUC malignant against the rest": 5.5 / 6,
        "AUC normal against the rest": 1.0, "mean AUC of the classes": (1 + 5.5 / 6 + 1) / 3})
    right = found.find("accuracy of the best class")
    assert right is not None
    assert (right.numerator, right.denominator, right.low, right.high) == (3, 5, *wilson(3, 5))
    assert right.rule == "the class with the highest score"


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_agrees_with_scikit_learn(seed: int) -> None:
    labels, scores = drawn(150, seed)
    found, best = values(METRIC(judged(labels, scores))), [NAMES[i] for i in scores.argmax(axis=1)]
    assert found["balanced accuracy"] == pytest.approx(balanced_accuracy_score(labels, best))
    for name, recall in zip(NAMES, recall_score(labels, best, average=None, labels=NAMES), strict=True):
        assert found[f"recall {name}"] == pytest.approx(recall)
    assert found["mean AUC of the classes"] == pytest.approx(
        roc_auc_score(labels, scores, multi_class="ovr", average="macro", labels=NAMES))


def test_intervals_hold_the_value_and_are_wider_by_patient() -> None:
    labels, scores = drawn(120, 3)
    alone = METRIC(judged(labels, scores)).find("balanced accuracy")
    # Four images of one patient that are all alike carry the information of one.
    clustered = METRIC(judged([x for x in labels for _ in range(4)], np.repeat(scores, 4, axis=0),
                              per_patient=4)).find("balanced accuracy")
    assert alone is not None
    assert clustered is not None
    assert alone.low < alone.value < alone.high
    assert clustered.value == pytest.approx(alone.value)
    assert (clustered.low, clustered.high) == pytest.approx((alone.low, alone.high), abs=0.04)


def test_two_classes_have_no_mean_auc_of_their_own() -> None:
    found = values(METRIC(judged(["benign", "malignant"], np.array([[.9, .1], [.6, .4]]), NAMES[:2])))
    assert found == {"accuracy of the best class": 0.5, "balanced accuracy": 0.5, "recall benign": 1.0,
                     "recall malignant": 0.0}


def test_a_class_without_a_case_counts_nowhere() -> None:
    scores = np.array([[.6, .3, .1], [.2, .7, .1], [.1, .2, .7]])
    found = values(METRIC(judged(["benign", "malignant", "malignant"], scores)))
    assert found["balanced accuracy"] == pytest.approx((1 + 1 / 2) / 2)
    assert not any("normal" in name for name in found)


def test_images_without_a_known_label_are_left_out() -> None:
    labels, scores = drawn(40, 4)
    extra = np.vstack([scores, np.eye(3)])
    known = METRIC(judged(labels, scores))
    assert values(METRIC(judged([*labels, None, None, None], extra)))["balanced accuracy"] == pytest.approx(
        values(known)["balanced accuracy"])


def test_reference_boxes_of_a_classifier_do_not_silence_it() -> None:
    labels, scores = drawn(30, 5)
    without, boxed = (values(METRIC(judged(labels, scores, box=count))) for count in (0, 30))
    assert boxed == pytest.approx(without)


def test_it_is_silent_for_a_detector_and_for_strange_labels() -> None:
    marks = tables([("p0", "benign", [HOME], [("malignant", 0.9, HOME)]), ("p1", "malignant", [], [])])
    found = evidence(*marks.parts())
    assert not METRIC(Judged(found, 0.5, JudgeOptions(resamples=50), Resampling.of(found.patients, 50))).estimates
    labels, scores = drawn(10, 6)
    assert not METRIC(judged([*labels[:-1], "cyst"], scores)).estimates
    assert not METRIC(judged([None] * 10, scores)).estimates
