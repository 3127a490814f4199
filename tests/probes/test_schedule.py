"""The table [probes] of a plan, and criteria that speak of a probe."""

from __future__ import annotations

import tomllib

import pytest

from xaimed.content import folder
from xaimed.errors import PlanError
from xaimed.plan import open_plan, plan_of, plan_text
from xaimed.probes.schedule import Schedule, labels_of, schedule_of, spread
from xaimed.registry import names

NOISE = {"levels": {"noise": [0.05]}}


def test_a_plan_says_which_probes_at_which_levels() -> None:
    levels = {"noise": [0.02, 0.1], "random_weights": [], "shifted": ["3 mm"]}
    plan = plan_of({"probes": {"cases": 5, "levels": levels}})
    labels = [c.label for c in plan.probes.conditions]
    assert labels == ["noise:0.02", "noise:0.1", "random_weights:all", "shifted:3 mm"]
    again = plan_of(tomllib.loads(plan_text(plan)))
    assert again == plan
    assert labels_of(tomllib.loads(plan_text(plan))) == tuple(c.label for c in plan.probes.conditions)
    assert plan_of({}).probes == Schedule()
    assert labels_of({}) == ()


@pytest.mark.parametrize(("table", "told"), [
    ({"levels": {"nose": [0.1]}}, "did you mean 'noise'"), ({"case": 5}, "did you mean 'cases'"),
    ({"levels": {"noise": [7]}}, "a number from 0 to 1"), ({"levels": {"noise": 0.1}}, "expected a list"),
    ({"levels": {"marker_removed": ["outsid"]}}, "'markers' or 'outside'"), ({"levels": [1]}, "expected a table"),
    ({"cases": -1}, "expected 0 or more"), ({**NOISE, "method": "grad_cm"}, "did you mean 'grad_cam'"), (3, "table")])
def test_what_cannot_be_run_is_refused_in_one_line(table: object, told: str) -> None:
    with pytest.raises(PlanError, match=told) as problem:
        schedule_of(table)
    assert "\n" not in str(problem.value)


def test_cases_are_spread_evenly() -> None:
    cases = [f"c{i}" for i in range(11)]
    assert spread(cases, 3) == ("c0", "c5", "c10")
    assert spread(cases, 0) == tuple(cases)
    some = schedule_of({"cases": 3, "targets": 2, **NOISE})
    assert some.chosen(cases) == ("c0", "c5", "c10")
    assert some.explained(cases) == ("c0", "c10")
    assert schedule_of({}).chosen(cases) == (), "without a probe nothing is asked again"


def test_a_criterion_names_a_probe_of_the_plan() -> None:
    rule = {"name": "change in image AUC malignant", "probe": "noise:0.05", "at_least": -0.05, "on": "low"}
    assert plan_of({"probes": NOISE, "criteria": [rule]}).criteria[0]["probe"] == "noise:0.05"
    with pytest.raises(PlanError, match=r"did you mean 'noise:0\.05'"):
        plan_of({"probes": NOISE, "criteria": [{**rule, "probe": "noise:0.5"}]})
    with pytest.raises(PlanError, match="group and probe"):
        plan_of({"probes": NOISE, "criteria": [{**rule, "group": "site=A"}]})


def test_the_full_plan_asks_every_probe_and_the_quick_ones_a_few() -> None:
    assert set(open_plan("full").probes.levels) == set(names("probes"))
    for path in folder("audits").glob("quick*.toml"):
        probes = open_plan(path.stem).probes
        assert len(probes.conditions) <= 4
        assert 0 < probes.cases <= 60 or not probes.levels
