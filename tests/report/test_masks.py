"""Outlines of a segmentation drawn where they lie, words and table from stored rows."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests import example_run as example
from xaimed.report.masks import mask_panels, mask_table, mask_words
from xaimed.report.panels import View
from xaimed.run import Run
from xaimed.stats import Estimate, Results
from xaimed.store import Store
from xaimed.types import Case, Prediction, Score
from xaimed.viz.overlay import GREEN

SIDE, WINDOW = 40, (8, 4, 40, 36)
VALUES = {("fat", "", "Dice"): 0.912, ("fat", "", "HD95"): 4.2e-5, ("cells", "", "V_rand"): 0.5,
          ("gland", "", "Dice"): math.nan, ("d0", "grad_cam", "Dice"): 0.1}


def drawn(found: NDArray[np.bool_], reference: NDArray[np.bool_], run: Run) -> NDArray[np.uint8]:
    image = np.full((1, SIDE, SIDE), 0.5, np.float32)
    planes = {"found:fat": found.astype(np.float32), "reference:fat": reference.astype(np.float32)}
    [panel] = mask_panels(View(run, "ex000", image, WINDOW), planes)
    assert panel.title.startswith("Fat: found")
    return np.asarray(Image.open(io.BytesIO(panel.picture.data)))


def test_the_outline_is_green_and_the_reference_is_filled(example_run: Path) -> None:
    found, reference = np.zeros((2, SIDE, SIDE), bool)
    found[10:20, 12:24] = True
    reference[24:32, 14:30] = True
    rgb = drawn(found, reference, Run.open(example_run))
    factor = rgb.shape[0] / 32

    def at(y: float, x: float) -> list[int]:
        return [int(v) for v in rgb[round((y - 4) * factor), round((x - 8) * factor)]]

    assert at(15, 18) == [128, 128, 128] == at(22, 35), "inside of the outline, and outside of both, the image is seen"
    assert at(28, 22)[0] > 150 > at(28, 22)[1], "the reference is tinted magenta"
    green = (rgb == np.array(GREEN)).all(axis=2)
    rows, columns = np.nonzero(green)
    assert (rows.min() / factor + 4, rows.max() / factor + 4) == pytest.approx((10, 20), abs=0.3)
    assert (columns.min() / factor + 8, columns.max() / factor + 8) == pytest.approx((12, 24), abs=0.3)


def test_words_and_table_hold_what_was_measured() -> None:
    assert mask_words(VALUES) == ("The model outlines parts of the image. Agreement with the reference (Dice): "
                                  "Fat 0.91.")
    assert "No reference in pixels" in mask_words({})
    [table] = mask_table(VALUES)
    assert [column.title for column in table.columns] == ["Class", "Dice", "HD95", "V_rand"]
    assert table.rows == (("Fat", "0.912", "4.2e-05", "n/a"), ("Cells", "n/a", "n/a", "0.500"),
                          ("Gland", "n/a", "n/a", "n/a"))
    assert mask_table({("d0", "grad_cam", "gini"): 0.4}) == []


def test_the_parts_of_a_network_have_a_section_of_their_own(tmp_path: Path) -> None:
    from xaimed.report.families import members
    from xaimed.report.sections.structure import section

    drawn_case = example.draw(0)
    case = Case("ex000", drawn_case.case.image, patient="p", split="test")
    names = ("sweep z+", "sweep sum", "difference at scale 0", "Dice")
    results = Results(tuple(Estimate(name, 0.5, 0.4, 0.6, unit="case") for name in names), {})
    with Store.create(tmp_path / "run", example.PLAN, example.meta([drawn_case], 0)) as store:
        store.add_case(case, Prediction("ex000"), (), [Score("ex000", "x", "", "sweep z+", 0.5)])
        run = store.finish(results, ())
    assert [e.name for e in members(run, "structure")] == ["sweep z+", "sweep sum", "difference at scale 0"]
    assert [e.name for e in members(run, "performance")] == ["Dice"]
    text = repr(section(run))
    assert "sum" in text
    assert "Scale 0" in text or "scale 0" in text
