"""Evidence: the tables of a run as arrays, checked once, for every metric of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xaimed.errors import InputError
from xaimed.stats import Array, Bools

if TYPE_CHECKING:
    import pandas as pd

Indices = NDArray[np.int64]
Labels = NDArray[np.object_]
EDGES = ["x0", "y0", "x1", "y1"]


@dataclass(frozen=True, eq=False)
class Regions:
    """n boxes: image (n,) index of the image, boxes (n, 4) edges x0 y0 x1 y1 in pixels, labels, scores (n,).

    Reference lesions have score NaN.
    """

    image: Indices
    boxes: Array
    labels: Labels
    scores: Array

    def __len__(self) -> int:
        return len(self.image)

    def where(self, kept: Bools) -> Regions:
        """The boxes for which kept (n,) is true."""
        return Regions(self.image[kept], self.boxes[kept], self.labels[kept], self.scores[kept])

    def labelled(self, label: str) -> Regions:
        """The boxes of one label."""
        return self.where(self.labels == label)


@dataclass(frozen=True, eq=False)
class Evidence:
    """Images, their reference and what the model said of them.

    cases, patients, labels: one for each image; a label may be None. classes: image scores (n,) by class.
    lesions: the reference boxes. marks: the model's boxes. ignored: regions that count neither way.
    located: (n,) images with a full reference for places. normal: (n,) images without a lesion.
    groups: for each kind of group ("site") the group (n,) of each image, "" where unknown.
    """

    cases: tuple[str, ...]
    patients: tuple[str, ...]
    labels: Labels
    classes: Mapping[str, Array]
    lesions: Regions
    marks: Regions
    ignored: Regions
    located: Bools
    normal: Bools
    groups: Mapping[str, Labels]

    @property
    def boxed(self) -> bool:
        """Whether the model or the reference has boxes at all."""
        return len(self.lesions) + len(self.marks) > 0

    def truth_of(self, positive: str) -> tuple[Bools, Bools]:
        """(n,) whether an image is positive, and whether its label is known."""
        known = np.array([isinstance(label, str) and label != "" for label in self.labels], bool)
        return np.asarray(self.labels == positive, bool), known

    def margin(self, positive: str) -> Array:
        """(n,) score of the positive class minus the best score of the other lesion classes, in [-1, 1]."""
        others = [v for name, v in self.classes.items() if name not in (positive, "normal")]
        rest = np.max(others, axis=0) if others else np.zeros(len(self.cases))
        return self.score(positive) - rest

    def score(self, positive: str) -> Array:
        """(n,) image scores of a class. Raises InputError where the class or a score is missing."""
        if positive not in self.classes:
            raise InputError(f"no image score of class {positive!r} in the predictions; found scores of: "
                             f"{', '.join(sorted(self.classes)) or 'none'}")
        scores = self.classes[positive]
        if not np.isfinite(scores).all():
            case = self.cases[int(np.flatnonzero(~np.isfinite(scores))[0])]
            raise InputError(f"case {case}: no finite score of class {positive!r}; expected one for each "
                             "image and class: give every case a score, or leave the case out and say so")
        return scores


def evidence(cases: pd.DataFrame, truth: pd.DataFrame, predictions: pd.DataFrame,
             ignored_cases: Sequence[str] = (), ignored_labels: Sequence[str] = ()) -> Evidence:
    """The three tables of a run as arrays, the images sorted by case.

    ignored_cases: images without a full reference for places; an image with a lesion label but no box,
    in a set that has boxes, is one of them, and so is one with neither label nor box. ignored_labels: reference
    boxes that count neither way.
    Raises InputError for a missing column, a case listed twice, or a row of an unknown case.
    """
    _need(cases, ["case", "patient", "label"], "cases")
    _need(truth, ["case", "label", *EDGES], "truth")
    _need(predictions, ["case", "target", "label", "score", *EDGES], "predictions")
    table = cases.sort_values("case", kind="stable")
    place = {case: i for i, case in enumerate(table["case"])}
    if len(place) < len(table) or not place:
        raise InputError(f"{len(table)} rows of cases name {len(place)} cases; expected one for each")
    if "condition" in predictions:
        predictions = predictions[predictions["condition"] == "clean"]
    boxes, marks = _regions(truth, place, "truth"), _regions(predictions, place, "predictions")
    passed_over = np.isin(boxes.labels.astype(str), list(ignored_labels))
    labels = np.array([v if isinstance(v, str) else None for v in table["label"]], object)
    touched = np.isin(np.arange(len(place)), boxes.image)
    unplaced = np.array([isinstance(v, str) and v not in ("", "normal") for v in labels], bool) & ~touched
    known = touched | np.array([isinstance(v, str) and v != "" for v in labels], bool)
    located = known & ~(unplaced & (len(boxes) > 0)) & ~np.isin(np.array(list(place)), list(ignored_cases))
    patients, scores = tuple(map(str, table["patient"])), _class_scores(predictions, place)
    return Evidence(tuple(place), patients, labels, scores, boxes.where(~passed_over), marks,
                    boxes.where(passed_over), located, located & ~touched, _groups(table))


def _groups(cases: pd.DataFrame) -> dict[str, Labels]:
    names = [c for c in cases.columns if str(c).startswith("group_")]
    return {str(name).removeprefix("group_"):
            np.array([v if isinstance(v, str) else "" for v in cases[name]], object) for name in names}


def _need(table: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    missing = [c for c in columns if c not in table]
    if missing:
        raise InputError(f"table {name} has no column {', '.join(missing)}; "
                         f"found {', '.join(map(str, table.columns))}")


def _positions(table: pd.DataFrame, place: Mapping[str, int], name: str) -> Indices:
    unknown = sorted(set(table["case"]) - set(place))
    if unknown:
        raise InputError(f"table {name} names {len(unknown)} cases that are not audited, such as "
                         f"{unknown[0]!r}; expected rows of the audited cases only")
    return np.array([place[c] for c in table["case"]], np.int64)


def _regions(table: pd.DataFrame, place: Mapping[str, int], name: str) -> Regions:
    rows = table[table["x0"].notna()]
    boxes = rows[EDGES].to_numpy(np.float64)
    bad = ~((boxes[:, 0] < boxes[:, 2]) & (boxes[:, 1] < boxes[:, 3]))
    if bad.any():
        case = rows["case"].iloc[int(np.flatnonzero(bad)[0])]
        raise InputError(f"table {name}, case {case}: box {boxes[bad][0].tolist()} has no area; "
                         "expected x0 < x1 and y0 < y1")
    scores = rows["score"].to_numpy(np.float64) if "score" in rows else np.full(len(rows), np.nan)
    if "score" in rows and not np.isfinite(scores).all():
        raise InputError(f"table {name}: {int((~np.isfinite(scores)).sum())} boxes have no finite score; "
                         "expected one for each box")
    return Regions(_positions(rows, place, name), boxes, rows["label"].to_numpy(object), scores)


def _class_scores(predictions: pd.DataFrame, place: Mapping[str, int]) -> dict[str, Array]:
    rows = predictions[predictions["x0"].isna()]
    index, names = _positions(rows, place, "predictions"), rows["target"].to_numpy(object)
    values, found = rows["score"].to_numpy(np.float64), {}
    for name in sorted(set(names)):
        chosen = names == name
        if len(set(index[chosen])) < int(chosen.sum()):
            raise InputError(f"predictions hold two scores of class {name!r} for one case; expected one")
        scores = np.full(len(place), np.nan)
        scores[index[chosen]] = values[chosen]
        found[str(name)] = scores
    return found
