"""Lesions and the marks of a detector, matched by the hit rule "centre in box", whatever the class."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from xaimed.metrics.matching import centre_inside

EDGES = ["x0", "y0", "x1", "y1"]


@dataclass(frozen=True)
class Matched:
    """Rows of a run's tables: lesions of the reference and the marks (detections that count)."""

    lesions: pd.DataFrame
    marks: pd.DataFrame

    @cached_property
    def hits(self) -> pd.DataFrame:
        """A row for each lesion and each mark that hits it; the columns of the mark end in _mark."""
        columns = ["case", "target", "label", *EDGES]
        pairs = self.lesions[columns].merge(self.marks[[*columns, "score"]], on="case", suffixes=("", "_mark"))
        inside = centre_inside(pairs[[f"{e}_mark" for e in EDGES]].to_numpy(float), pairs[EDGES].to_numpy(float))
        return pairs[inside]

    @cached_property
    def missed(self) -> pd.DataFrame:
        """The lesions that no mark hits."""
        return _without(self.lesions, self.hits[["case", "target"]])

    @cached_property
    def false(self) -> pd.DataFrame:
        """The marks that hit no lesion."""
        return _without(self.marks, self.hits[["case", "target_mark"]].rename(columns={"target_mark": "target"}))

    @cached_property
    def misnamed(self) -> pd.DataFrame:
        """The hits of highest score of the lesions that are hit, but by no mark of their class."""
        same = self.hits[self.hits["label"] == self.hits["label_mark"]]
        best = _without(self.hits, same[["case", "target"]]).sort_values("score", ascending=False, kind="stable")
        return best.drop_duplicates(["case", "target"])


def _without(rows: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    known = pd.MultiIndex.from_frame(found[["case", "target"]])
    return rows[~pd.MultiIndex.from_frame(rows[["case", "target"]]).isin(known)]
