"""The example on likelihoods runs on real images: the machine beats pixels alone, and independence is exact there."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from xaimed.content import folder

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "rbm_likelihood.py"


@pytest.mark.timeout(90)
def test_rbm_likelihood(data_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert SCRIPT.name == "rbm_likelihood.py"
    if not (folder("models") / "mednist-rbm" / "model.pt").is_file() or not (data_root / "mednist").is_dir():
        pytest.skip("not here: mednist or models/mednist-rbm/model.pt")
    main = runpy.run_path(str(SCRIPT))["main"]
    found = main(["--data", str(data_root), "--cases", "10", "--chains", "20", "--temperatures", "200"])
    assert len(capsys.readouterr().out.splitlines()) == len(found)
    assert found["log Z low"] <= found["log Z"] <= found["log Z high"]
    assert found["pseudo-log-likelihood"] > found["pseudo-log-likelihood, independent pixels"]
    # Of independent pixels both are the same number.
    assert found["pseudo-log-likelihood, independent pixels"] == pytest.approx(
        found["log-likelihood, independent pixels"], rel=1e-4)
