"""What a metric of a model is given, and what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from xaimed.metrics.evidence import Evidence
from xaimed.metrics.matching import HIT_RULES
from xaimed.stats import Resampling, Results


@dataclass(frozen=True)
class JudgeOptions:
    """How a model is judged.

    positive: the class to be found. ignored_cases: images whose places are not known, judged by image only.
    ignored_labels: reference boxes that count neither way. calibration: slope and intercept for the logit of
    the image score, from validation. smallest_cell: subgroups with fewer positives get no number.
    """

    hit_rules: Sequence[str] = HIT_RULES
    resamples: int = 2000
    seed: int = 0
    positive: str = "malignant"
    ignored_cases: Sequence[str] = ()
    ignored_labels: Sequence[str] = ()
    calibration: tuple[float, float] | None = None
    smallest_cell: int = 10


@dataclass(frozen=True, eq=False)
class Judged:
    """A model's evidence, the operating point (a score; a mark counts from there up), options and draws."""

    evidence: Evidence
    operating_point: float
    options: JudgeOptions
    draws: Resampling


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
