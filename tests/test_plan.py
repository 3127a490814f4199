"""Plans: defaults spelled out, a round trip, and every kind of bad key or value refused with what to do."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from xaimed.content import folder
from xaimed.errors import NotFound, PlanError
from xaimed.foresight import check_parameters
from xaimed.plan import Ladder, Plan, open_plan, plan_for, plan_of, plan_text, positive_of, suited


def test_text_and_plan_are_inverse_and_spell_out_every_default() -> None:
    plan = plan_of({"name": "mine", "judging": {"resamples": 70, "prevalence": 0.008}})
    table = tomllib.loads(plan_text(plan))
    assert plan_of(table) == plan
    assert table["judging"] == {"hit_rules": ["centre in box", "IoU >= 0.2", "IoU >= 0.5"], "resamples": 70,
                                "positive": "", "smallest_cell": 10, "prevalence": 0.008}
    assert table["explaining"]["gate_scenes"] == Plan().explaining.gate_scenes


@pytest.mark.parametrize("path", sorted(folder("audits").glob("*.toml")), ids=lambda p: p.stem)
def test_the_plans_that_come_with_xaimed_open_by_name(path: Path) -> None:
    plan = open_plan(path.stem)
    assert plan.name == path.stem
    assert plan.criteria
    assert "NOT ASSESSED" not in plan.intended_use


@pytest.mark.parametrize(("table", "words"), [
    ({"sed": 1}, ["'sed'", "did you mean 'seed'"]),
    ({"judging": {"resample": 1}}, ["key in judging", "'resamples'"]),
    ({"judging": 3}, ["judging is 3", "expected a table"]),
    ({"judging": {"prevalence": 1.5}}, ["judging.prevalence = 1.5", "between 0 and 1"]),
    ({"judging": {"margin": "small"}}, ["judging.margin = 'small'"]),
    ({"seed": "one"}, ["plan.seed = 'one'", "expected int"]),
    ({"seed": -1}, ["seed = -1", "from 0 to"]), ({"seed": 2**32}, ["expected a whole number from 0 to 4294967295"]),
    ({"judging": {"resamples": 1}}, ["judging.resamples = 1", "20 or more"]),
    ({"judging": {"smallest_cell": -3}}, ["judging.smallest_cell = -3", "1 or more"]),
    ({"judging": {"hit_rules": ["IoU >= 0.3x"]}}, ["judging.hit_rules", "'IoU >= 0.3x'", "IoU >= 0.2"]),
    ({"explaining": {"cases": -1}}, ["explaining.cases = -1", "0 or more"]),
    ({"explaining": {"methods": ["grad_kam"]}}, ["explaining.methods", "did you mean 'grad_cam'"]),
    ({"explaining": {"parameters": {"grad_kam": {}}}}, ["explaining.parameters", "did you mean 'grad_cam'"]),
    ({"explaining": {"metric_parameters": {"deletoin": {}}}}, ["did you mean 'deletion'"]),
    ({"explaining": {"metrics": ["deletoin"]}}, ["explaining.metrics", "'deletoin'", "did you mean 'deletion'"]),
    ({"explaining": {"metrics": ["deletion"], "metric_parameters": {"deletion": {"step": 4}}}},
     ["did you mean 'steps'"]),
    ({"criteria": [{"name": "AUC"}]}, ["expected name, at_least"]),
    ({"criteria": [{"name": "AUC", "at_least": 0.5, "above": 1}]}, ["'above'"]),
    ({"criteria": [{"name": "AUC", "at_least": "much"}]}, ["at_least is 'much'", "expected a number"]),
    ({"criteria": {"AUC": 0.5}}, ["criteria"]),
    ({"criteria": [{"name": "AUC", "at_least": 0.5, "endpoint": "third"}]}, ["endpoint is 'third'", "primary"]),
    ({"scope": {"popullation": "women"}}, ["key in scope", "'population'"]),
    ({"scope": {"population": 3}}, ["scope.population = 3", "expected str"]),
    ({"verdict": {"accepts": []}}, ["key in verdict", "'accept'"]),
])
def test_a_bad_plan_is_refused_with_the_nearest_name(table: dict[str, object], words: list[str]) -> None:
    with pytest.raises(PlanError) as refused:
        plan_of(table)
    assert all(word in str(refused.value) for word in words)


def test_unknown_plan_and_broken_toml(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="did you mean 'quick'"):
        open_plan("quik")
    with pytest.raises(NotFound, match=r"no plan"):
        open_plan(str(tmp_path / "none.toml"))
    (tmp_path / "torn.toml").write_text("name = ")
    with pytest.raises(PlanError, match="not valid TOML"):
        open_plan(str(tmp_path / "torn.toml"))


@pytest.mark.parametrize(("task", "plan"), [
    ("detection", "quick"), ("classification", "quick-classification"), ("multilabel", "quick-classification"),
    ("segmentation", "quick-segmentation"), ("generation", "quick-generation"), ("anomaly", "quick-anomaly"),
    ("registration", "quick-registration"), ("a task of tomorrow", "quick"),
])
def test_each_task_has_its_plan(task: str, plan: str) -> None:
    assert plan_for(task) == plan
    assert open_plan(plan).name == plan


@pytest.mark.parametrize(("task", "architecture", "plan"), [
    ("segmentation", "pyramid_lstm", "quick-segmentation-pyramid-lstm"),
    ("detection", "five_block_crowd", "quick-detection-five-block-crowd"),
    ("segmentation", "u_net", "quick-segmentation"), ("classification", "pyramid_lstm", "quick-classification"),
])
def test_a_network_with_dear_passes_has_a_plan_of_its_own(task: str, architecture: str, plan: str) -> None:
    assert plan_for(task, architecture) == plan
    assert open_plan(plan).name == plan


@pytest.mark.parametrize(("given", "classes", "card", "expected"), [
    ("benign", ("benign", "malignant"), {}, "benign"),
    ("", ("malignant", "normal"), {"positive": "normal"}, "malignant"),
    ("", ("normal", "pneumonia", "other"), {"positive": "pneumonia"}, "pneumonia"),
    ("", ("normal", "pneumonia"), {}, "pneumonia"),
    ("", ("normal", "pneumonia"), {"positive": "cancer"}, "pneumonia"),
    ("", (), {"positive": "cancer"}, ""),
])
def test_the_class_to_be_found(given: str, classes: tuple[str, ...], card: dict[str, str], expected: str) -> None:
    assert positive_of(given, classes, card) == expected


@pytest.mark.parametrize("classes", [("normal", "pneumonia"), ()])
def test_a_class_that_the_model_does_not_have_is_refused(classes: tuple[str, ...]) -> None:
    with pytest.raises(PlanError, match="judging.positive is 'cancer'.*" + (", ".join(classes) or "none")):
        positive_of("cancer", classes, {})


def test_the_ladder_of_a_plan_is_read_and_written() -> None:
    plan = open_plan("ladder")
    assert plan.ladder.primary in plan.explaining.methods
    assert plan.ladder.steps[0].endswith("radiomic")
    assert plan_of(tomllib.loads(plan_text(plan))) == plan
    assert plan_of({}).ladder == Ladder()
    with pytest.raises(PlanError, match="key in ladder"):
        plan_of({"ladder": {"primry": "occlusion"}})


def test_a_parameter_that_a_method_does_not_have_is_refused_with_those_that_it_has() -> None:
    plan = plan_of({"explaining": {"parameters": {"kernel_shap": {"region": 4}}}})
    with pytest.raises(PlanError, match=r"explaining.parameters.kernel_shap: unknown parameter 'region'; did you mean "
                                        r"'regions'\? known: .*evaluations"):
        check_parameters(plan)
    for path in sorted(folder("audits").glob("*.toml")):
        check_parameters(open_plan(path.stem))


def test_a_plan_that_nobody_named_asks_for_a_class_that_the_model_has() -> None:
    plan = open_plan("quick")
    own = suited(plan, ("cyst", "nodule"), {})
    assert own.judging.positive == "nodule"
    assert [one["name"] for one in own.criteria] == ["sensitivity at 0.5 false positives per image",
                                                     "image AUC nodule"]
    assert suited(plan, ("cyst", "nodule"), {"positive": "cyst"}).judging.positive == "cyst"
    assert suited(plan, ("benign", "malignant"), {}) == plan
    assert positive_of(own.judging.positive, ("cyst", "nodule"), {}) == "nodule"
