"""The example on vanishing gradients runs on real images, and the LSTM looks further back than Elman's network."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from xaimed.content import folder

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "vanishing_gradient.py"


@pytest.mark.timeout(90)
def test_vanishing_gradient(data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert SCRIPT.name == "vanishing_gradient.py"
    missing = [n for n in ("mednist-elman", "mednist-lstm") if not (folder("models") / n / "model.pt").is_file()]
    if missing or not (data_root / "mednist").is_dir():
        pytest.skip(f"not here: {', '.join(missing) or 'mednist'}")
    main = runpy.run_path(str(SCRIPT))["main"]
    found = main(["--data", str(data_root), "--cases", "6", "--out", str(tmp_path / "steps.svg")])
    printed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert printed == list(found)
    assert (tmp_path / "steps.svg").read_bytes().startswith(b"<?xml")
    assert found["mednist-elman"][1] > found["mednist-elman"][0]
