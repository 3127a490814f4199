from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from tests.scenery import Counted, Drawn, disc, scene, view
from xaimed.errors import InputError, NotFound, PlanError
from xaimed.metrics.completeness import Completeness
from xaimed.metrics.deletion import Deletion
from xaimed.metrics.explained import Explained
from xaimed.metrics.explaining import Ground, deletion_curves, explanation_metrics, measure, measure_on
from xaimed.metrics.insertion import Insertion
from xaimed.metrics.pointing_game import PointingGame
from xaimed.metrics.removal import Removal

SIZE = 24
NAMES = {"deletion", "insertion", "pointing_game", "energy_in_lesion", "energy_lift", "completeness"}


def test_every_metric_of_every_map_and_shared_work_once() -> None:
    truth = disc(SIZE, 12, 8, 4)
    tissue = np.ones((SIZE, SIZE), bool)
    image = torch.where(torch.from_numpy(truth), 1.0, 0.1)[None, None] + 0.01 * torch.rand(1, 1, SIZE, SIZE)
    counted = Counted(lambda x: x[:, 0][:, torch.from_numpy(truth)].mean(1).clamp(0, 1))
    good = Drawn(truth.astype(np.float32), {"f_input": float(truth.sum()), "f_baseline": 0.0})
    maps = {"good": good, "empty": Drawn(np.zeros((SIZE, SIZE), np.float32)),
            "broken": Drawn(np.full((SIZE, SIZE), np.nan, np.float32))}
    scores = measure(scene(image, counted), maps, truth, tissue, explanation_metrics(sorted(NAMES)))
    found = {(s.method, s.metric): s.value for s in scores}
    assert {s.case for s in scores} == {"a"}
    assert {s.target for s in scores} == {"d0"}
    assert len(found) == len(scores) == 3 * (3 + 3 + 1 + 1 + 2 + 1)
    assert found["good", "pointing_game"] == found["good", "energy_in_lesion"] == 1
    assert found["good", "completeness"] == 0
    assert found["good", "deletion_auc[blur]"] < found["empty", "deletion_auc[blur]"]
    assert found["empty", "pointing_game"] == found["broken", "pointing_game"] == 0
    assert np.isnan(found["broken", "insertion_auc[noise]"])
    assert counted.images == 1 + 3 + 2 * 2 * 3 * 15


def test_only_the_chosen_metrics_run_the_model() -> None:
    counted = Counted(lambda x: x.mean((1, 2, 3)))
    of = scene(torch.rand(1, 1, SIZE, SIZE), counted)
    found = measure(of, {"m": Drawn(np.eye(SIZE, dtype=np.float32))}, None, np.ones((SIZE, SIZE), bool),
                    [PointingGame(), Completeness()])
    assert [s.metric for s in found] == ["pointing_game", "completeness"]
    assert counted.images == 0


def test_fewer_steps_and_fills_are_a_field_away() -> None:
    counted = Counted(lambda x: x.mean((1, 2, 3)))
    of = scene(torch.rand(1, 1, SIZE, SIZE), counted)
    found = measure(of, {"m": Drawn(np.eye(SIZE, dtype=np.float32))}, None, np.ones((SIZE, SIZE), bool),
                    [Deletion(fills=("blur",), steps=4), Insertion(fills=("blur",), steps=4)])
    assert [s.metric for s in found] == ["deletion_auc[blur]", "insertion_auc[blur]"]
    assert counted.images == 1 + 1 + 3 + 3


def test_metrics_are_found_by_name() -> None:
    assert {metric.name.removesuffix("_auc") for metric in explanation_metrics()} >= NAMES
    for metric in explanation_metrics():
        assert metric.kind == "explanation"
        assert metric.better in ("higher", "lower", "neither")
        assert metric.range[0] < metric.range[1]
        assert metric.reference
    with pytest.raises(NotFound, match="deletion"):
        explanation_metrics(["deletoin"])


def test_a_plan_sets_the_fields_of_a_metric() -> None:
    deletion, pointing = explanation_metrics(["deletion", "pointing_game"],
                                             {"deletion": {"steps": 6, "fills": ["blur", "noise"]}})
    assert deletion == Deletion(fills=("blur", "noise"), steps=6)
    assert pointing == PointingGame()
    for wrong in ({"stpes": 6}, {"better": "higher"}):
        with pytest.raises(PlanError, match="fills, regions, seed, steps"):
            explanation_metrics(["deletion"], {"deletion": wrong})


def test_sizes_that_do_not_fit_are_refused() -> None:
    good = view(np.zeros((4, 5), np.float32))
    with pytest.raises(InputError, match="expected the scene's"):
        Explained(good.scene, np.zeros((5, 4), np.float32), {}, good.full, None, good.tissue_full)
    with pytest.raises(InputError, match="one size"):
        Explained(good.scene, good.values, {}, good.full, np.ones((9, 9), bool), good.tissue_full)
    with pytest.raises(InputError, match="original pixels"):
        Explained(good.scene, good.values, {}, good.full, None, np.ones((9, 9), bool))


def test_names_and_directions_are_read_without_torch() -> None:
    code = ("import sys; from xaimed.metrics.explaining import explanation_metrics as e;"
            f"print(sorted(m.better for m in e({sorted(NAMES)})), 'torch' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "False"


def test_the_curves_behind_the_areas_cost_nothing_more() -> None:
    counted = Counted(lambda x: x.mean((1, 2, 3)))
    of = scene(torch.rand(1, 1, SIZE, SIZE), counted)
    tissue = np.ones((SIZE, SIZE), bool)
    maps = {"m": Drawn(np.eye(SIZE, dtype=np.float32)), "broken": Drawn(np.full((SIZE, SIZE), np.nan, np.float32))}
    metrics, removal = [Deletion(fills=("blur", "noise"), steps=4), PointingGame()], Removal(of)
    areas = {(s.method, s.metric): s.value for s in measure_on(of, maps, Ground(None, tissue), metrics, removal)}
    passed = counted.images
    curves = deletion_curves(removal, maps, metrics)
    assert counted.images == passed
    assert [(curve.method, curve.metric) for curve in curves] == [("m", "deletion[blur]"), ("m", "deletion[noise]")]
    for curve in curves:
        assert curve.left[0] == 1
        assert (curve.fraction[0], curve.fraction[-1]) == (0, 1)
        area = areas["m", f"deletion_auc[{curve.fill}]"]
        assert np.trapezoid(curve.left, curve.fraction) == pytest.approx(area, abs=1e-4)
