"""Which cases the gate looks at, and that it takes the maps which the audit made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from torch import Tensor, nn

from xaimed import load_model
from xaimed.attribution import Saliency
from xaimed.attribution.method import Map
from xaimed.audit import Audit, run_audit
from xaimed.data.dataset import DataRequest, opened
from xaimed.plan import plan_of
from xaimed.run import Run
from xaimed.scene import Scene


class Dark(nn.Module):
    """The logit 20 (0.4 - grey) of the image, smoothed."""

    def __init__(self) -> None:
        super().__init__()
        self.smooth = nn.Conv2d(1, 1, 5, padding=2, bias=False)
        self.smooth.weight.data.fill_(1 / 25)

    def forward(self, images: Tensor) -> Tensor:
        return 20 * (0.4 - self.smooth(images))


def audit(data_root: Path, out: Path, cases: int, wanted: int) -> Audit:
    if not (data_root / "isbi2012-em").is_dir():
        pytest.skip("no isbi2012-em in the folder of the real data")
    model = load_model(Dark(), task="segmentation", classes=["membrane"], preprocessing={"channels": 1})
    request = DataRequest("isbi2012-em", data_root, limit=12, options={"radius": "0", "quadrants": "true"})
    plan = plan_of({"judging": {"resamples": 50}, "explaining": {
        "methods": ["saliency"], "metrics": ["gini"], "gate_scenes": wanted, "gate_stages": 1, "targets": 1,
        "cases": cases, "axis": {"donors": 0}}})
    return Audit(model, opened(request, "test"), plan, out)


def names(made: Audit) -> list[str]:
    return [made.cases.rows[index].case for index in made.gate_order]


def test_a_patient_comes_once_before_any_comes_again(data_root: Path, tmp_path: Path) -> None:
    made = audit(data_root, tmp_path, 0, 8)
    rows = made.cases.rows
    patients = [rows[index].patient for index in made.gate_order]
    count = len(set(patients))
    assert len(set(patients[:count])) == count
    assert made.gate_order[:count] == sorted(made.gate_order[:count])
    assert made.gate_order[count:] == sorted(made.gate_order[count:])
    assert names(audit(data_root, tmp_path, 9, 8)) == names(made), "more are explained than the gate takes"


def test_the_explained_cases_come_first_where_they_are_few(data_root: Path, tmp_path: Path) -> None:
    made = audit(data_root, tmp_path, 3, 8)
    rows = [row.case for row in made.cases.rows]
    spread = {rows[i] for i in np.linspace(0, len(rows) - 1, 3).round().astype(int)}
    assert set(names(made)[:3]) == spread
    assert sorted(names(made)) == sorted(rows)


def test_the_gate_makes_no_map_of_an_explained_case_again(data_root: Path, tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, float]] = []
    plain = Saliency.compute

    def counted(self: Saliency, scene: Scene) -> Map:
        weight = next(scene.network.parameters())
        made.append((scene.case, float(weight.detach().abs().sum())))
        return plain(self, scene)

    monkeypatch.setattr(Saliency, "compute", counted)
    run = run_audit(audit(data_root, tmp_path / "run", 4, 4))
    with_trained = [case for case, weight in made if weight == pytest.approx(1, rel=1e-4)]
    assert len(set(with_trained)) == 4
    assert len(with_trained) == 4, "each trained map once"
    assert Run.open(run.path).scores["metric"].eq("gate").any()
