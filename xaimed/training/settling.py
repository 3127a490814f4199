"""What is chosen on validation: calibration lines of the classes, and the outputs that they are fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from xaimed import tables
from xaimed.adapters.loading import adapter_of
from xaimed.adapters.model import Model
from xaimed.adapters.modelfile import ModelFile, network_of
from xaimed.types import Case

Tables = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


def model_of(file: ModelFile, device: str) -> Model:
    """The model of a file, on a device."""
    model: Model = adapter_of(file.task)(file, network_of(file), device)
    return model


def outputs(model: Model, cases: Sequence[Case]) -> Tables:
    """The tables cases, truth and predictions of a run folder, in memory, without explanations."""
    merged: dict[str, list[tables.Row]] = {"cases": [], "truth": [], "predictions": []}
    for case in cases:
        rows = tables.case_rows(case, model.predict([case])[0], ())
        for name, so_far in merged.items():
            so_far.extend(rows[name])
    found = [tables.frame(name, rows) for name, rows in merged.items()]
    return found[0], found[1], found[2]


def image_scores(predictions: pd.DataFrame, label: str) -> dict[str, float]:
    """Case to the image-level score of a class."""
    rows = predictions[predictions["target"] == label]
    return dict(zip(rows["case"], rows["score"], strict=True))


def calibration(predictions: pd.DataFrame, cases: Sequence[Case], classes: Sequence[str]) -> dict[str, Any]:
    """Platt's line for the image score of each class against the rest, where the cases hold both."""
    from xaimed.metrics.calibration import fit_calibration

    lines = {}
    for name in classes:
        score = image_scores(predictions, name)
        positive = np.array([case.label == name for case in cases])
        if 0 < positive.sum() < len(cases):
            slope, intercept = fit_calibration(np.array([score[case.id] for case in cases]), positive)
            lines[name] = {"slope": slope, "intercept": intercept}
    return lines


def youden(scores: Sequence[float], positive: Sequence[bool]) -> float:
    """The score from which a case counts as positive with the largest sensitivity + specificity (Youden 1950).

    Halfway to the next lower score; 0.5 where one of the two kinds of cases is missing.
    """
    values, truth = np.asarray(scores, float), np.asarray(positive, bool)
    if not 0 < truth.sum() < len(truth):
        return 0.5
    cuts = np.unique(values)
    gain = [truth[values >= cut].sum() / truth.sum() - (~truth)[values >= cut].sum() / (~truth).sum() for cut in cuts]
    best = int(np.argmax(gain))
    return float(cuts[best] if best == 0 else (cuts[best] + cuts[best - 1]) / 2)
