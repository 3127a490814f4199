"""A tiny audit with every probe, end to end; the model reads one marker and nothing else, so that answers are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from tests.probes.sets import SIDE, CornerReader, squares
from xaimed import load_model
from xaimed.adapters.model import Model
from xaimed.audit import Audit, run_audit
from xaimed.explain import method_of
from xaimed.metrics.criteria import verdict
from xaimed.metrics.probed import CHANGE, FLIPS, RHO, TOP, conditions, probed, refusals
from xaimed.metrics.weighed import BALANCED
from xaimed.plan import plan_of
from xaimed.probes.random_weights import head
from xaimed.probes.schedule import schedule_of
from xaimed.probing import Prober, alike
from xaimed.registry import names
from xaimed.report.blocks import Figure, Table
from xaimed.report.model_card import model_card
from xaimed.report.record import answer, crosswalk, held
from xaimed.report.sections import robustness
from xaimed.report.wording import number
from xaimed.run import Run
from xaimed.stats import Estimate
from xaimed.targets import Target
from xaimed.types import Case, Detection, Prediction, Score
from xaimed.viz import probes

PLAIN = {"long_side": 0, "segment": False, "crop": False, "stretch": None,
         "filters": {"median": 0, "gaussian": 0.0, "bilateral": 0}}
OWN: dict[str, list[Any]] = {"shifted": [0.02, "5 mm"], "gamma": [1.0, 1.25]}
LEVELS: dict[str, list[Any]] = {**{name: [] for name in names("probes")}, **OWN}
PLAN = {"judging": {"resamples": 100}, "explaining": {
    "methods": ["grad_cam"], "metrics": ["gini"], "gate_scenes": 0, "cases": 2, "axis": {"donors": 0}},
    "probes": {"cases": 20, "targets": 10, "levels": LEVELS},
    "criteria": [{"name": CHANGE + BALANCED, "probe": "marker_removed:markers", "at_least": -0.1, "on": "value"}]}


def reader() -> Model:
    model: Model = load_model(CornerReader(), task="classification", classes=["plain", "marked"], preprocessing=PLAIN)
    return model


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_audit(Audit(reader(), squares().all, plan_of(PLAN), tmp_path_factory.mktemp("probes") / "run"))


def under(run: Run, condition: str, name: str) -> Estimate:
    found = run.results.find(name, group=f"probe={condition}")
    assert found is not None, (condition, name)
    return found


def test_a_reader_of_a_marker_falls_without_it_and_not_under_noise(run: Run) -> None:
    for level in ("markers", "outside"):
        assert under(run, f"marker_removed:{level}", BALANCED).value == 0.5
        assert under(run, f"marker_removed:{level}", FLIPS).numerator == 10
    for condition in ("noise:0.05", "jpeg:50", "blur:0.005", "rotated:3"):
        assert under(run, condition, CHANGE + BALANCED).value == 0
    assert under(run, "mirrored:sideways", BALANCED).value == 0.5, "the other corner is dark"


def test_the_control_falls_to_chance(run: Run) -> None:
    assert under(run, "random_weights:all", BALANCED).value == pytest.approx(0.5, abs=0.2)
    found = next(f for f in run.findings if f.code == "XM602")
    assert found.outcome == "pass"
    assert next(f for f in run.findings if f.code == "XM601").outcome == "concern"


def test_the_map_stays_where_nothing_changes(run: Run) -> None:
    rows = run.scores[run.scores["condition"] == "gamma:1"].set_index("metric")["value"]
    assert rows[RHO].min() == pytest.approx(1)
    assert rows[TOP].min() == 1
    other = run.scores[(run.scores["condition"] == "noise:0.05") & (run.scores["metric"] == RHO)]["value"].dropna()
    assert len(other) > 2
    assert (other < 0.9999).all()


def test_what_cannot_be_served_says_why(run: Run) -> None:
    why = refusals(run)
    assert why["filter_off:all"] == {"the model's preprocessing has no such filter": 20}
    assert why["shifted:5 mm"] == {"the size of a pixel in mm is not known": 20}
    assert set(conditions(run)) == {c.label for c in plan_of(PLAN).probes.conditions}


def test_only_the_chosen_cases_were_asked_and_the_clean_numbers_are_untouched(run: Run, tmp_path: Path) -> None:
    asked = run.predictions[run.predictions["condition"] == "noise:0.05"]["case"].nunique()
    assert asked == 20
    plain = run_audit(Audit(reader(), squares().all, replace(plan_of(PLAN), probes=schedule_of({}), criteria=()),
                            tmp_path / "plain"))
    own = [e for e in run.results.estimates if not e.group.startswith("probe=")]
    assert repr(own) == repr(list(plain.results.estimates))
    clean = run.scores[run.scores["condition"] == "clean"].reset_index(drop=True)
    assert clean.equals(plain.scores)


def test_the_estimates_can_be_made_again_from_the_stored_tables(run: Run) -> None:
    from xaimed.comparing import _options

    again = probed(run, _options(run), 0.5, {BALANCED})
    stored = [e for e in run.results.estimates if e.group.startswith("probe=")]
    assert [(e.name, e.group, repr(e.low)) for e in again] == [(e.name, e.group, repr(e.low)) for e in stored]


def test_a_criterion_on_a_probe_decides(run: Run) -> None:
    told = verdict(run)
    assert told.judgements[0].answer == "not met"
    assert "under marker_removed:markers" in told.judgements[0].statement
    assert told.exit_code == 1


def test_the_section_prints_every_estimate_and_reason(run: Run) -> None:
    blocks = robustness.section(run)
    assert any(isinstance(block, Figure) for block in blocks)
    text = repr([block for block in blocks if isinstance(block, Table)])
    for e in run.results.estimates:
        if e.group.startswith("probe="):
            assert number(e.value) in text, (e.name, e.group)
    assert "the model's preprocessing has no such filter (20 cases)" in text
    table = probes.measures(run)
    row = table[(table["condition"] == "marker_removed:markers") & (table["measure"] == BALANCED)].iloc[0]
    assert (row["clean"], row["value"], row["change"]) == (1.0, 0.5, -0.5)


def test_weights_come_back_and_each_case_has_its_own_draw() -> None:
    model, cases = reader(), squares(6)
    before = {name: weight.clone() for name, weight in model.network.state_dict().items()}
    prober = Prober(model, schedule_of({"levels": {"random_weights": ["all", "head"]}}), 5)
    found = [prober.ask(case, model.predict([case])[0]).predictions for case in cases.cases]
    assert all(torch.equal(weight, before[name]) for name, weight in model.network.state_dict().items())
    again = prober.ask(cases[3], model.predict([cases[3]])[0]).predictions
    assert again == found[3]
    assert len({round(one["random_weights:all"].scores["marked"], 9) for one in found}) >= 5
    assert found[1]["random_weights:all"] != found[1]["random_weights:head"]
    assert head(model.network) == [cast(CornerReader, model.network).line]


def test_maps_alike_by_hand() -> None:
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    seen = np.ones((SIDE, SIDE), np.bool_)
    assert list(alike(x, 3 * x + 1, seen, None)) == pytest.approx([1, 1])
    assert list(alike(x, -x, seen, None)) == pytest.approx([-1, 0])
    assert np.isnan(alike(x, np.ones_like(x), seen, None)).all()
    broken = np.where(x < 40, x, -x).astype(np.float32)
    assert alike(x, broken, seen & (x < 38), None)[0] == pytest.approx(1), "what was not seen does not count"
    assert alike(x, y, seen, (10, 10, 40, 40))[0] == pytest.approx(0, abs=0.05)


class Finder:
    """A detector of known answers: one box round all that is brighter than 0.7, its score the brightness."""

    task, classes = "detector", ("mass",)

    def predict(self, cases: list[Case]) -> list[Prediction]:
        return [self._found(case) for case in cases]

    def _found(self, case: Case) -> Prediction:
        rows, columns = np.nonzero(case.image[0] > 0.7)
        if not len(rows):
            return Prediction(case.id, scores={"mass": 0.0})
        edges = (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
        return Prediction(case.id, (Detection("d0", "mass", 0.9, *edges),), {"mass": 0.9})

    def targets(self, case: Case, prediction: Prediction) -> list[Target]:
        del case
        return [Target(d.name, d.label, d.edges) for d in prediction.detections]


def test_boxes_are_stored_where_they_lie_in_the_image_as_it_is() -> None:
    image = np.full((1, SIDE, SIDE), 0.1, np.float32)
    image[0, 20:30, 12:24] = 0.9
    case = Case("f0", image)
    schedule = schedule_of({"targets": 0, "levels": {"shifted": [0.1], "mirrored": [], "rotated": [5], "gamma": [10]}})
    answers = Prober(cast(Model, Finder()), schedule, 2).ask(case, Finder().predict([case])[0])
    for label in ("shifted:0.1", "mirrored:sideways"):
        assert answers.predictions[label].detections[0].edges == pytest.approx((12, 20, 24, 30), abs=1e-4)
    assert answers.predictions["rotated:5"].detections[0].edges == pytest.approx((12, 20, 24, 30), abs=1.6)
    assert answers.predictions["gamma:10"].detections == ()
    assert answers.scores == []


def test_a_known_problem_of_one_probe_is_a_row_and_not_the_end() -> None:
    case = squares(1)[0]
    model, method = reader(), method_of("grad_cam")
    flat = Case("v0", np.stack([case.image, case.image], axis=1))
    prober = Prober(model, schedule_of({"levels": {"noise": [0.1], "marker_removed": ["outside"]}}), 0, method)
    answers = prober.ask(flat, Prediction("v0", scores={"plain": 1.0}))
    assert answers.predictions == {}
    assert [type(row) for row in answers.scores] == [Score, Score]
    assert all(row.metric.startswith("probe not served: ") for row in answers.scores)
    assert "a volume has no markers" in answers.scores[1].metric


def test_the_crosswalk_counts_probes_and_takes_them_for_no_groups(run: Run) -> None:
    known = held(run)
    assert "run.probes" in known
    assert "run.groups" not in known
    answers = {item.topic: answer(item, known) for item in crosswalk()}
    assert answers["testing: adversarial and stress tests"] == "met"
    assert answers["robustness to real-world variation"] == "partly"
    card = model_card(run)
    assert "probe=noise:0.05" in card.partition("<SafetyReliability>")[2]
    assert "probe=" not in card.partition("<SafetyReliability>")[0]
