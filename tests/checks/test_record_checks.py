"""The checks of the record: near copies, reuse of the cases, the plan before the results, probes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.example_run import example_run as make
from tests.table_runs import table_run
from xaimed import ledger
from xaimed.checks import near_duplicates, plan_first, probes, reused_cases
from xaimed.checks.near_duplicates import difference_hash, near_pairs
from xaimed.reuse import NAME, note_use, used_before
from xaimed.run import Run
from xaimed.types import Floats


def textured(seed: int, side: int = 96) -> Floats:
    rough = np.random.default_rng(seed).normal(size=(12, 12)).astype(np.float32)
    image = np.kron(rough, np.ones((side // 12, side // 12), np.float32))
    return ((image - image.min()) / np.ptp(image))[None]


def test_a_copy_in_other_grey_levels_is_near_and_another_image_is_not() -> None:
    image, other = textured(1), textured(2)
    copies = [image, 0.5 * image + 0.2, np.clip(image + 0.005 * textured(9), 0, 1), other, np.zeros_like(image),
              np.zeros_like(image)]
    hashes = np.array([difference_hash(one.astype(np.float32)) for one in copies])
    assert near_pairs(hashes) == [(0, 1), (0, 2), (1, 2)]  # two blank images have no pattern to compare


def test_near_copies_of_one_patient_are_views_and_of_two_patients_a_concern(tmp_path: Path) -> None:
    run = Run.open(make(tmp_path))
    assert near_duplicates.ask(run).outcome == "pass"
    first = run.image("ex000")
    run.image = lambda case: first if case in ("ex000", "ex004") else Run.image(run, case)  # type: ignore[method-assign]
    found = near_duplicates.ask(run)
    assert (found.outcome, found.evidence["near_pairs"]) == ("concern", 1)
    assert "ex000 and ex004" in found.statement


def test_the_plan_stands_in_the_log_before_the_first_case(tmp_path: Path) -> None:
    run = Run.open(make(tmp_path))
    assert plan_first.ask(run).outcome == "pass"
    started = run.log_entries()[0]
    assert started.time in plan_first.ask(run).statement
    plan = run.path / "plan.toml"
    plan.write_text(plan.read_text().replace("0.90", "0.50"))
    assert plan_first.ask(Run.open(run.path)).outcome == "fail"


def test_a_plan_for_outputs_that_were_there_is_as_declared(tmp_path: Path) -> None:
    run = table_run(tmp_path / "run")
    found = plan_first.ask(run)
    assert found.outcome == "NOT ASSESSED"
    assert "as declared" in found.statement
    told = next(f for f in run.findings if f.code == "XM102").statement
    assert "0.5 was given to the audit;" in told


def test_a_broken_log_proves_nothing(tmp_path: Path) -> None:
    run = Run.open(make(tmp_path))
    log = run.path / "log.jsonl"
    log.write_text(log.read_text().replace('"index":0', '"index":1', 1))
    assert plan_first.ask(run).outcome == "fail"


def test_the_ledger_counts_audits_and_other_models(tmp_path: Path, example_run: Path) -> None:
    for selection, model in (("s", "m1"), ("s", "m2"), ("other", "m3"), ("s", "m2")):
        note_use(tmp_path, selection, model, "run")
    assert used_before(tmp_path, "s", "m1") == {"audits": 3, "models": 1, "entries": 4}
    assert used_before(tmp_path, "s", "m9") == {"audits": 3, "models": 2, "entries": 4}
    assert used_before(tmp_path, "new", "m1") == {"audits": 0, "models": 0, "entries": 4}
    assert used_before(tmp_path / "elsewhere", "s", "m1") == {"audits": 0, "models": 0, "entries": 0}
    assert len(ledger.read(tmp_path / NAME)) == 4
    run = Run.open(example_run)
    for reuse, outcome in ((None, "NOT ASSESSED"), ({"audits": 3, "models": 0}, "concern"),
                           ({"audits": 0, "models": 0, "entries": 0}, "NOT ASSESSED"),
                           ({"audits": 0, "models": 0, "entries": 4}, "pass"),
                           ({"audits": 3, "models": 2}, "concern")):
        run.meta = {**run.meta, "reuse": reuse}
        assert reused_cases.ask(run).outcome == outcome


@pytest.mark.parametrize(("shift", "outcome"), [(0.0, "NOT ASSESSED"), (0.9, "concern")])
def test_scores_that_cross_the_operating_point_under_a_probe(tmp_path: Path, example_run: Path, shift: float,
                                                             outcome: str) -> None:
    shutil.copytree(example_run, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    clean = run.predictions[run.predictions["x0"].isna()]
    noisy = clean.assign(condition="noise", score=(clean["score"] - shift).clip(0, 1))
    run.predictions = pd.concat([run.predictions, noisy])
    found = probes.ask(run)
    point = float(run.meta["model"]["operating_point"])
    crossed = int(((clean["score"] >= point) & (noisy["score"] < point)).sum())
    assert found.outcome == outcome
    assert f"noise {crossed} of {len(clean)}" in found.statement


def test_without_a_probe_nothing_is_said(example_run: Path) -> None:
    assert probes.ask(Run.open(example_run)).outcome == "NOT ASSESSED"
