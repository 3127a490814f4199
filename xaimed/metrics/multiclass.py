"""Classes that exclude each other: accuracy of the best class, balanced accuracy, and AUC of each class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xaimed.metrics.judged import Judged
from xaimed.metrics.limits import dependent_mean_limits, mean_limits
from xaimed.metrics.roc import Ranking, area
from xaimed.stats import Array, Bools, Estimate, Resampling, Results, auc, proportion, ratio

RULE = "the class with the highest score"


@dataclass(frozen=True)
class Multiclass:
    """Measures over all classes of an image; only where every known label is a class, and without marks."""

    name: str = "multiclass"
    order: int = 15
    kind: Literal["model"] = "model"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "recall of each class and its mean; AUC of each class against the rest and the mean of these"

    def __call__(self, judged: Judged) -> Results:
        """Accuracy, balanced accuracy, recall; of three classes or more also their AUC against the rest."""
        found = judged.evidence
        labels, names = found.labels.astype(str), sorted(found.classes)
        known = np.array([isinstance(label, str) and label != "" for label in found.labels], bool)
        if len(names) < 2 or len(found.marks) or not set(labels[known]) <= set(names) or not known.any():
            return Results(())
        scores = {name: found.score(name)[known] for name in names}
        table = _Table(labels[known], scores, [p for p, k in zip(found.patients, known, strict=True) if k])
        areas = table.areas(judged.draws) if len(names) > 2 else []
        return Results((*table.recalls(judged.draws), *areas))


@dataclass(frozen=True, eq=False)
class _Table:
    """Labels (n,), the score (n,) of each class, and the patient of each image."""

    labels: NDArray[np.str_]
    scores: Mapping[str, Array]
    patients: list[str]

    @property
    def right(self) -> Array:
        """(n,) 1 where the best class is the label."""
        names = np.array(list(self.scores))
        best = names[np.stack(list(self.scores.values())).argmax(axis=0)]
        right: Array = np.asarray(best == self.labels, np.float64)
        return right

    def of(self, name: str) -> Bools:
        """(n,) whether an image is of a class."""
        return np.asarray(self.labels == name, bool)

    @property
    def present(self) -> list[str]:
        """The classes with a case."""
        return [name for name in self.scores if self.of(name).any()]

    def recalls(self, draws: Resampling) -> list[Estimate]:
        """Accuracy, balanced accuracy, and the recall of each class."""
        every = np.ones(len(self.patients))
        parts = [self.of(name).astype(np.float64) for name in self.present]
        right = self.right

        def balanced(weights: Array) -> Array:
            mean: Array = np.mean([ratio(weights @ (right * part), weights @ part) for part in parts], axis=0)
            return mean

        each = [proportion(f"recall {name}", right * part, part, self.patients, draws)
                for name, part in zip(self.present, parts, strict=True)]
        low, high, how = draws.interval(draws.run(self.patients, balanced))
        if low != low or any(e.value in (0.0, 1.0) for e in each):
            # No draw changes such a recall: its Wilson limits have to speak.
            (low, high), how = mean_limits(each), "limits of the recalls, combined"
        out = [proportion("accuracy of the best class", right, every, self.patients, draws),
               Estimate("balanced accuracy", float(balanced(every[None])[0]), low, high,
                        denominator=float(len(every)), interval=how)]
        return [replace(found, rule=RULE) for found in (*out, *each)]

    def areas(self, draws: Resampling) -> list[Estimate]:
        """The AUC of each class against the rest, and their mean."""
        pairs = [(self.scores[name], self.of(name)) for name in self.present if not self.of(name).all()]
        if not pairs:
            return []

        def mean(weights: Array) -> Array:
            value: Array = np.mean([auc(score, positive, weights) for score, positive in pairs], axis=0)
            return value

        each = [area(f"AUC {name} against the rest", Ranking(self.scores[name], self.of(name), self.patients), draws)
                for name in self.present if not self.of(name).all()]
        low, high, how = draws.interval(draws.run(self.patients, mean))
        if low != low or any(e.value in (0.0, 1.0) for e in each):
            limits = [(e.low, e.high) for e in each]
            (low, high), how = dependent_mean_limits(limits), "mean of the limits of the classes"
        whole = Estimate("mean AUC of the classes", float(mean(np.ones((1, len(self.patients))))[0]), low, high,
                         denominator=float(len(self.patients)), interval=how)
        return [replace(found, rule="one class against the rest") for found in (whole, *each)]


METRIC = Multiclass()
