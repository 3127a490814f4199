"""The scores of slides: sums of what their tiles give, against a known answer and the figures of docs/models.md."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from xaimed import load_model
from xaimed.content import folder
from xaimed.data.dataset import CaseRow, select
from xaimed.data.listed import About, Listed, Picture
from xaimed.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
LABELS = ("red", "white")
TILES = (("a", 0.2, "red"), ("b", 0.9, "white"), ("a", 0.4, "white"))  # slide, grey, label


@pytest.fixture(scope="module")
def slides() -> ModuleType:
    spec = importlib.util.spec_from_file_location("slides", ROOT / "examples" / "slides.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["slides"] = module
    spec.loader.exec_module(module)
    return module


class Grey(nn.Module):
    """A network whose probability of the second class is the mean grey of the tile."""

    def forward(self, images: Tensor) -> Tensor:
        grey = images.mean(dim=(1, 2, 3))
        return torch.stack([1 - grey, grey], dim=1).log()


def test_a_score_is_the_sum_of_what_the_tiles_give(slides: ModuleType) -> None:
    rows = [CaseRow(f"t{i}", slide, "test", label) for i, (slide, _, label) in enumerate(TILES)]
    listed = Listed(About("tiles", "Tiles", "classification", LABELS, ()), rows, lambda i: Picture(
        np.full((1, 8, 8), TILES[i][1], np.float32), "0" * 64))
    model = load_model(Grey(), task="classification", classes=LABELS, preprocessing={"channels": 1, "crop": False})
    first, second = slides.slides_of(model, select(listed, "test"))
    assert (first.name, first.tiles, second.tiles) == ("a", ("t0", "t2"), ("t1",))
    assert first.shares.numpy() == pytest.approx(np.array([[0.4, 0.1], [0.3, 0.2]]), abs=1e-6)
    assert first.score.tolist() == pytest.approx([0.7, 0.3], abs=1e-6)
    assert first.off.tolist() == pytest.approx([0.2, 0.2], abs=1e-6)
    assert second.off.tolist() == pytest.approx([0.1, 0.1], abs=1e-6)
    last = slides.table(first, LABELS).splitlines()[-2:]
    assert [line.split()[-2:] for line in last] == [["0.700", "0.300"], ["0.500", "0.500"]]


def test_a_model_that_scores_no_tiles_is_refused(slides: ModuleType) -> None:
    model = load_model(nn.Conv2d(1, 2, 1), task="segmentation", classes=("a",), preprocessing={"channels": 1})
    with pytest.raises(InputError, match="expected one that classifies tiles"):
        slides.slides_of(model, None)


def test_the_figures_of_the_docs_are_what_the_command_prints(slides: ModuleType, data_root: Path,
                                                             capsys: pytest.CaptureFixture[str]) -> None:
    path = folder("models") / "bccd-tiles-coudray" / "model.pt"
    slides.main([str(path), "--data", str(data_root), "--slide", "BloodImage-00135"])
    printed = capsys.readouterr().out
    found = re.search(r"(\d+) slides, (\d+) tiles: .* by ([\d.]+) in the mean .* by ([\d.]+) at most", printed)
    assert found is not None
    docs = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    told = " ".join(docs.partition("## Tiles and slides")[2].split())
    assert f"on {found[1]} test images with {found[2]} tiles" in told
    assert f"by {float(found[3]):.3f} in the mean over slides and classes and by {float(found[4]):.3f} at most" in told
    assert "python examples/slides.py models/bccd-tiles-coudray/model.pt --data DATA" in told
    with pytest.raises(InputError, match="no slide 'none'"):
        slides.main([str(path), "--data", str(data_root), "--slide", "none"])
