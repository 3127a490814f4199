"""Probing: one case asked again under every probe of a plan; what the model then says, and how its maps move."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from xaimed.adapters.model import Model
from xaimed.attribution.method import Method
from xaimed.drift import SAME_BOX, iou, laid
from xaimed.errors import XaimedError
from xaimed.likeness import spearman
from xaimed.metrics.pixelwise import measured
from xaimed.metrics.probed import REFUSED, RHO, TOP
from xaimed.probes.motion import returned, returned_map
from xaimed.probes.probe import NotServed
from xaimed.probes.schedule import Condition, Schedule
from xaimed.targets import Target
from xaimed.types import Case, Detection, Floats, Mask, Matrix, Prediction, Score

TENTH = 0.1
FEWEST = 32  # squares of the grid, below which a correlation says little


@dataclass(frozen=True)
class Answers:
    """What was found of a case: predictions by condition, in the pixels of the case, and rows of scores."""

    predictions: dict[str, Prediction] = field(default_factory=dict)
    scores: list[Score] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Known:
    """A target of the clean case with its map (H, W), or without one."""

    target: Target
    values: Floats


@dataclass(frozen=True, eq=False)
class Asked:
    """A case as a probe changed it, what the model says of that, and the motion from the case as it is."""

    case: Case
    said: Prediction
    motion: Matrix


@dataclass(frozen=True, eq=False)
class Prober:
    """Asks a model under the probes of a schedule. method: of the maps that are compared, or None."""

    model: Model
    schedule: Schedule
    seed: int = 0
    method: Method | None = None

    def ask(self, case: Case, said: Prediction, explain: bool = False) -> Answers:
        """The answers of one case under every condition. said: the clean prediction. explain: compare a map too.

        A condition that cannot be served gives a row of scores with its reason in place of an answer.
        """
        found = Answers()
        known = self._known(case, said) if explain and self.method is not None else None
        for condition in self.schedule.conditions:
            try:
                self._ask(case, condition, known, found)
            except XaimedError as why:
                # A known problem of one probe is a line of the report, not the end of the audit.
                found.predictions.pop(condition.label, None)
                found.scores.append(Score(case.id, "", "", f"{REFUSED}{' '.join(str(why).split())}", 1.0,
                                          condition.label))
        return found

    def _ask(self, case: Case, condition: Condition, known: Known | None, found: Answers) -> None:
        setting, label = condition.setting(self.seed), condition.label
        motion = condition.probe.motion(case, setting)
        # A case of its own: adapters remember what they saw by the case, and weights may be others now.
        changed = replace(condition.probe.change(case, setting))
        with condition.probe.under(self.model, case, setting) as model:
            said = model.predict([changed])[0]
            rows = [replace(row, condition=label) for row in measured(changed, said)]
            if known is not None:
                rows += [replace(row, condition=label)
                         for row in self._drift(model, Asked(changed, said, motion), known)]
        if not (said.scores or rows):
            raise NotServed("the model gives no class of an image, and its answer has no measure")
        # The planes of a dense answer have been measured: kept for every condition they would fill the memory.
        found.predictions[label] = replace(returned(said, case, motion), dense={})
        found.scores.extend(rows)

    def _known(self, case: Case, said: Prediction) -> Known | None:
        """The best target of the clean case, a missed lesion being none, and its map."""
        shown = [t for t in self.model.targets(case, said) if not _missed(t)]
        if not shown:
            return None
        values = self._map(self.model, case, shown[0])
        return None if values is None else Known(shown[0], values)

    def _map(self, model: Model, case: Case, target: Target) -> Floats | None:
        """float32 (H, W) of the target in the pixels of the case; None where the method cannot explain the model."""
        if self.method is None:
            return None
        try:
            scene = model.scenes(case, [target])[0]
            return np.asarray(scene.place(self.method.attribute(scene).values), np.float32)
        except XaimedError:
            # Not every model has a gradient or a feature map; the report counts the maps that were compared.
            return None

    def _drift(self, model: Model, asked: Asked, known: Known) -> list[Score]:
        """Two rows where the prediction still matches, none where it does not."""
        target = _partner(model, asked, known.target)
        values = None if target is None else self._map(model, asked.case, target)
        if values is None or self.method is None or values.ndim != 2:
            return []
        back, seen = returned_map(values, asked.motion)
        rho, top = alike(known.values, back, seen, known.target.box)
        return [Score(asked.case.id, known.target.name, self.method.name, metric, value)
                for metric, value in ((RHO, rho), (TOP, top))]


def alike(clean: Floats, probed: Floats, seen: Mask, box: tuple[float, float, float, float] | None
          ) -> tuple[float, float]:
    """Spearman's rho in [-1, 1] of two maps (H, W), and the share of the highest tenth that both have, in [0, 1].

    On a grid over the box with its surroundings, or over the image for None, where `seen` (H, W) is true. NaN where
    a map has no contrast there. Maps that have nothing in common share a tenth of the highest tenth.
    """
    inside = laid(seen.astype(np.float32), box, False).ravel() > 0.99
    first, second = (laid(values, box, False).ravel()[inside] for values in (clean, probed))
    if len(first) < FEWEST or not all(np.isfinite(v).all() and np.ptp(v) > 1e-12 for v in (first, second)):
        return math.nan, math.nan
    count = max(1, round(TENTH * len(first)))
    tops = [set(np.argsort(-values, kind="stable")[:count].tolist()) for values in (first, second)]
    return spearman(first, second), len(tops[0] & tops[1]) / count


def _missed(target: Target) -> bool:
    return target.box is not None and target.name.startswith("m") and target.name[1:].isdigit()


def _partner(model: Model, asked: Asked, target: Target) -> Target | None:
    """The same target under the probe: the shown one of that name, or the box of the same class that lies there."""
    shown: Sequence[Target] = [t for t in model.targets(asked.case, asked.said) if not _missed(t)]
    if target.box is None:
        return next((t for t in shown if t.name == target.name), None)
    boxes = tuple(Detection(t.name, t.label, 0.0, *t.box) for t in shown if t.box is not None)
    places = {d.name: d.edges for d in returned(Prediction(asked.case.id, boxes), asked.case,
                                                     asked.motion).detections}
    near = [(iou(places[t.name], target.box), t) for t in shown if t.name in places and t.label == target.label]
    best = max(near, key=lambda pair: pair[0], default=(0.0, None))
    return best[1] if best[0] >= SAME_BOX else None
