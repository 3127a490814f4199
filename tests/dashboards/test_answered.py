"""What a model answered in pixels on the case page: edges of masks, pictures of a displacement and of a residual."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="the extra 'dashboard' is not installed")

from streamlit.testing.v1 import AppTest

from dashboards import answered, exam
from tests import example_run as example
from tests.dashboards.test_pages import launched, told
from xaimed.run import Run
from xaimed.store import Store
from xaimed.types import Case, Floats, Prediction, Score

pytestmark = pytest.mark.usefixtures("no_cache")
INSIDE = np.zeros(example.SHAPE, bool)
INSIDE[100:140, 50:90] = True


def run_of(folder: Path, task: str, case: Case, dense: dict[str, Floats], scores: tuple[Score, ...] = ()) -> Run:
    meta = example.meta([example.draw(0)], 0)
    model = cast(dict[str, object], meta["model"])
    meta = {**meta, "model": {**model, "task": task}}
    with Store.create(folder / "demo", example.PLAN, meta) as store:
        store.add_case(case, Prediction(case.id, dense=dense), (), scores)
        return store.finish(example.results(1), example.findings(1), [])


def drawn(**changes: object) -> Case:
    return replace(example.draw(0).case, boxes=(), label=None, **changes)  # type: ignore[arg-type]


def html(at: AppTest) -> str:
    return " ".join(element.proto.body for element in at.get("html"))


def test_the_edge_of_a_mask_runs_through_the_middles_of_its_outer_pixels() -> None:
    [line] = answered.lines_of(INSIDE)
    points = {(x, y) for x, y in zip(line[::2], line[1::2], strict=True)}
    assert points == {(50.5, 100.5), (89.5, 100.5), (89.5, 139.5), (50.5, 139.5)}
    ring = INSIDE.copy()
    ring[110:120, 60:70] = False
    assert len(answered.lines_of(ring)) == 2, "a hole has an edge too"
    assert answered.lines_of(np.zeros((9, 9), bool)) == []


def test_a_segmentation_shows_edges_in_place_of_boxes_and_its_dice_in_words(monkeypatch: pytest.MonkeyPatch,
                                                                            tmp_path: Path) -> None:
    found = np.roll(INSIDE, 5, axis=1)
    run = run_of(tmp_path, "segmentation", drawn(segments={"lesion": INSIDE}), {"lesion": found.astype(np.float32)},
                 (Score("ex000", "lesion", "", "Dice", 0.875),))
    edges = answered.outlines(run, "ex000")
    assert [(one["name"], one["kind"], one["lines"]) for one in edges] == [
        ("lesion", "found", answered.lines_of(found)), ("lesion", "reference", answered.lines_of(INSIDE))]
    [view] = exam.views_of(str(run.path), 0, "ex000")
    assert (view["outlines"], view["boxes"]) == (edges, [])
    at = launched(monkeypatch, tmp_path, "case", case="ex000")
    assert "Agreement with the reference (Dice): Lesion 0.88." in told(at)


def test_a_registration_shows_moving_fixed_and_moved_with_the_error_before_and_after(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    image = np.concatenate([example.draw(0).case.image, np.roll(example.draw(0).case.image, 4, axis=2)])
    shift = np.full(example.SHAPE, 4.0, np.float32)
    zero = np.zeros(example.SHAPE, np.float32)
    run = run_of(tmp_path, "registration", drawn(image=image), {"dx": -shift, "dy": zero}, tuple(
        Score("ex000", "", "", name, value) for name, value in (
            ("target registration error", 0.4), ("error before registration", 1.6), ("folding", 0.0))))
    at = launched(monkeypatch, tmp_path, "case", case="ex000")
    assert "misses its partner by 0.40 mm after registration, and by 1.60 mm before" in told(at)
    for title in ("Moving, with the grid", "Fixed", "Moved", "|Moved - fixed|, mean 0.0"):
        assert f"<figcaption>{title}" in html(at), title
    assert html(at).count('src="data:image/png;base64,') == 5
    assert not {"detections", "below", "truth"} & {name for name, there in exam.switches(run).items() if there}


def test_an_anomaly_shows_its_residual_and_a_detection_nothing(monkeypatch: pytest.MonkeyPatch, example_run: Path,
                                                               tmp_path: Path) -> None:
    error = np.where(INSIDE, 0.5, 0.1).astype(np.float32)
    run_of(tmp_path, "anomaly", drawn(), {"error": error})
    at = launched(monkeypatch, tmp_path, "case", case="ex000")
    assert "<figcaption>Residual, largest 0.5 " in html(at)
    plain = Run.open(example_run)
    assert answered.outlines(plain, "ex000") == []
    [view] = exam.views_of(str(plain.path), 0, "ex001")
    assert view["boxes"]
    assert all(exam.switches(plain).values())
