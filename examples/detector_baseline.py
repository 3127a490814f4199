"""Whether a detector of stained blood cells beats colour alone, on the same images and by the same hit rule.

    python examples/detector_baseline.py models/bccd-detector/model.pt --data ROOT

The baseline has no network. Purple is where blue exceeds green by more than a level: each connected part is a white
cell or a platelet, whichever median side of the training boxes it is nearer to. Red is where red exceeds green and
nothing is purple: at each spot furthest inside red lies a red cell of the median size. The level of each class is the
one with the best average precision on training images. A purple box scores by its colour and how near its size is to
the median, a red one by how near its depth in red is to half the median.

Average precision at IoU 0.5 of each class and their mean, and the area under the ROC curve of images for each class
that enough of them have and lack; 95 % intervals of values and of differences are the bootstrap of images (2000, the
same draws).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from xaimed import load_model
from xaimed.data.dataset import DataRequest, opened
from xaimed.metrics.average_precision import rank
from xaimed.metrics.evidence import evidence
from xaimed.metrics.judged import Judged, JudgeOptions
from xaimed.stats import FEW, Resampling, auc, percentile
from xaimed.tables import case_rows, frame
from xaimed.types import Case, Detection, Floats, Prediction

Values = NDArray[np.float64]
Statistic = Callable[[Values], Values]
Edges = tuple[float, float, float, float]
Mark = tuple[str, float, Edges]
RED, WHITE, PLATELET = "RBC", "WBC", "Platelets"
SPREAD = 2.0  # pixels
LEVELS = (0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15)
RULE = "IoU >= 0.5"


@dataclass(frozen=True)
class Stain:
    """What the baseline knows: of each class the median side in pixels and the least excess of its colour."""

    sides: Mapping[str, float]
    levels: Mapping[str, float]

    def boxes(self, case: Case) -> Prediction:
        """The boxes of a case by falling score, and for each class the score of its best box."""
        red, green, blue = (cv2.GaussianBlur(plane, (0, 0), SPREAD) for plane in case.image)
        cells = (red - green > self.levels[RED]) & (blue - green <= self.levels[WHITE])
        marks = chain(self._red(cells), *(self._purple(blue - green, name) for name in (WHITE, PLATELET)))
        ranked = sorted(marks, key=lambda mark: -mark[1])
        found = tuple(Detection(f"d{rank}", label, score, *edges) for rank, (label, score, edges) in enumerate(ranked))
        best = {name: max((d.score for d in found if d.label == name), default=0.0) for name in self.sides}
        return Prediction(case.id, found, best)

    def _purple(self, excess: Floats, name: str) -> Iterable[Mark]:
        """The connected parts that are nearer to the median side of this class than to that of the other."""
        mask = (excess > self.levels[name]).astype(np.uint8)
        _, drawn, parts, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        for number, (x, y, width, height, _) in enumerate(parts[1:].tolist(), start=1):
            off = {one: abs(math.log(math.sqrt(width * height) / self.sides[one])) for one in (WHITE, PLATELET)}
            if min(off, key=lambda one: off[one]) == name:
                colour = float(excess[drawn == number].mean())
                yield name, min(1.0, colour * math.exp(-off[name])), (x, y, x + width, y + height)

    def _red(self, mask: NDArray[np.bool_]) -> Iterable[Mark]:
        """A box of the median side at each spot that lies further inside the mask than all near it."""
        half = self.sides[RED] / 2
        depth: Floats = cv2.GaussianBlur(cv2.distanceTransform(_filled(mask), cv2.DIST_L2, 5), (0, 0), SPREAD)
        near = 2 * int(half) + 1
        peaks = (depth >= cv2.dilate(depth, np.ones((near, near), np.uint8))) & (depth > half / 4)
        for y, x in np.argwhere(peaks).tolist():
            edges = _held((x - half, y - half, x + half, y + half), mask.shape)
            yield RED, math.exp(-abs(math.log(depth[y, x] / half))), edges


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The mask without holes: the middle of a red cell is pale."""
    whole = np.zeros(mask.shape, np.uint8)
    edges, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(whole, edges, -1, 1, cv2.FILLED)
    return whole


def _held(edges: Edges, shape: tuple[int, ...]) -> Edges:
    height, width = shape
    return (max(0.0, edges[0]), max(0.0, edges[1]), min(float(width), edges[2]), min(float(height), edges[3]))


def judged(cases: Sequence[Case], found: Sequence[Prediction]) -> Judged:
    """The cases with their boxes and what was found, as the metrics take them."""
    rows = [case_rows(case, prediction, ()) for case, prediction in zip(cases, found, strict=True)]
    tables = [frame(name, list(chain.from_iterable(row[name] for row in rows)))
              for name in ("cases", "truth", "predictions")]
    known = evidence(*tables)
    return Judged(known, 0.0, JudgeOptions(), Resampling.of(known.patients))


def statistics(known: Judged, classes: Sequence[str]) -> dict[str, Statistic]:
    """The measures by name, each a function of image weights (R, n)."""
    each = {name: rank(known, name, RULE).precision for name in classes}
    out: dict[str, Statistic] = {"mean AP": lambda w: np.mean([one(w) for one in each.values()], axis=0)}
    out |= {f"AP {name}": one for name, one in each.items()}
    found = known.evidence
    for name in classes:
        holds = np.isin(np.arange(len(found.cases)), found.lesions.labelled(name).image)
        if min(holds.sum(), (~holds).sum()) >= FEW:
            out[f"image AUC {name}"] = _area(found.score(name), holds)
    return out


def _area(scores: Values, holds: NDArray[np.bool_]) -> Statistic:
    return lambda w: auc(scores, holds, w)


def stain_of(train: Sequence[Case]) -> Stain:
    """The baseline with the medians and the best levels of the training cases."""
    boxes = [box for case in train for box in case.boxes]
    sides = {name: float(np.median([math.sqrt((b.x1 - b.x0) * (b.y1 - b.y0)) for b in boxes if b.label == name]))
             for name in (RED, WHITE, PLATELET)}
    levels = dict.fromkeys(sides, LEVELS[0])
    for name in (WHITE, PLATELET, RED):
        tried = {level: _worth(Stain(sides, {**levels, name: level}), train, name) for level in LEVELS}
        levels[name] = max(tried, key=lambda level: tried[level])
    return Stain(sides, levels)


def _worth(stain: Stain, train: Sequence[Case], name: str) -> float:
    known = judged(train, [stain.boxes(case) for case in train])
    return float(rank(known, name, RULE).precision(np.ones((1, len(train))))[0])


def main(given: Sequence[str] | None = None) -> dict[str, list[tuple[float, float, float]]]:
    """Print and return for each measure the value, low and high of the model, the baseline and the difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, help="the folder that holds the datasets; else XAIMED_DATA")
    parser.add_argument("--learn", type=int, default=60, help="how many training images set the levels")
    chosen = parser.parse_args(given)
    model = load_model(chosen.model)
    request = DataRequest(str(model.file.training["dataset"]), chosen.data)
    stain, cases = stain_of(opened(request, "train")[:chosen.learn]), opened(request, "test")[:]
    own = judged(cases, model.predict(cases))
    plain = statistics(judged(cases, [stain.boxes(case) for case in cases]), model.classes)
    people, out = own.evidence.patients, {}
    levels = ", ".join(f"{name} {level:g}" for name, level in stain.levels.items())
    print(f"{len(cases)} images; levels: {levels}\n"
          f"{'':<22} {'model':<23} {'colour alone':<23} difference")
    for name, mine in statistics(own, model.classes).items():
        drawn = [own.draws.run(people, one) for one in (mine, plain[name])]
        whole = [float(one(np.ones((1, len(cases))))[0]) for one in (mine, plain[name])]
        out[name] = [(whole[0], *percentile(drawn[0])), (whole[1], *percentile(drawn[1])),
                     (whole[0] - whole[1], *percentile(drawn[0] - drawn[1]))]
        texts = [f"{value:.3f} ({low:.3f} to {high:.3f})" for value, low, high in out[name]]
        print(f"{name:<22} {texts[0]:<23} {texts[1]:<23} {texts[2]}")
    return out


if __name__ == "__main__":
    main()
