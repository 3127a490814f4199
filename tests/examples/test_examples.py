"""Every script and notebook of examples/ runs, and what it shows is right."""

from __future__ import annotations

import base64
import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from xaimed.content import folder
from xaimed.scene import Scene
from xaimed.types import Floats

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
NOTEBOOK = EXAMPLES / "explain_one_case.ipynb"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
# Added behind the last cell: what the notebook holds, as numbers.
PROBE = """
import json
import numpy as np
box = next(d for d in found.detections if d.name == "d0")
values = gradients.maps[0]
peak = [int(v) for v in np.unravel_index(np.abs(values).argmax(), values.shape)]
fact = gradients.facts[0]
print(json.dumps({"split": case.split, "box": box.edges, "score": box.score, "peak": peak,
                  "point": model.file.operating_point, "sum": float(values.sum()),
                  "heat": [float(heat.maps[0].min()), float(heat.maps[0].max())],
                  "gain": fact["f_input"] - fact["f_baseline"]}))
"""


@pytest.fixture(scope="module")
def model_file() -> Path:
    path = folder("models") / "mammogram-detector" / "model.pt"
    if not path.is_file():
        pytest.skip(f"{path.parent.name}/model.pt is not here yet; train it with 'xaimed train'")
    return path


def run(name: str, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, Any]:
    """The names that a script leaves behind."""
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    return runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def grad_cam(scene: Scene) -> Floats:
    """Grad-CAM of the last layer in original pixels, written out here."""
    kept: list[torch.Tensor] = []
    handle = list(scene.layers.values())[-1].register_forward_hook(lambda _, __, output: kept.append(output))
    try:
        score = scene.score(scene.image.clone().requires_grad_())
    finally:
        handle.remove()
    weights = torch.autograd.grad(score.sum(), kept[0])[0].mean((2, 3), keepdim=True)
    cells = (weights * kept[0]).sum(1, keepdim=True).relu().detach()
    laid = torch.nn.functional.interpolate(cells, size=scene.image.shape[-2:], mode="bilinear")
    return scene.place(laid[0, 0].numpy())


def near(row: float, column: float, box: tuple[float, ...]) -> bool:
    """Whether a point lies in the box or at most half its size outside."""
    x, y = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
    return bool(box[0] - x <= column <= box[2] + x and box[1] - y <= row <= box[3] + y)


@pytest.mark.timeout(90)
def test_predict(model_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    left = run("01_predict.py", monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [case.id for case in left["cases"]]
    assert {case.split for case in left["cases"]} == {"test"}
    point = left["model"].file.operating_point
    hits = lesions = 0
    for case, found, line in zip(left["cases"], left["predictions"], lines, strict=True):
        shown = [d for d in found.detections if d.score >= point]
        assert sum(f"{d.name} {d.label}" in line for d in shown) == len(shown)
        assert ("no box" in line) == (not shown)
        for box in case.boxes:
            lesions += 1
            hits += any(box.x0 <= (d.x0 + d.x1) / 2 <= box.x1 and box.y0 <= (d.y0 + d.y1) / 2 <= box.y1 for d in shown)
    assert lesions > 0
    assert hits >= lesions / 2


@pytest.mark.timeout(180)
def test_explain(model_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    picture = tmp_path / "maps.png"
    left = run("02_explain.py", monkeypatch, str(picture))
    case, box, maps = left["case"], left["box"], left["maps"]
    assert box.score >= left["model"].file.operating_point
    assert [found.method for found in maps] == ["grad_cam", "integrated_gradients"]
    # The first map may peak away from the box: its weights hold for whole channels. It has to be what they give.
    expected = grad_cam(left["model"].scenes(case, [box.name])[0])
    assert np.linalg.norm(maps[0].maps[0] - expected) < 1e-3 * np.linalg.norm(expected)
    values = np.abs(maps[1].maps[0])
    assert values.shape == (case.height, case.width)
    assert near(*np.unravel_index(values.argmax(), values.shape), box.edges)
    drawn = cv2.imread(str(picture))
    assert drawn is not None
    assert drawn.shape == (case.height, 2 * case.width, 3)
    assert (drawn.max(axis=2) != drawn.min(axis=2)).any(), "no colour in the picture"


def test_own_network(monkeypatch: pytest.MonkeyPatch) -> None:
    left = run("03_own_network.py", monkeypatch)
    values = left["found"].values[0]
    assert left["share"] == 1.0
    # The square's rows and columns carry the map: bilinear edges reach one cell of four pixels beyond.
    assert values[8:24, 40:56].sum() > 0.6 * values.sum()
    assert values[:, :32].sum() == 0.0


def test_anchor_audit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    left = run("anchor_audit.py", monkeypatch, "--patients", "5")
    printed = capsys.readouterr().out
    found = left["main"](["--patients", "5"])
    rows = [line.split() for line in printed.splitlines()[2:]]
    assert [[int(row[0]), int(row[1])] for row in rows] == [[s, a.count] for s, a in found.items()]
    assert [float(row[2]) for row in rows] == pytest.approx([a.at_half for a in found.values()], abs=5e-4)
    assert found[16].count > 0
    assert found[16].at_half > found[32].at_half


def test_every_script_has_a_test_and_says_how_to_run_it() -> None:
    here = "".join(path.read_text("utf8") for path in Path(__file__).parent.glob("test_*.py"))
    for path in SCRIPTS:
        assert f'"{path.name}"' in here
        assert f"python examples/{path.name}" in path.read_text("utf8")


def cells(kind: str) -> list[str]:
    notebook = json.loads(NOTEBOOK.read_text("utf8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


def test_the_notebook_is_short_and_stored_without_outputs() -> None:
    notebook = json.loads(NOTEBOOK.read_text("utf8"))
    for cell in notebook["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    lines = [line for cell in cells("code") for line in cell.splitlines() if line.strip()]
    assert len(lines) < 20


@pytest.mark.timeout(300)
# The kernel's client warns of its own event loop and sockets, which are no matter of ours.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_the_notebook_explains_its_case(model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(PROBE))
    done = nbclient.NotebookClient(notebook, timeout=280, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [cell.outputs for cell in done.cells if cell.cell_type == "code"]
    check_facts(json.loads(shown[-1][-1]["text"]))
    pictures = [out["data"]["image/png"] for outputs in shown for out in outputs if "image/png" in out.get("data", {})]
    assert len(pictures) == 7, "each plot is shown: two, and one for each of five methods"
    for picture in pictures:
        drawn = cv2.imdecode(np.frombuffer(base64.b64decode(picture), np.uint8), cv2.IMREAD_COLOR)
        assert drawn is not None
        assert (drawn.max(axis=2) != drawn.min(axis=2)).mean() > 0.001, "no colour in the picture"


def check_facts(facts: dict[str, Any]) -> None:
    assert facts["split"] == "test"
    assert facts["score"] >= facts["point"]
    assert near(*facts["peak"], facts["box"])
    assert facts["heat"][0] == 0.0
    assert facts["heat"][1] > 0.0
    # The phantoms keep their size, so the map on the original pixels still adds up.
    assert facts["sum"] == pytest.approx(facts["gain"], rel=0.05)
