"""The two ends of the axis, measured on the same targets as the maps: another patient's map and the oracle.

Rows of scores.parquet: a method with the condition "other patient" (seed: which donor), and the method "oracle" with
the condition "oracle". Maps come from the store, so a run that was continued gives the same numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from xaimed.adapters.model import Model
from xaimed.attribution.method import Method
from xaimed.data.dataset import Selection
from xaimed.mapfile import MapEntry
from xaimed.metrics.axis import FAITHFUL, ORACLE, OTHER
from xaimed.metrics.donor import Donor, Frame, frame_of
from xaimed.metrics.explained import Explained, ExplanationMetric
from xaimed.metrics.explaining import explanation_metrics
from xaimed.metrics.oracle import Oracle
from xaimed.metrics.removal import Removal
from xaimed.metrics.yard import Yard
from xaimed.run import Run
from xaimed.scene import Scene
from xaimed.types import Floats, Score

Say = Callable[[str, int, int], None]
VIEW, SIDES = "group_view", ("group_side", "group_laterality")


@dataclass(frozen=True, eq=False)
class Survey:
    """What is measured: a model on cases, the run so far, the methods and the metrics with the plan's fields."""

    model: Model
    cases: Selection
    run: Run
    methods: Sequence[Method]
    metrics: Sequence[ExplanationMetric]
    yard: Yard

    def rows(self, say: Say) -> list[Score]:
        """The rows of both ends, for every chosen target."""
        chosen = self.targets
        found: list[Score] = []
        for number, (case, names) in enumerate(chosen.items()):
            say("yardsticks", number, len(chosen))
            for scene, box in self._scenes(case, names):
                found += self._ends(scene, box)
        say("yardsticks", len(chosen), len(chosen))
        return found

    @cached_property
    def _known(self) -> dict[str, dict[str, dict[str, MapEntry]]]:
        return {}

    @cached_property
    def targets(self) -> dict[str, list[str]]:
        """Targets by case that have maps, evenly spread over the cases where the yard limits them."""
        pairs = [(case, name) for case in self.run.cases["case"] for name in self._entries(str(case))]
        if self.yard.targets and len(pairs) > self.yard.targets:
            pairs = [pairs[i] for i in np.linspace(0, len(pairs) - 1, self.yard.targets).round().astype(int)]
        return {case: [name for other, name in pairs if other == case] for case, _ in pairs}

    def _entries(self, case: str) -> dict[str, dict[str, MapEntry]]:
        """The stored maps of a case by target and method."""
        if case in self._known:
            return self._known[case]
        out: dict[str, dict[str, MapEntry]] = {}
        for entry in self.run.entries(case):
            out.setdefault(entry.target, {})[entry.method] = entry
        self._known[case] = out
        return out

    def _scenes(self, name: str, targets: Sequence[str]) -> Iterator[tuple[Scene, Frame | None]]:
        case = self.cases[[row.case for row in self.cases.rows].index(name)]
        known = {t.name: t for t in self.model.targets(case, self.model.predict([case])[0])}
        some = [known[target] for target in targets if target in known]
        for target, scene in zip(some, self.model.scenes(case, some), strict=True):
            yield scene, target.box

    def _ends(self, scene: Scene, box: Frame | None) -> list[Score]:
        shared = Removal(scene)
        if not shared.possible:
            return []
        frame = box or frame_of(scene)
        rows = [row for seed, (case, target) in enumerate(self.donors(scene.case, scene.target))
                for row in self._borrowed((scene, frame, shared), (case, target), seed)]
        return rows + self._ceiling(scene, shared) if rows else []

    def _borrowed(self, here: tuple[Scene, Frame, Removal], donor: tuple[str, str], seed: int) -> Iterator[Score]:
        scene, frame, shared = here
        for method in self.methods:
            values = self._laid(method, scene, frame, donor)
            if values is not None:
                for metric, value in measured(scene, values, shared, self.metrics):
                    yield Score(scene.case, scene.target, method.name, metric, value, OTHER, seed)

    def _laid(self, method: Method, scene: Scene, frame: Frame, donor: tuple[str, str]) -> Floats | None:
        """The donor's map on the scene; a control whose maps are not stored is drawn under the donor's name."""
        entry = self._entries(donor[0])[donor[1]].get(method.name)
        if entry is None:
            other = replace(scene, case=donor[0], target=donor[1])
            return method.attribute(other).values if method.control else None
        place = entry.box if entry.box is not None and np.isfinite(entry.box).all() else self._tissue(donor)
        values = self.run.map(donor[0], donor[1], method.name)
        return Donor(values, place, self._side(donor[0]) != self._side(scene.case)).on(scene, frame)

    def _tissue(self, donor: tuple[str, str]) -> Frame:
        return frame_of(next(scene for scene, _ in self._scenes(donor[0], [donor[1]])))

    def donors(self, case: str, target: str) -> list[tuple[str, str]]:
        """Case and target of up to `donors` other patients: the same view, then the same kind of target and side
        where there is one, then the next in the order of the data."""
        names = [str(name) for name in self.run.cases["case"]]
        own, patients = names.index(case), dict(zip(names, map(str, self.run.cases["patient"]), strict=True))
        ranked = sorted(
            ((self._view(other) != self._view(case), _kind(name) != _kind(target),
              self._side(other) != self._side(case), (i - own) % len(names), rank), other, name)
            for i, other in enumerate(names) if patients[other] != patients[case]
            for rank, name in enumerate(self._entries(other)))
        found: dict[str, tuple[str, str]] = {}
        for _, other, name in ranked:
            found.setdefault(patients[other], (other, name))
        return list(found.values())[:self.yard.donors]

    def _ceiling(self, scene: Scene, shared: Removal) -> list[Score]:
        """For each metric the best that a map of the oracle reaches."""
        best: dict[str, float] = {}
        oracle = Oracle(self.yard.regions, self.yard.rounds, self.yard.fill)
        for values in oracle.maps(shared):
            for metric in self.metrics:
                take = max if metric.better == "higher" else min
                for name, value in measured(scene, values, shared, [metric]):
                    best[name] = take(best.get(name, value), value)
        return [Score(scene.case, scene.target, ORACLE, name, value, ORACLE) for name, value in best.items()]

    def _view(self, case: str) -> str:
        return self._group(case, (VIEW,))

    def _side(self, case: str) -> str:
        return self._group(case, SIDES)

    def _group(self, case: str, columns: Sequence[str]) -> str:
        known = [column for column in columns if column in self._groups]
        return str(self._groups.at[case, known[0]]) if known else ""

    @cached_property
    def _groups(self) -> pd.DataFrame:
        return self.run.cases.set_index("case")


def measured(scene: Scene, values: Floats, shared: Removal, metrics: Sequence[ExplanationMetric]
             ) -> Iterator[tuple[str, float]]:
    """Name and value of each metric of a map (h, w); the scene's grid stands for the original pixels."""
    view = Explained(scene, values, {}, values, None, scene.tissue.cpu().numpy(), shared)
    for metric in metrics:
        for suffix, value in metric(view).items():
            yield metric.name + suffix, value


def faithfulness(chosen: Sequence[str], parameters: Mapping[str, Mapping[str, Any]]) -> tuple[ExplanationMetric, ...]:
    """The metrics of the axis among the chosen plug-ins (all if none is chosen), with the plan's fields."""
    wanted = [name for name in FAITHFUL if not chosen or name in chosen]
    known = {name: dict(parameters.get(name, {})) for name in wanted}
    # The control of ROAD is a map of its own, which neither end needs.
    known.get("road", {}).update(control=False)
    return explanation_metrics(wanted, known)


def _kind(target: str) -> str:
    """What a target asks for, whatever its place: "d" of d0, "m" of m1, "mean" of mean:1,2,3,4, a class by its name."""
    return target[:1] if re.fullmatch(r"[dm]\d+", target) else target.partition(":")[0]
