"""A segmenter of a real stack through a whole audit: V_rand and V_info, stored outlines, the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.measure import label
from torch import Tensor, nn

from xaimed import load_model
from xaimed.audit import Audit, run_audit
from xaimed.data.dataset import DataRequest, Selection, opened
from xaimed.plan import plan_of
from xaimed.report.blocks import Gallery, Table
from xaimed.report.case import case_document
from xaimed.report.write import sections
from xaimed.run import Run

PLAN = {"judging": {"resamples": 100}, "explaining": {
    "methods": ["saliency"], "metrics": ["gini"], "gate_scenes": 0, "targets": 2, "axis": {"donors": 0}}}


class Dark(nn.Module):
    """The logit 20 (0.4 - grey) of the centre slice, smoothed: membranes are dark. No weight is learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.smooth = nn.Conv2d(1, 1, 5, padding=2, bias=False)
        self.smooth.weight.data.fill_(1 / 25)

    def forward(self, stack: Tensor) -> Tensor:
        middle = stack.shape[1] // 2
        return 20 * (0.4 - self.smooth(stack[:, middle:middle + 1]))


@pytest.fixture(scope="module")
def run(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    if not (data_root / "isbi2012-em").is_dir():
        pytest.skip("no isbi2012-em in the folder of the real data")
    request = DataRequest("isbi2012-em", data_root, limit=4, options={"radius": "2", "quadrants": "true"})
    model = load_model(Dark(), task="segmentation", classes=["membrane"], preprocessing={"channels": 5})
    cases = opened(request, "test")
    # The first quadrant and the last one, whose pixels are not those of the slice.
    chosen = Selection(cases.dataset, [cases.indices[0], cases.indices[3]], "test")
    return run_audit(Audit(model, chosen, plan_of(PLAN), tmp_path_factory.mktemp("em") / "run"))


def pairs(regions: NDArray[np.integer], truth: NDArray[np.integer]) -> tuple[float, float]:
    """V_rand and V_info from the table of pixels by region and true region, written from the challenge's formulas."""
    kept = truth > 0
    table = np.zeros((int(regions.max()) + 1, int(truth.max()) + 1))
    np.add.at(table, (regions[kept], truth[kept]), 1)
    table /= table.sum()
    rand = 2 * (table**2).sum() / ((table.sum(0) ** 2).sum() + (table.sum(1) ** 2).sum())

    def h(shares: NDArray[np.float64]) -> float:
        return float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())

    one, other = h(table.sum(0)), h(table.sum(1))
    return float(rand), 2 * (one + other - h(table)) / (one + other)


def test_the_scores_of_cells_are_those_of_the_challenge(run: Run) -> None:
    found = {}
    for case in run.cases["case"]:
        planes = run.planes(str(case))
        mine = label(planes["found:membrane"] <= 0.5, connectivity=1)
        true = label(planes["reference:membrane"] <= 0.5, connectivity=1)
        found[case] = pairs(mine, true)
    rows = run.scores[run.scores["target"] == "cells"].set_index(["case", "metric"])["value"]
    for case, (rand, info) in found.items():
        # The probability is stored with 11 bits, so that a pixel at one half can be on the other side.
        assert rows[case, "V_rand"] == pytest.approx(rand, abs=5e-3)
        assert rows[case, "V_info"] == pytest.approx(info, abs=5e-3)
    estimates = {e.name: e for e in run.results.estimates if e.group == "all"}
    assert estimates["V_rand"].value == pytest.approx(np.mean([rand for rand, _ in found.values()]), abs=5e-3)
    dices = run.scores[run.scores["metric"] == "Dice"]["value"]
    assert ((dices > 0.55) & (dices < 0.8)).all(), "dark pixels are membranes in every window"
    assert not any("AUC" in name for name in estimates), "no class of an image is right or wrong"


def test_the_whole_mask_is_explained_first_and_then_its_components(run: Run) -> None:
    case = str(run.cases["case"][0])
    entries = run.entries(case)
    assert [entry.target for entry in entries] == ["membrane", "d0"]
    assert entries[0].box is None
    assert entries[1].box is not None


def test_the_page_of_a_case_shows_outlines_and_no_boxes(run: Run) -> None:
    case = str(run.cases["case"][0])
    blocks = case_document(run, case).blocks
    [agreed] = [b for b in blocks if isinstance(b, Table) and b.caption == "Agreement with the reference"]
    values = run.scores[(run.scores["case"] == case) & (run.scores["metric"] == "Dice")]["value"]
    assert agreed.rows[0][:2] == ("Membrane", f"{float(values.iloc[0]):.3f}")
    pictures = next(b for b in blocks if isinstance(b, Gallery))
    assert [panel.title.partition(":")[0] for panel in pictures.panels] == ["Image", "Membrane"]
    captions = [b.caption for b in blocks if isinstance(b, Table)]
    assert "Detections and reference" not in captions


def test_the_report_holds_no_detection_and_no_class_of_an_image(run: Run) -> None:
    text = " ".join(repr(block) for block in sections(run))
    assert "V_rand" in text.replace("V rand", "V_rand")
    captions = " ".join(block.caption for block in sections(run) if isinstance(block, Table))
    assert "FROC" not in captions
    assert "false positives" not in captions
