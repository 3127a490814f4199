"""Whether a segmenter beats what needs no network, on the same cases: the paired difference of Dice with its interval.

    python examples/segmentation_baseline.py RUN --data ROOT      RUN: the folder that `xaimed audit` wrote

Two baselines learn from the train split alone. "atlas": at each pixel the class that is the commonest there in
training, for images of one pose. "grey": the pixels whose smoothed grey is below the threshold that gives the best Dice
in training, for one dark class; without --fast every training case is used, with it eight.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from xaimed.data.dataset import DataRequest, Selection, opened
from xaimed.metrics.segmentation import dice
from xaimed.run import Run
from xaimed.stats import Resampling, mean_interval
from xaimed.types import Case, Mask

Guess = dict[str, Mask]
THRESHOLDS = np.linspace(0.1, 0.9, 41)
SMOOTH = 1.5  # pixels


def atlas(train: Sequence[Case], classes: Sequence[str]) -> Guess:
    """The commonest class at each pixel, nothing where no class is the commonest. All images are of one size."""
    shares = np.mean([[case.segments[name] for name in classes] for case in train], axis=0)
    best = np.concatenate([1 - shares.sum(axis=0, keepdims=True), shares]).argmax(axis=0)
    return {name: best == number for number, name in enumerate(classes, start=1)}


def smoothed(case: Case) -> NDArray[np.float32]:
    """The centre plane under a Gaussian."""
    return np.asarray(cv2.GaussianBlur(case.image[len(case.image) // 2], (0, 0), SMOOTH), np.float32)


def threshold(train: Sequence[Case], name: str) -> float:
    """The grey below which the Dice of the training cases is the best on average."""
    found = [[dice(smoothed(case) < level, case.segments[name]) for case in train] for level in THRESHOLDS]
    return float(THRESHOLDS[int(np.nanmean(found, axis=1).argmax())])


def of_cases(cases: Selection, train: Sequence[Case], classes: Sequence[str]) -> dict[str, dict[str, float]]:
    """For each baseline the mean Dice over the classes of each case."""
    one = len(classes) == 1
    level = threshold(train, classes[0]) if one else 0.0
    fixed = {} if one else atlas(train, classes)
    out: dict[str, dict[str, float]] = {"grey" if one else "atlas": {}, "everything" if one else "nothing": {}}
    for case in cases:
        empty = np.zeros((case.height, case.width), bool)
        guesses = {"grey": {classes[0]: smoothed(case) < level}, "everything": {classes[0]: ~empty}, "atlas": fixed,
                   "nothing": dict.fromkeys(classes, empty)}
        for kind, values in out.items():
            known = [name for name in classes if case.segments[name].any()]
            values[case.id] = float(np.mean([dice(guesses[kind][name], case.segments[name]) for name in known]))
    return out


def difference(run: Run, baseline: dict[str, float]) -> tuple[float, float, float]:
    """The mean over cases of the model's Dice less the baseline's, low and high as `stats.mean_interval` makes them."""
    rows = run.scores[(run.scores["metric"] == "Dice") & (run.scores["method"].fillna("") == "")
                      & (run.scores["condition"] == "clean")]
    own = rows.groupby("case")["value"].mean()
    patients = run.cases.set_index("case")["patient"]
    names = [name for name in own.index if np.isfinite(own[name])]
    gaps = np.array([own[name] - baseline[name] for name in names])
    owners = [str(patients[name]) for name in names]
    low, high, _ = mean_interval(gaps, owners, Resampling.of(owners), (-1.0, 1.0))
    return float(gaps.mean()), low, high


def main(given: Sequence[str] | None = None) -> dict[str, tuple[float, float, float]]:
    """Print a line for each baseline; the differences by name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, help="the folder that holds the datasets; else XAIMED_DATA")
    parser.add_argument("--fast", action="store_true", help="learn from eight training cases")
    chosen = parser.parse_args(given)
    run = Run.open(chosen.run)
    model = run.meta["model"]
    request = DataRequest(str(run.meta["data"]["name"]), chosen.data, options=model["training"].get("data_options", {}))
    split = opened(request, "train")
    train, audited = split[:8] if chosen.fast else split[:], set(run.cases["case"])
    whole = opened(request, str(run.meta["data"]["split"]))
    kept = Selection(whole.dataset, [i for i, row in zip(whole.indices, whole.rows, strict=True)
                                     if row.case in audited], whole.split)
    out = {}
    for kind, values in of_cases(kept, train, model["classes"]).items():
        out[kind] = difference(run, values)
        mean, low, high = out[kind]
        own = float(np.mean(list(values.values())))
        print(f"{kind:<10} Dice {own:.3f}, the model {mean:+.3f} ({low:+.3f} to {high:+.3f})")
    return out


if __name__ == "__main__":
    main()
