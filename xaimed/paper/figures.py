"""Figures as a paper prints them: what each is of a confusion matrix, and which exact values its digits allow."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from xaimed.errors import InputError, unknown

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]
CELLS = ("tp", "fn", "fp", "tn")
Weights = tuple[int, int, int, int]

# A share top / (top + rest), each a sum over (tp, fn, fp, tn).
SHARES: Mapping[str, tuple[Weights, Weights]] = {
    "accuracy": ((1, 0, 0, 1), (0, 1, 1, 0)), "error rate": ((0, 1, 1, 0), (1, 0, 0, 1)),
    "sensitivity": ((1, 0, 0, 0), (0, 1, 0, 0)), "false negative rate": ((0, 1, 0, 0), (1, 0, 0, 0)),
    "specificity": ((0, 0, 0, 1), (0, 0, 1, 0)), "false positive rate": ((0, 0, 1, 0), (0, 0, 0, 1)),
    "precision": ((1, 0, 0, 0), (0, 0, 1, 0)), "negative predictive value": ((0, 0, 0, 1), (0, 1, 0, 0)),
    "F1": ((2, 0, 0, 0), (0, 1, 1, 0)), "Jaccard index": ((1, 0, 0, 0), (0, 1, 1, 0)),
    "prevalence": ((1, 1, 0, 0), (0, 0, 1, 1))}
ALIASES: Mapping[str, str] = {
    "recall": "sensitivity", "tpr": "sensitivity", "tnr": "specificity", "ppv": "precision",
    "npv": "negative predictive value", "fpr": "false positive rate", "fnr": "false negative rate", "f1": "F1",
    "mcc": "MCC", "auc": "AUC", "jaccard": "Jaccard index"}
AUC = "AUC"
ROUNDINGS = ("rounded", "truncated", "either")
FINEST = Fraction(1, 10**7)
PRINTED = re.compile(r"(-?)(\d+(?:\.(\d+))?)(\s*%)?")


@dataclass(frozen=True)
class Figure:
    """A figure with the digits it was printed with. value: the share. step: one unit of the last digit."""

    name: str
    text: str
    value: Fraction
    step: Fraction

    def limits(self, rounding: str) -> tuple[Fraction, Fraction]:
        """The smallest and largest exact value that prints so; both ends count.

        rounding: "rounded" (to the nearest, a half either way), "truncated" (towards 0), or "either".
        """
        half, low, high = self.step / 2, self.value, self.value
        if rounding in ("rounded", "either"):
            low, high = self.value - half, self.value + half
        if rounding in ("truncated", "either"):
            # One part in 10^6 of a step short of the next digit: no share of fewer than 10^6 lies between.
            reach = self.step * Fraction(999999, 1000000)
            low, high = (low, self.value + reach) if self.value >= 0 else (self.value - reach, high)
        return low, high


def figure(name: str, text: object) -> Figure:
    """The figure of a name and its printed text, "91.86 %" or "0.919".

    Raises NotFound for an unknown name, InputError for a text that is no number in its range.
    """
    plain = ALIASES.get(name.lower(), name.replace("_", " "))
    known = {**SHARES, **OTHERS, AUC: None}
    if plain not in known:
        raise unknown("figure", name, [*known, *ALIASES])
    match = PRINTED.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InputError(f"{name} = {text!r}; expected the figure as it is printed, in quotation marks, such as "
                         '"91.86 %" or "0.919": the number of digits is part of what is checked')
    scale = 100 if match[4] else 1
    step = Fraction(1, scale * 10 ** len(match[3] or ""))
    value = Fraction(Decimal(match[1] + match[2])) / scale
    lowest = -1 if plain in ("MCC", "kappa") else 0
    if step < FINEST:
        raise InputError(f"{name} = {text!r} has more digits than can be checked; expected steps of {float(FINEST):g} "
                         "or more")
    if not lowest <= value <= 1:
        raise InputError(f"{name} = {text!r} is {float(value):g}; expected a share in [{lowest}, 1]: "
                         'write a percentage with its sign, "91.86 %"')
    return Figure(plain, text if isinstance(text, str) else "", value, step)


def share(name: str, cells: Ints) -> Doubles:
    """(k,) values of a figure over the matrices (k, 4) of tp, fn, fp, tn; NaN where it is not defined."""
    if name not in SHARES:
        return OTHERS[name](cells.astype(np.float64))
    top, rest = (cells @ np.array(part) for part in SHARES[name])
    return _ratio(top.astype(np.float64), (top + rest).astype(np.float64))


def balanced_accuracy(cells: Doubles) -> Doubles:
    """The mean of sensitivity and specificity: the area under a ROC curve through this one point."""
    tp, fn, fp, tn = cells.T
    return (_ratio(tp, tp + fn) + _ratio(tn, tn + fp)) / 2


def matthews(cells: Doubles) -> Doubles:
    """The correlation of call and truth (Matthews 1975)."""
    tp, fn, fp, tn = cells.T
    return _ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


def kappa(cells: Doubles) -> Doubles:
    """Agreement of call and truth beyond chance (Cohen 1960)."""
    tp, fn, fp, tn = cells.T
    total = tp + fn + fp + tn
    chance = ((tp + fn) * (tp + fp) + (tn + fp) * (tn + fn)) / np.maximum(total, 1) ** 2
    return _ratio(_ratio(tp + tn, total) - chance, 1 - chance)


def _ratio(top: Doubles, bottom: Doubles) -> Doubles:
    out: Doubles = np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0)
    return out


OTHERS: Mapping[str, Callable[[Doubles], Doubles]] = {
    "balanced accuracy": balanced_accuracy, "MCC": matthews, "kappa": kappa}
