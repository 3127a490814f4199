"""The page of a case with many weak detections and three targets: what counts is shown, and it stays short."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests import example_run as example
from tests.report.conftest import text_of
from xaimed.report.blocks import Gallery, Table
from xaimed.report.case import case_document
from xaimed.report.judged import lesion_words
from xaimed.report.reading import read_case
from xaimed.report.write import write_reports
from xaimed.run import Run
from xaimed.stats import Results
from xaimed.store import Store
from xaimed.types import Detection, Prediction

ABOVE, WEAK = 3, 22


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One case with three explained detections, one of them below the operating point, and 22 weak ones."""
    drawn = example.draw(1)
    box = drawn.case.boxes[0].edges
    found = [Detection(f"d{i}", "benign", 0.9 - 0.2 * i, *(edge + 25 * i for edge in box)) for i in range(ABOVE)]
    found[2] = replace(found[2], score=0.45)
    found += [Detection(f"d{ABOVE + i}", "malignant", 0.4 - 0.01 * i, 5 + 3 * i, 9 * i, 40 + 3 * i, 30 + 9 * i)
              for i in range(WEAK)]
    maps = [(entry, values) for entry, values in drawn.entries if entry.target == "d0"]
    scores = [score for score in drawn.scores if score.target == "d0"]
    entries = [(replace(entry, target=f"d{i}", score=found[i].score), values) for i in range(ABOVE)
               for entry, values in maps]
    rows = [replace(score, target=f"d{i}") for i in range(ABOVE) for score in scores]
    rows += [replace(score, metric=f"{score.metric.partition('[')[0]}[tissue_median]") for score in rows
             if score.metric.endswith("[blur]")]
    with Store.create(tmp_path_factory.mktemp("busy") / "run", example.PLAN, example.meta([drawn], 0)) as store:
        store.add_case(drawn.case, Prediction(drawn.case.id, tuple(found), {}), entries, rows)
        return store.finish(Results((), {}), [], example.dataset_scores())


def table(run: Run, caption: str) -> Table:
    """The table of the case's page with this caption."""
    return next(block for block in case_document(run, "ex001").blocks
                if isinstance(block, Table) and block.caption == caption)


@pytest.mark.parametrize(("label", "words"), [
    ("malignant", "1 found, 0 missed."), ("benign", "1 found, 0 missed. t0 called malignant, reference benign.")])
def test_a_lesion_found_under_another_class_is_told(busy: Run, label: str, words: str) -> None:
    reading = read_case(busy, "ex001")
    found, lesion = replace(reading.detections[0], label="malignant"), replace(
        reading.references[0], label=label, found_by=reading.detections[0].name, missed=False)
    told = lesion_words(replace(reading, detections=(found,), references=(lesion,)))
    assert told.endswith(words)


def test_weak_detections_are_counted_not_listed(busy: Run) -> None:
    listed = table(busy, "Detections and reference")
    assert [row[0] for row in listed.rows] == ["d0", "d1", "d2", "d3", "d4", "d5", "t0"]
    assert listed.note.startswith("19 more below the operating point (see predictions.parquet).")


def test_only_what_counts_or_was_explained_is_drawn(busy: Run) -> None:
    pair = next(block for block in case_document(busy, "ex001").blocks if isinstance(block, Gallery))
    assert pair.panels[1].picture.alt.endswith("with 4 boxes; scale bar 20 mm")


def test_fills_stand_side_by_side_in_words(busy: Run) -> None:
    measured = table(busy, "Measured on the maps")
    titles = [column.title for column in measured.columns]
    assert "Deletion AUC (blur / noise / tissue median)" in titles
    assert len(measured.rows) == ABOVE * len(example.METHODS)
    stored = busy.scores[(busy.scores["target"] == "d1") & (busy.scores["method"] == "grad_cam")]
    value = {str(row.metric): float(row.value) for row in stored.itertuples()}
    row = next(row for row in measured.rows if row[:2] == ("d1", "Grad-CAM"))
    assert row[titles.index("Deletion AUC (blur / noise / tissue median)")] == " / ".join(
        f"{value[f'deletion_auc[{fill}]']:.3f}" for fill in ("blur", "noise", "tissue_median"))


def test_three_targets_fit_on_two_pages(busy: Run) -> None:
    pikepdf = pytest.importorskip("pikepdf")
    page: Path = write_reports(busy, ["ex001"])[1]
    with pikepdf.open(page) as pdf:
        assert len(pdf.pages) <= 2
    assert "19 more below the operating point" in text_of(page)
    assert "gate fail" in text_of(page)
