"""One case as a reader meets it: references, detections, and which detection finds which reference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from xaimed.run import Run

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

Edges = tuple[float, float, float, float]
SIDES, UNKNOWN = ("side", "laterality"), ("", "nan", "None", "unknown")
RULE = "centre of the detection inside the reference box"


@dataclass(frozen=True)
class Found:
    """A detection: above = score at or above the operating point; hit = the reference that holds its centre, or "".

    false: a false positive: above and no hit, in a case of which the places of all lesions are known.
    """

    name: str
    label: str
    score: float
    edges: Edges
    above: bool
    hit: str = ""
    same_class: bool = False
    overlap: float = 0.0
    false: bool = False


@dataclass(frozen=True)
class Reference:
    """A reference box and the best detection above the operating point that finds it, or "".

    missed: none does, and the model was to find it.
    """

    name: str
    label: str
    edges: Edges
    found_by: str = ""
    missed: bool = False


@dataclass(frozen=True)
class Reading:
    """All that the tables say of one case; boxes in original pixels, spacing in mm or NaN."""

    case: str
    patient: str
    label: str
    split: str
    width: int
    height: int
    spacing_mm: float
    synthetic: bool
    digest: str
    groups: tuple[tuple[str, str], ...]
    detections: tuple[Found, ...]
    references: tuple[Reference, ...]
    classes: tuple[tuple[str, float], ...]

    @property
    def outcome(self) -> tuple[bool, int]:
        """Whether a box reaches the operating point, and how many lesions were missed."""
        return any(d.above for d in self.detections), sum(r.missed for r in self.references)


def operating_point(run: Run) -> float:
    """The score from which a detection counts; 0.5 where the run does not say."""
    value = run.meta.get("model", {}).get("operating_point")
    return float(value) if isinstance(value, int | float) else 0.5


@lru_cache(maxsize=8)
def _placed(run: Run, table: str) -> tuple[pd.DataFrame, Mapping[str, NDArray[np.int64]]]:
    """The rows of a table ("truth", "predictions", "scores") under no probe, and where those of each case stand."""
    rows: pd.DataFrame = getattr(run, table)
    if "condition" in rows:
        rows = rows[rows["condition"] == "clean"]
    return rows, rows.groupby("case", sort=False).indices


def rows_of(run: Run, table: str, case: str) -> pd.DataFrame:
    """The rows of a table for one case, under no probe; none for a case without rows."""
    rows, places = _placed(run, table)
    return rows.iloc[places.get(case, [])]


def read_case(run: Run, case: str) -> Reading:
    """The rows of one case, with detections matched to references by RULE."""
    row = rows_of(run, "cases", case).iloc[0]
    truth, found = rows_of(run, "truth", case), rows_of(run, "predictions", case)
    references = tuple(Reference(str(r.target), str(r.label), _edges(r))
                       for r in truth[truth["x0"].notna()].itertuples())
    limit = operating_point(run)
    detections = tuple(_matched(Found(str(r.target), str(r.label), float(r.score), _edges(r), float(r.score) >= limit),
                                references) for r in found[found["x0"].notna()].itertuples())
    label = row["label"] if isinstance(row["label"], str) and row["label"] else "unknown"
    if references or label == "normal":
        detections = tuple(replace(d, false=d.above and not d.hit) for d in detections)
    wanted = run.meta.get("model", {}).get("task") == "detection"
    groups = tuple((name.removeprefix("group_"), str(row[name])) for name in run.cases if name.startswith("group_"))
    return Reading(case, str(row["patient"]), str(label), str(row["split"]), int(row["width"]), int(row["height"]),
                   float(row["spacing_mm"]), bool(row["synthetic"]), str(row["digest"]), groups, detections,
                   tuple(_sought(r, detections, wanted) for r in references),
                   tuple((str(r.target), float(r.score)) for r in found[found["x0"].isna()].itertuples()))


def side_of(reading: Reading) -> str:
    """The side of the body and, where it is told, the view: "R MLO"; "" for a case without a side."""
    told = dict(reading.groups)
    side = next((told[name] for name in SIDES if told.get(name, "") not in UNKNOWN), "")
    view = told.get("view", "")
    return f"{side} {view}" if side and view not in UNKNOWN else side


def _edges(row: object) -> Edges:
    return tuple(float(getattr(row, name)) for name in ("x0", "y0", "x1", "y1"))  # type: ignore[return-value]


def _matched(found: Found, references: tuple[Reference, ...]) -> Found:
    x, y = (found.edges[0] + found.edges[2]) / 2, (found.edges[1] + found.edges[3]) / 2
    holding = [r for r in references if r.edges[0] <= x < r.edges[2] and r.edges[1] <= y < r.edges[3]]
    best = max((iou(found.edges, r.edges) for r in references), default=0.0)
    if not holding:
        return replace(found, overlap=best)
    hit = max(holding, key=lambda r: iou(found.edges, r.edges))
    return replace(found, hit=hit.name, same_class=hit.label == found.label, overlap=best)


def _sought(reference: Reference, detections: tuple[Found, ...], wanted: bool) -> Reference:
    finder = _finder(reference, detections)
    return replace(reference, found_by=finder, missed=wanted and not finder)


def _finder(reference: Reference, detections: tuple[Found, ...]) -> str:
    able = [d for d in detections if d.above and d.hit == reference.name]
    return max(able, key=lambda d: d.score).name if able else ""


def iou(a: Edges, b: Edges) -> float:
    """Intersection over union of two boxes, in [0, 1]."""
    wide, tall = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or tall <= 0:
        return 0.0
    area = sum((e[2] - e[0]) * (e[3] - e[1]) for e in (a, b)) - wide * tall
    return wide * tall / area if area > 0 else 0.0


def size_mm(edges: Edges, spacing: float) -> str:
    """Width x height in mm, or NOT ASSESSED without a spacing."""
    if not math.isfinite(spacing):
        return "NOT ASSESSED"
    return f"{(edges[2] - edges[0]) * spacing:.1f} x {(edges[3] - edges[1]) * spacing:.1f}"
