"""Cases of one kind: what is left to measure where every image is positive, or none is.

Sensitivity is of positive images alone and specificity of negative ones. All that ranks or weighs the two kinds
against each other has no meaning then: a precision of 1 where every image is positive says nothing of the model.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from xaimed.stats import Estimate, Results

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["positive", "negative"]
BOTH = re.compile(r"\b(?:AUC|accuracy|precision|predictive value|F1|MCC|likelihood ratio|ECE|Brier|calibration|net "
                  r"benefit|non-inferiority)\b")
CURVES = ("roc", "decision", "reliability")
LACKING: dict[Kind, str] = {"positive": "specificity", "negative": "sensitivity"}
REASONS: dict[Kind, str] = {"positive": "not defined: every image is positive",
                            "negative": "not defined: no image is positive"}


def only_kind(cases: pd.DataFrame, positive: str) -> Kind | None:
    """The kind of all cases that have a label; None where there are both, or no label."""
    known = cases.loc[cases["label"].notna() & (cases["label"] != ""), "label"]
    if not len(known) or known.eq(positive).nunique() > 1:
        return None
    return "positive" if known.iloc[0] == positive else "negative"


def of_one_kind(found: Results, kind: Kind | None) -> Results:
    """The results without a value for what needs both kinds, each with the reason; all of them for kind None."""
    if kind is None:
        return found
    return Results(tuple(_told(e, kind) for e in found.estimates),
                   {name: curve for name, curve in found.curves.items() if not name.startswith(CURVES)})


def _told(estimate: Estimate, kind: Kind) -> Estimate:
    # What follows ": " is the name of a model.
    name = estimate.name.partition(": ")[0]
    if BOTH.search(name) is None and LACKING[kind] not in name:
        return estimate
    return replace(estimate, value=math.nan, low=math.nan, high=math.nan, interval=REASONS[kind])


def sentence(kind: Kind, positive: str, detection: bool) -> str:
    """What can be computed of cases of one kind, what cannot, and why, in a sentence without its full stop."""
    told, left, lacks = {
        "positive": (f"Every case with a label is {positive!r}", "sensitivity", "negative"),
        "negative": (f"No case is {positive!r}", "specificity", "positive")}[kind]
    marks = ", false positives per image" if detection else ""
    return (f"{told}: {left}{marks} and the share called positive can be computed; {LACKING[kind]}, AUC, accuracy, "
            f"predictive values and calibration cannot, as they need {lacks} cases too")
