"""Anomaly: how well scores put what is abnormal first, by AUROC and by the area under precision and recall."""

from __future__ import annotations

import math

import numpy as np

from xaimed.errors import InputError
from xaimed.stats import Array, Bools, auc


def auroc(scores: Array, abnormal: Bools) -> float:
    """The area under the ROC curve, ties half; NaN without some of each."""
    _check(scores, abnormal)
    return float(auc(scores, abnormal)[0])


def auprc(scores: Array, abnormal: Bools) -> float:
    """The average precision: precision at each threshold, weighted by the recall gained there; not interpolated.

    Its value for scores that say nothing is the share of the abnormal, which has to be given with it. NaN without an
    abnormal one.
    """
    _check(scores, abnormal)
    if not abnormal.any():
        return math.nan
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    right = np.cumsum(abnormal[order])[ends]
    return float((np.diff(right, prepend=0) * right / (ends + 1)).sum() / right[-1])


def _check(scores: Array, abnormal: Bools) -> None:
    if scores.shape != abnormal.shape or scores.ndim != 1:
        raise InputError(f"scores {scores.shape} and truth {abnormal.shape}; expected (n,) twice")
    if not np.isfinite(scores).all():
        raise InputError(f"{int((~np.isfinite(scores)).sum())} of {len(scores)} are not finite; expected numbers")
