"""Thresholds chosen on validation: the known best of drawn maps, and no peeking at the test split."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from tests.scenery import disc, scene
from xaimed.attribution.method import Map, Method
from xaimed.errors import InputError
from xaimed.metrics.explained import Explained
from xaimed.metrics.iou import Iou
from xaimed.metrics.tuning import tuned_thresholds
from xaimed.scene import Scene
from xaimed.targets import Target
from xaimed.types import Box, Case

SIDE = 24


@dataclass(frozen=True)
class Cone(Method):
    """1 in the middle of the lesion, falling linearly to 0 at `reach` radii."""

    name: ClassVar[str] = "cone"
    reach: float = 2.0

    def compute(self, scene: Scene) -> Map:
        rows, columns = np.mgrid[:SIDE, :SIDE]
        away = np.hypot(rows - 12, columns - 12) / 5
        return Map(np.maximum(0, 1 - away / self.reach).astype(np.float32))


@dataclass(frozen=True)
class Flatter(Cone):
    name: ClassVar[str] = "flatter"
    reach: float = 4.0


def case(split: str = "val", lesion: bool = True) -> Case:
    mask = disc(SIDE, 12, 12, 5)
    boxes = (Box("x", 7, 7, 18, 18),) if lesion else ()
    return Case("a", np.zeros((1, SIDE, SIDE), np.float32), boxes=boxes, masks=mask[None] if lesion else None,
                split=split)


def model() -> Any:
    def scenes(of: Case, targets: list[Target]) -> list[Scene]:
        return [replace(scene(torch.zeros(1, 1, SIDE, SIDE), lambda x: x.mean((1, 2, 3)) + 1), target=t.name)
                for t in targets]

    return SimpleNamespace(predict=lambda cases: [None], scenes=scenes,
                           targets=lambda of, prediction: [Target("m0", "x", b.edges) for b in of.boxes])


def test_each_method_gets_the_threshold_at_which_it_is_the_lesion() -> None:
    """A cone that ends at two radii has half its height at the lesion's edge, one that ends at four three quarters."""
    found = tuned_thresholds(model(), [case(), case(lesion=False)], [Cone(), Flatter()])
    assert found == {"cone": 0.5, "flatter": 0.75}


def test_the_test_split_is_refused_and_so_is_nothing_to_choose_on() -> None:
    with pytest.raises(InputError, match="test split"):
        tuned_thresholds(model(), [case("test")], [Cone()])
    with pytest.raises(InputError, match="no target"):
        tuned_thresholds(model(), [case(lesion=False)], [Cone()])


def test_the_metric_takes_the_threshold_of_the_method() -> None:
    of, mask = scene(torch.zeros(1, 1, SIDE, SIDE), lambda x: x.mean((1, 2, 3)) + 1), disc(SIDE, 12, 12, 5)
    values = Flatter().compute(of).values
    tuned = Iou(threshold=0.5, thresholds={"flatter": 0.75})
    view = Explained(of, values, {}, values, mask, np.ones_like(mask), name="flatter")
    assert tuned(view)[""] > 0.95
    assert tuned(replace(view, name="other"))[""] == pytest.approx(Iou(threshold=0.5)(view)[""])
    assert tuned(replace(view, name="other"))[""] < 0.4
