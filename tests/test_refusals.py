"""The plan that nobody named: with the map that the network gives itself, and without one where it gives none."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.attribution.networks import small_cnn
from xaimed import load_model
from xaimed.architectures import bagnet, class_rbm, prototype_net
from xaimed.cli.app import main
from xaimed.content import folder
from xaimed.plan import open_plan
from xaimed.refusals import offered
from xaimed.run import Run


@pytest.mark.parametrize("network", [bagnet.build(), class_rbm.build(), prototype_net.build()])
def test_the_networks_own_map_is_among_the_methods(network: object) -> None:
    model, plan = load_model(network, task="classification", classes=["a", "b"]), open_plan("quick-classification")
    assert "own_evidence" not in plan.explaining.methods
    assert offered(model, plan).explaining.methods == ("own_evidence", *plan.explaining.methods)
    assert offered(model, offered(model, plan)) == offered(model, plan)


def test_a_network_without_one_has_the_plan_as_it_is() -> None:
    plan = open_plan("quick-classification")
    assert offered(load_model(small_cnn(), task="classification", classes=["a", "b", "c"]), plan) == plan


@pytest.mark.timeout(120)
def test_an_audit_of_prototypes_shows_what_they_are_for(data_root: Path, tmp_path: Path,
                                                        capsys: pytest.CaptureFixture[str]) -> None:
    path = folder("models") / "pneumoniamnist-prototypes" / "model.pt"
    assert main(["audit", str(path), "--dataset", "test", "--limit", "6", "--out", str(tmp_path / "run"), "--data",
                 str(data_root)]) in (0, 1)
    run = Run.open(tmp_path / "run")
    assert "added      own_evidence" in capsys.readouterr().err
    assert tomllib.loads((run.path / "plan.toml").read_text())["explaining"]["methods"][0] == "own_evidence"
    assert "own_evidence" in set(run.scores["method"])
    for case in run.cases["case"]:
        own = run.scores[(run.scores["case"] == case) & run.scores["metric"].str.startswith("part ")]
        assert len(own) == 11
        assert run.entries(case)[0].method == "own_evidence"
