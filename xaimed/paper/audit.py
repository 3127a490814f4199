"""The audit of a paper: matrices that fit its figures, intervals, contradictions and questions.

A contradiction follows from the paper's own numbers. A question is what the paper would have to answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from xaimed.paper.figures import AUC, SHARES, Figure, Ints, Weights, share
from xaimed.paper.search import ONES, Sizes, search
from xaimed.paper.sheet import Sheet, cell_sums
from xaimed.stats import wilson

IMAGES: Weights = ONES
EXTRA: Weights = (1, 1, 0, 1)
RULES: dict[str, Weights] = {
    "every unit once": IMAGES, "false positives counted as extra negatives": EXTRA}
INTERVALS = ("accuracy", "sensitivity", "specificity", "precision", "negative predictive value")
SMALL = 10
LARGE_SHARE = 0.4
Outcome = Literal["contradiction", "question", "fits"]


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix."""

    tp: int
    fn: int
    fp: int
    tn: int

    @property
    def total(self) -> int:
        """The sum of the four counts."""
        return self.tp + self.fn + self.fp + self.tn

    @property
    def text(self) -> str:
        """The counts as one line."""
        return f"TP {self.tp}, FN {self.fn}, FP {self.fp}, TN {self.tn} (n = {self.total})"

    def value(self, name: str) -> float:
        """The value of a figure; NaN where it is not defined."""
        return float(share(name, np.array([[self.tp, self.fn, self.fp, self.tn]], np.int64))[0])


@dataclass(frozen=True)
class Remark:
    """What was found, and what it says."""

    outcome: Outcome
    topic: str
    text: str


@dataclass(frozen=True)
class Interval:
    """A share with its Wilson interval of 95 %."""

    name: str
    top: int
    bottom: int
    low: float
    high: float


class PaperAudit:
    """The audit of one sheet; every part is worked out when it is asked for."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet

    @cached_property
    def rounding(self) -> str:
        """The strictest way of rounding under which a matrix fits: "rounded", "truncated", "either"; or ""."""
        return next((how for how in ("rounded", "truncated", "either") if len(self._found(how))), "")

    @cached_property
    def matrices(self) -> tuple[Matrix, ...]:
        """Every matrix up to the bound that gives the figures and the stated cells, smallest first."""
        return _matrices(self._found(self.rounding)) if self.rounding else ()

    @cached_property
    def by_rule(self) -> dict[str, tuple[Matrix, ...]]:
        """For each counting rule the matrices that fit the reported test size; empty where none is reported."""
        size = self.sheet.counts.test
        if size is None:
            return {}
        return {rule: tuple(m for m in self.matrices if _counted(m, weights) == size)
                for rule, weights in RULES.items()}

    @cached_property
    def chosen(self) -> Matrix | None:
        """The matrix that intervals are given for: one of the reported size, else the smallest; None without one."""
        return next((m for found in (*self.by_rule.values(), self.matrices) for m in found), None)

    @cached_property
    def intervals(self) -> tuple[Interval, ...]:
        """Wilson intervals of the shares of the chosen matrix that have a denominator."""
        m = self.chosen
        rows = []
        for name in INTERVALS if m is not None else ():
            top, rest = (int(np.dot(part, _cells(m))) for part in SHARES[name])  # type: ignore[arg-type]
            if top + rest:
                rows.append(Interval(name, top, top + rest, *wilson(top, top + rest)))
        return tuple(rows)

    @cached_property
    def remarks(self) -> tuple[Remark, ...]:
        """Contradictions first, then questions, then what fits."""
        order = ("contradiction", "question", "fits")
        found = [remark for ask in ASKED for remark in ask(self)]
        return tuple(sorted(found, key=lambda remark: order.index(remark.outcome)))

    @property
    def contradicted(self) -> bool:
        """Whether the paper's own numbers contradict each other."""
        return any(remark.outcome == "contradiction" for remark in self.remarks)

    def _found(self, rounding: str) -> Ints:
        sheet = self.sheet
        return search(sheet.figures, Sizes(sheet.bound, cell_sums(sheet.counts)), rounding)


def _cells(matrix: Matrix) -> tuple[int, int, int, int]:
    return matrix.tp, matrix.fn, matrix.fp, matrix.tn


def _matrices(cells: Ints) -> tuple[Matrix, ...]:
    return tuple(Matrix(*map(int, row)) for row in cells)


def _counted(matrix: Matrix, weights: Weights) -> int:
    return int(np.dot(_cells(matrix), weights))


def _multiples(matrices: tuple[Matrix, ...]) -> bool:
    """Whether all are whole multiples of the first."""
    first = _cells(matrices[0])
    return all(_cells(m) == tuple(c * (m.total // matrices[0].total) for c in first) for m in matrices)


def _fit(audit: PaperAudit) -> list[Remark]:
    """Whether any matrix gives the figures, and how many do."""
    sheet, found = audit.sheet, audit.matrices
    names = ", ".join(f"{f.name} {f.text}" for f in sheet.figures if f.name != AUC)
    if not found:
        return [Remark("contradiction", "matrix", f"no matrix of up to {sheet.bound} {sheet.unit}s fits {names}, "
                       "rounded or truncated, figure by figure")]
    how = {"rounded": "", "truncated": ", truncated and not rounded",
           "either": ", some rounded and some truncated"}[audit.rounding]
    if len(found) == 1:
        text = f"only {found[0].text} fits up to n = {sheet.bound}{how}"
    elif _multiples(found):
        text = (f"{found[0].text} is the smallest that fits{how}; "
                f"the other {len(found) - 1} up to n = {sheet.bound} are its multiples")
    else:
        text = f"{len(found)} matrices fit up to n = {sheet.bound}{how}; the smallest is {found[0].text}"
    return [Remark("fits", "matrix", text)]


def _size(audit: PaperAudit) -> list[Remark]:
    """Whether a matrix that fits has the reported test size."""
    size, unit = audit.sheet.counts.test, audit.sheet.unit
    if size is None:
        return [Remark("question", "test size", f"the paper reports no number of tested {unit}s")]
    if not audit.matrices or audit.by_rule["every unit once"]:
        fits = bool(audit.matrices)
        return [Remark("fits", "test size", f"a matrix of the reported {size} {unit}s fits")] * fits
    nearest = min(audit.matrices, key=lambda m: abs(m.total - size))
    text = f"no matrix of the reported {size} {unit}s fits; the nearest is {nearest.text}"
    alone = [f"{f.name} {f.text}" for f in audit.sheet.figures if not _possible(audit, f, size)]
    if alone:
        text += f". By itself no count of {size} {unit}s gives {', '.join(alone)}"
    return [Remark("contradiction", "test size", text)]


def _possible(audit: PaperAudit, figure: Figure, size: int) -> bool:
    """Whether one figure alone can be had from `size` units."""
    if figure.name not in SHARES:
        return True
    sums = {**cell_sums(audit.sheet.counts), IMAGES: size}
    return bool(len(search([figure], Sizes(size, sums), "either")))


def _rule(audit: PaperAudit) -> list[Remark]:
    """Whether another counting rule explains the size, and what the figures are under the usual one."""
    if not audit.by_rule or audit.by_rule["every unit once"]:
        return []
    found = audit.by_rule["false positives counted as extra negatives"]
    if not found:
        return []
    m, unit = found[0], audit.sheet.unit
    text = (f"{m.text} fits the reported {audit.sheet.counts.test} {unit}s if its {m.fp} false positives (boxes, say) "
            f"were counted as {m.fp} extra negatives. This is a hypothesis: the counting rule is not stated")
    if m.tn >= m.fp:
        usual = Matrix(m.tp, m.fn, m.fp, m.tn - m.fp)
        text += (f". If they lay among the {m.tn} negatives: accuracy {100 * usual.value('accuracy'):.2f} %, "
                 f"specificity {100 * usual.value('specificity'):.2f} %")
    return [Remark("question", "counting rule", text)]


def _area(audit: PaperAudit) -> list[Remark]:
    """Whether the AUC is the mean of sensitivity and specificity."""
    figures = {f.name: f for f in audit.sheet.figures}
    if AUC not in figures:
        return []
    low, high = figures[AUC].limits("either")
    mean = _one_point(audit, figures)
    if math.isnan(mean):
        return [Remark("question", AUC, "sensitivity and specificity are not known, so not whether the AUC is of one "
                       "point")]
    printed = f"AUC {figures[AUC].text} and balanced accuracy {100 * mean:.2f} %"
    if not float(low) - 1e-9 <= mean <= float(high) + 1e-9:
        return [Remark("fits", AUC, f"{printed} differ: the AUC is not that of one operating point")]
    if audit.sheet.auc_from == "scores":
        return [Remark("contradiction", AUC, f"{printed} are the same, though the paper says that the AUC comes from "
                       "scores: it is that of a ROC curve through one operating point")]
    return [Remark("question", AUC, f"{printed} are the same: this AUC is in all likelihood that of a ROC curve drawn "
                   "from hard labels, through one point, and not of the scores")]


def _one_point(audit: PaperAudit, figures: dict[str, Figure]) -> float:
    if audit.chosen is not None:
        return audit.chosen.value("balanced accuracy")
    if {"sensitivity", "specificity"} <= set(figures):
        return float(figures["sensitivity"].value + figures["specificity"].value) / 2
    return math.nan


def _split(audit: PaperAudit) -> list[Remark]:
    """Whether images of a patient may lie on both sides of the split."""
    sheet = audit.sheet
    cases, images = sum(s.cases for s in sheet.sites), sum(s.images for s in sheet.sites)
    each = f" With {images} images of {cases} cases ({images / cases:.2f} each) " if cases and images else " So "
    if sheet.split_by == "patient":
        return [Remark("fits", "split", "the paper says that it split by patient")]
    if sheet.split_by == "image":
        return [Remark("question", "leakage", f"the split is by image.{each}images of one patient may lie in training "
                       "and test")]
    return [Remark("question", "leakage", f"the paper does not say whether it split by patient or by image.{each}"
                   "leakage is not excluded")]


def _sites(audit: PaperAudit) -> list[Remark]:
    """Whether the data table adds up, and whether its cells can carry a claim about a site."""
    sites, size, unit = audit.sheet.sites, audit.sheet.counts.test, audit.sheet.unit
    found = [Remark("contradiction", "data table", f"{s.name}: {s.train} + {s.val} + {s.test} = "
                    f"{s.train + s.val + s.test}, and {s.used} are reported")
             for s in sites if s.used and s.train + s.val + s.test not in (0, s.used)]
    tested = [s for s in sites if s.test]
    total = sum(s.test for s in tested)
    if tested and size is not None and total != size:
        found.append(Remark("contradiction", "data table", f"the sites' test {unit}s add up to {total}, and {size} are "
                            "reported"))
    small = [f"{s.name} ({s.test})" for s in tested if s.test < SMALL]
    if small:
        worst = min(s.test for s in tested)
        low, _ = wilson(worst, worst)
        found.append(Remark("question", "sites", f"too few test {unit}s for a claim about a site: {', '.join(small)}; "
                            f"{worst} of {worst} right would still mean as little as {100 * low:.0f} %"))
    large = max(tested, key=lambda s: s.test, default=None)
    if large is not None and len(tested) > 1 and large.test > LARGE_SHARE * total:
        found.append(Remark("question", "sites", f"{100 * large.test / total:.1f} % of the test {unit}s come from "
                            f"{large.name}"))
    return found


def _normals(audit: PaperAudit) -> list[Remark]:
    """Whether specificity speaks of normal images."""
    sheet = audit.sheet
    if sheet.normals_tested is True or not {"specificity", "accuracy", "precision"} & {f.name for f in sheet.figures}:
        return []
    if sheet.normals_tested is None:
        return [Remark("question", "normal images", f"the paper does not say whether {sheet.unit}s without a finding "
                       "were tested")]
    return [Remark("question", "normal images", f"every tested {sheet.unit} holds a finding: specificity is between "
                   "kinds of findings, not that of screening")]


def _detection(audit: PaperAudit) -> list[Remark]:
    """What a detector's paper owes besides a confusion matrix."""
    text = ("a detector is reported by a confusion matrix alone: no hit rule, no false positives per image, no "
            "sensitivity for a given number of them (FROC)")
    return [Remark("question", "detection", text)] if audit.sheet.detector else []


ASKED: tuple[Callable[[PaperAudit], list[Remark]], ...] = (
    _fit, _size, _rule, _area, _split, _sites, _normals, _detection)
DERIVED = ("F1", "MCC", "kappa", "balanced accuracy", "prevalence")
