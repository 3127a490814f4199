"""The two ends of the axis on drawn scenes: what never looks at the model gets skill 0, the true cause more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from tests.scenery import scene
from xaimed.attribution.centre_blob import CentreBlob
from xaimed.attribution.method import Map, Method
from xaimed.attribution.random_map import RandomMap
from xaimed.metrics.axis import ORACLE, OTHER, case_skills, skill_table
from xaimed.metrics.explaining import explanation_metrics, measure
from xaimed.metrics.yard import Yard
from xaimed.scene import Scene
from xaimed.targets import Target
from xaimed.types import Floats
from xaimed.yardsticks import Survey, faithfulness

SIDE, COUNT = 64, 8
METRICS = explanation_metrics(["deletion", "insertion"], {name: {"steps": 8, "fills": ["tissue_median"]}
                                                          for name in ("deletion", "insertion")})
BOX = {f"c{i}": (4.0 + i, 8.0, 52.0 + i, 56.0) for i in range(COUNT)}


def cause(case: str) -> tuple[slice, slice]:
    """Where in its box the model looks: another corner in every case."""
    x0, y0, _, _ = (int(v) for v in BOX[case])
    number = int(case[1:])
    row, column = y0 + (4 if number // 2 % 2 else 36), x0 + (4 if number % 2 else 36)
    return slice(row, row + 8), slice(column, column + 8)


def scene_of(case: str) -> Scene:
    image = torch.rand(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(int(case[1:]))) * 0.1
    where = cause(case)
    image[0, 0][where] += 0.8

    def bright(x: Tensor) -> Tensor:
        return (x[:, 0][:, where[0], where[1]].mean((1, 2)) - 0.05).clamp(0, 1)

    return replace(scene(image, bright), case=case)


@dataclass(frozen=True)
class OnBox(Method):
    """A Gaussian on the explained box: it never looks at the model."""

    name: ClassVar[str] = "on_box"

    def compute(self, scene: Scene) -> Map:
        x0, y0, x1, y1 = BOX[scene.case]
        rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
        far = ((columns - (x0 + x1) / 2) ** 2 + (rows - (y0 + y1) / 2) ** 2) / (2 * 12.0**2)
        return Map(np.exp(-far).astype(np.float32))


@dataclass(frozen=True)
class Cause(Method):
    """The true cause."""

    name: ClassVar[str] = "cause"

    def compute(self, scene: Scene) -> Map:
        values = np.zeros((SIDE, SIDE), np.float32)
        values[cause(scene.case)] = 1.0
        return Map(values)


class Drawn:
    """A model and a stored run, as far as a survey looks at them."""

    def __init__(self, methods: tuple[Method, ...], view: str = "CC") -> None:
        names = list(BOX)
        self.methods = methods
        self.rows = [SimpleNamespace(case=name) for name in names]
        self.cases = pd.DataFrame({"case": names, "patient": [f"p{i // 2}" for i in range(COUNT)],
                                   "group_view": [view if i < 4 else "MLO" for i in range(COUNT)],
                                   "group_side": "L"})

    def __getitem__(self, index: int) -> str:
        return self.rows[index].case

    def predict(self, cases: list[str]) -> list[str]:
        return cases

    def targets(self, case: str, prediction: str) -> list[Target]:
        return [Target("d0", "mass", BOX[case])]

    def scenes(self, case: str, targets: list[Target]) -> list[Scene]:
        return [scene_of(case)]

    def entries(self, case: str) -> tuple[Any, ...]:
        return tuple(SimpleNamespace(target="d0", method=m.name, box=BOX[case]) for m in self.methods
                     if m.name != "random_map")

    def map(self, case: str, target: str, method: str) -> Floats:
        return next(m for m in self.methods if m.name == method).attribute(scene_of(case)).values.astype(np.float16)


def survey(methods: tuple[Method, ...], yard: Yard) -> Survey:
    drawn = cast(Any, Drawn(methods))
    return Survey(drawn, drawn, drawn, methods, METRICS, yard)


def quiet(stage: str, done: int, total: int) -> None:
    del stage, done, total


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    methods = (OnBox(), Cause(), CentreBlob(), RandomMap())
    rows = survey(methods, Yard(donors=2, targets=0, regions=36, rounds=4)).rows(quiet)
    for case in BOX:
        of = scene_of(case)
        maps = {m.name: m.attribute(of) for m in methods}
        rows += measure(of, maps, None, np.ones((SIDE, SIDE), bool), METRICS)
    return pd.DataFrame([vars(row) for row in rows])


def test_what_never_looks_at_the_model_has_no_skill_and_the_cause_has(scores: pd.DataFrame) -> None:
    found = case_skills(scores).groupby("method")["skill"].mean()
    # Laid box on box it is its own map, but for half a pixel and half precision.
    assert found["on_box"] == pytest.approx(0, abs=0.03)
    assert abs(found["random_map"]) < 0.15
    assert found["cause"] > 0.7
    # In the same numbers, against noise and with 1 for a ceiling, the same Gaussian passed for an explanation.
    area = scores[scores["condition"] == "clean"].groupby(["method", "metric"])["value"].mean()
    gain = area[:, "insertion_auc[tissue_median]"] - area[:, "deletion_auc[tissue_median]"]
    assert (gain["on_box"] - gain["random_map"]) / (1 - gain["random_map"]) > 0.05


def test_the_ceiling_is_above_every_null(scores: pd.DataFrame) -> None:
    oracle = scores[scores["condition"] == ORACLE].groupby("metric")["value"].mean()
    null = scores[scores["condition"] == OTHER].groupby(["metric", "method"])["value"].mean()
    assert all(oracle["insertion_auc[tissue_median]"] > null["insertion_auc[tissue_median]"])
    assert all(oracle["deletion_auc[tissue_median]"] < null["deletion_auc[tissue_median]"])
    assert set(scores.loc[scores["condition"] == OTHER, "seed"]) == {0, 1}
    assert len(skill_table(scores).dropna()) == COUNT * 4 * 2


def test_donors_are_other_patients_of_the_same_view_and_targets_are_spread() -> None:
    found = survey((Cause(),), Yard(donors=3))
    # c0 and c1 are one patient; c2 and c3 share its view; then the other view.
    assert found.donors("c0", "d0") == [("c2", "d0"), ("c4", "d0"), ("c6", "d0")]
    assert found.donors("c5", "d0")[0] == ("c6", "d0")
    few = survey((Cause(),), Yard(targets=3)).targets
    assert list(few) == ["c0", "c4", "c7"]


def test_faithfulness_takes_the_plans_fields_and_leaves_the_control_of_road() -> None:
    found = faithfulness(["deletion", "road", "iou"], {"deletion": {"steps": 3}})
    assert [m.name for m in found] == ["deletion_auc", "road"]
    assert (found[0].steps, found[1].control) == (3, False)  # type: ignore[attr-defined]
