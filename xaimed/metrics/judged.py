"""What a metric of a model is given, and what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from xaimed.errors import InputError
from xaimed.metrics.evidence import Evidence, Regions
from xaimed.metrics.matching import HIT_RULES, in_mm
from xaimed.stats import Array, Resampling, Results


@dataclass(frozen=True)
class JudgeOptions:
    """How a model is judged.

    positive: the class to be found. ignored_cases: images whose places are not known, judged by image only.
    ignored_labels: reference boxes that count neither way. calibration: slope and intercept for the logit of
    the image score, from validation. smallest_cell: subgroups with fewer positives get no number. prevalence:
    share of positives where the model will be used, for predictive values, or None.
    """

    hit_rules: Sequence[str] = HIT_RULES
    resamples: int = 2000
    seed: int = 0
    positive: str = "malignant"
    ignored_cases: Sequence[str] = ()
    ignored_labels: Sequence[str] = ()
    calibration: tuple[float, float] | None = None
    smallest_cell: int = 10
    prevalence: float | None = None


@dataclass(frozen=True, eq=False)
class Judged:
    """A model's evidence, the operating point (a score; a mark counts from there up), options and draws.

    spacing: mm a pixel of each image (n,), NaN where unknown, or None. lesion_names: of each lesion in the evidence
    the name that it has in every view, "" where it has none; empty if no lesion is named.
    """

    evidence: Evidence
    operating_point: float
    options: JudgeOptions
    draws: Resampling
    spacing: Array | None = None
    lesion_names: tuple[str, ...] = ()

    def regions(self, rule: str) -> tuple[Regions, Regions, Regions]:
        """Lesions, marks and ignored regions in the unit of a hit rule: pixels, or mm.

        Raises InputError for a rule in mm where an image with a box has no pixel spacing.
        """
        found = self.evidence
        parts = (found.lesions, found.marks, found.ignored)
        if not in_mm(rule):
            return parts
        spacing = np.full(len(found.cases), np.nan) if self.spacing is None else self.spacing
        bad = np.concatenate([r.image[~np.isfinite(spacing[r.image])] for r in parts])
        if len(bad):
            raise InputError(f"hit rule {rule!r}: case {found.cases[int(bad[0])]} has no pixel spacing; expected "
                             "spacing_mm for every image with a box: add it, or use a rule in px")
        lesions, marks, ignored = (Regions(r.image, r.boxes * spacing[r.image][:, None], r.labels, r.scores)
                                   for r in parts)
        return lesions, marks, ignored


class ModelMetric(Protocol):
    """A metric of the model: the METRIC of its file, a frozen dataclass.

    order: metrics are printed by rising order. reference: the paper or standard.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def order(self) -> int: ...  # noqa: D102
    @property
    def kind(self) -> Literal["model"]: ...  # noqa: D102
    @property
    def better(self) -> Literal["higher", "lower"]: ...  # noqa: D102
    @property
    def range(self) -> tuple[float, float]: ...  # noqa: D102
    @property
    def reference(self) -> str: ...  # noqa: D102

    def __call__(self, judged: Judged) -> Results:
        """The estimates and curves; none where the metric does not apply."""
        ...
