"""The committed recurrent, energy-based and anomaly models: stored scores, and audits of a few cases end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.models.test_classifiers import scores
from xaimed.cli.app import main
from xaimed.content import folder
from xaimed.run import Run

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "energies.json"
STORED: dict[str, dict[str, float]] = json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(STORED))
def test_it_still_says_what_it_said(name: str) -> None:
    """Renew with: python -m tests.golden.renew_energies."""
    assert scores(name) == pytest.approx(STORED[name], abs=2e-3)


def audited(name: str, out: Path, *given: str) -> Run:
    path = folder("models") / name / "model.pt"
    if not path.is_file():
        pytest.skip(f"{name}/model.pt is not here yet; train it with 'xaimed train'")
    asked = ["audit", str(path), "--dataset", "test", "--limit", "6", "--out", str(out), "--json", *given]
    assert main(asked) in (0, 1)
    return Run.open(out)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["mednist-rbm", "mednist-stacked-autoencoder"])
def test_an_audit_leaves_out_what_cannot_explain_and_says_so(name: str, data_root: Path, tmp_path: Path,
                                                             capsys: pytest.CaptureFixture[str]) -> None:
    run = audited(name, tmp_path / "run", "--data", str(data_root))
    methods = set(run.scores["method"])
    assert {"own_evidence", "integrated_gradients"} <= methods
    assert "grad_cam" not in methods
    if name != "mednist-rbm":  # the plan for energy does not ask for it
        assert "no layer gives a feature map" in run.meta["left_out"]["grad_cam"]
        assert "left out   grad_cam" in capsys.readouterr().err
    assert not any("lesion" in estimate.name.split() or "false positives per image" in estimate.name
                   for estimate in run.results.estimates)


@pytest.mark.timeout(300)
def test_the_share_of_each_modality_is_measured(tmp_path: Path) -> None:
    run = audited("phantom-modes-dbm", tmp_path / "run")
    rows = run.scores[run.scores["metric"].str.startswith("plane_share") & (run.scores["method"] == "kernel_shap")]
    shares = rows.pivot_table(index="case", columns="metric", values="value")
    assert list(shares.columns) == ["plane_share[0]", "plane_share[1]"]
    assert shares.sum(axis=1).to_numpy() == pytest.approx(1)
