"""Whether a model beats what needs no network, on the same cases: both values, and their difference with its interval.

    python examples/trivial_baseline.py models/NAME/model.pt --data ROOT

Classification: the nearest class mean of the training images, by balanced accuracy. Anomaly and energy: the squared
distance from the mean training image, by AUC; two modalities: how far the brightest pixel of the second stands out of
its mean. Generation: a table from grey to grey, learned on the training images, by SSIM. Images are compared at 32
pixels a side; intervals are the patient bootstrap (2000).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from xaimed import load_model
from xaimed.adapters.model import Model
from xaimed.data.dataset import DataRequest, Selection, opened
from xaimed.metrics.synthesis import ssim
from xaimed.stats import Resampling, auc, percentile, ratio
from xaimed.types import Case, Floats

Values = NDArray[np.float64]
Statistic = Callable[[Values], Values]
LEVELS = 64


def small(case: Case) -> Values:
    """The planes at 32 x 32 pixels, one after the other."""
    planes = [cv2.resize(np.ascontiguousarray(p), (32, 32), interpolation=cv2.INTER_AREA) for p in case.image]
    return np.concatenate([p.ravel() for p in planes]).astype(np.float64)


def nearest_mean(model: Model, train: Selection, cases: Sequence[Case]) -> tuple[Statistic, Statistic]:
    """Balanced accuracy of the model and of the nearest class mean, as functions of case weights (R, n)."""
    points, labels = np.stack([small(case) for case in train]), np.array([str(row.label) for row in train.rows])
    means = np.stack([points[labels == name].mean(axis=0) for name in model.classes])
    truth = np.array([model.classes.index(str(case.label)) for case in cases])
    near = np.array([((means - small(case)) ** 2).sum(axis=1).argmin() for case in cases])
    said = np.array([model.classes.index(max(p.scores, key=lambda name: p.scores[name])) for p in model.predict(cases)])
    return _balanced(said == truth, truth), _balanced(near == truth, truth)


def _balanced(right: NDArray[np.bool_], truth: NDArray[np.int64]) -> Statistic:
    parts = [(truth == index).astype(np.float64) for index in np.unique(truth)]
    return lambda w: np.mean([ratio(w @ (right * part), w @ part) for part in parts], axis=0)


def distance(model: Model, train: Selection, cases: Sequence[Case]) -> tuple[Statistic, Statistic]:
    """AUC of the model and of the distance from the mean training image."""
    name = model.classes[-1]
    positive = np.array([case.label == name for case in cases])
    own = np.array([p.scores[name] for p in model.predict(cases)])
    centre = np.mean([small(case) for case in train], axis=0)
    plain = np.array([((small(case) - centre) ** 2).sum() for case in cases])
    return (lambda w: auc(own, positive, w)), (lambda w: auc(plain, positive, w))


def brightest(model: Model, cases: Sequence[Case]) -> tuple[Statistic, Statistic]:
    """AUC of the model and of the brightest pixel of the second modality over its mean."""
    name = model.classes[-1]
    positive = np.array([case.label == name for case in cases])
    own = np.array([p.scores[name] for p in model.predict(cases)])
    plain = np.array([float(case.image[1].max() - case.image[1].mean()) for case in cases])
    return (lambda w: auc(own, positive, w)), (lambda w: auc(plain, positive, w))


def grey_table(model: Model, train: Selection, cases: Sequence[Case]) -> tuple[Statistic, Statistic]:
    """Mean SSIM of the model and of a table that gives each grey the mean wanted grey of the training images."""
    pairs = [(case.image[0].ravel(), _wanted(case).ravel()) for case in train]
    level = np.concatenate([_level(image) for image, _ in pairs])
    sums = np.bincount(level, np.concatenate([made for _, made in pairs]), LEVELS)
    table = (sums / np.maximum(np.bincount(level, minlength=LEVELS), 1)).astype(np.float32)
    own = np.array([ssim(p.dense["image"], _wanted(case), 1.0)
                    for p, case in zip(model.predict(cases), cases, strict=True)])
    plain = np.array([ssim(table[_level(case.image[0])], _wanted(case), 1.0) for case in cases])
    return (lambda w: ratio(w @ own, w.sum(axis=1))), (lambda w: ratio(w @ plain, w.sum(axis=1)))


def _level(image: Floats) -> NDArray[np.int64]:
    return np.clip((image * LEVELS).astype(np.int64), 0, LEVELS - 1)


def _wanted(case: Case) -> Floats:
    if case.wanted is None:
        raise SystemExit(f"case {case.id} has no wanted image")
    first: Floats = case.wanted[0]
    return first


def statistics(model: Model, train: Selection, cases: Sequence[Case]) -> tuple[Statistic, Statistic]:
    """Those of the model and of the baseline of its task."""
    if model.file.task == "generation":
        return grey_table(model, train, cases)
    if model.file.task == "classification":
        return nearest_mean(model, train, cases)
    return brightest(model, cases) if len(cases[0].image) == 2 else distance(model, train, cases)


def main(given: Sequence[str] | None = None) -> dict[str, tuple[float, float, float]]:
    """Print and return the value, low and high of the model, the baseline and their difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, help="the folder that holds the datasets; else XAIMED_DATA")
    chosen = parser.parse_args(given)
    model = load_model(chosen.model)
    training = model.file.training
    request = DataRequest(str(training["dataset"]), chosen.data, options=dict(training.get("data_options", {})))
    train, test = opened(request, "train"), opened(request, "test")
    cases = test[:]
    own, plain = statistics(model, train, cases)
    patients = [row.patient for row in test.rows]
    draws, every = Resampling.of(patients), np.ones((1, len(cases)))
    out = {}
    for name, statistic in (("model", own), ("baseline", plain), ("difference", lambda w: own(w) - plain(w))):
        out[name] = (float(statistic(every)[0]), *percentile(draws.run(patients, statistic)))
        print(f"{name:<11}{out[name][0]:.3f} ({out[name][1]:.3f} to {out[name][2]:.3f})")
    return out


if __name__ == "__main__":
    main()
