"""The PDFs: the stored numbers are in them, the run's files are attached, markup is inert, bytes repeat."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from tests import example_run as example
from tests.report.conftest import text_of
from xaimed.errors import NotFound, StoreError
from xaimed.metrics.criteria import verdict
from xaimed.report.contents import opening
from xaimed.report.write import write_reports
from xaimed.run import Run
from xaimed.viz.lettering import printable

pikepdf = pytest.importorskip("pikepdf")


def plain(text: str) -> str:
    """The text without any white space: cells of a table may wrap anywhere."""
    return "".join(text.split())


def test_every_stored_number_is_printed(reported: Run) -> None:
    text = plain(text_of(reported.path / "report.pdf"))
    for estimate in reported.results.estimates:
        assert f"{estimate.value:.3f}({estimate.low:.3f}to{estimate.high:.3f})" in text or (
            f"{estimate.value:.3f}" in text and f"{estimate.low:.3f}to{estimate.high:.3f}" in text), estimate
        if estimate.numerator is not None:
            assert f"{estimate.numerator:.0f}/{estimate.denominator:.0f}" in text
        assert plain(estimate.rule) in text
    for finding in reported.findings:
        assert finding.code in text
        assert plain(finding.statement) in text
    for row in reported.axis.dropna(subset=["explainability"]).itertuples():
        assert f"{row.explainability:.3f}({row.explainability_low:.3f}to{row.explainability_high:.3f})" in text
    for digest in (reported.meta["model"]["digest"], reported.meta["data"]["manifest"], reported.meta["log"]["head"]):
        assert digest in text


def test_the_report_says_what_it_must(reported: Run) -> None:
    text = text_of(reported.path / "report.pdf")
    assert "1 of 3 criteria met; 1 of 3 criteria not met; 1 of 3 criteria NOT ASSESSED" in " ".join(text.split())
    assert "5 checks: 1 fail, 1 concern, 1 NOT ASSESSED, 1 pass, 1 not applicable." in " ".join(text.split())
    for judgement in verdict(reported).judgements:
        assert plain(judgement.statement) in plain(text)
    assert text.count("SYNTHETIC") > len(pikepdf.open(reported.path / "report.pdf").pages)
    assert "NOT ASSESSED" in text
    assert "conditional on the proposal" in text
    assert "Shapes drawn by a program" in text
    for title in ("Decision", "Identity and provenance", "Data", "Accuracy of the model", "Detection", "Calibration",
                  "Subgroups", "Validity of the explanations", "Findings", "Cases", "Limits"):
        assert opening(title).text in text
    pages = len(pikepdf.open(reported.path / "report.pdf").pages)
    assert all(f"page {i} of {pages}" in text for i in range(1, pages + 1))


def test_the_word_is_nowhere(reported: Run, nasty: Run) -> None:
    for run in (reported, nasty):
        for path in (*run.path.glob("*.pdf"), *run.path.glob("cases/*.pdf")):
            assert "complian" not in text_of(path).lower()
    source = Path(__file__).resolve().parents[2] / "xaimed" / "report"
    for path in source.rglob("*"):
        if path.suffix in (".py", ".typ"):
            assert "complian" not in path.read_text().lower(), path


def test_a_case_page_holds_its_rows(reported: Run) -> None:
    text = plain(text_of(reported.path / "cases" / "ex001.pdf"))
    rows = reported.predictions[(reported.predictions["case"] == "ex001") & reported.predictions["x0"].notna()]
    for row in rows.itertuples():
        assert plain(f"{row.x0:.0f}, {row.y0:.0f}, {row.x1:.0f}, {row.y1:.0f}") in text
        assert f"{(row.x1 - row.x0) * 0.4:.1f}x{(row.y1 - row.y0) * 0.4:.1f}" in text
        assert f"{row.score:.3f}" in text
    scores = reported.scores[(reported.scores["case"] == "ex001") & (reported.scores["metric"] == "deletion_auc[blur]")]
    assert len(scores) >= 4
    assert all(f"{value:.3f}" in text for value in scores["value"])
    assert "gatefail" in text
    assert "missed" in plain(text_of(reported.path / "cases" / "ex003.pdf"))
    assert "Missedlesionm0" in plain(text_of(reported.path / "cases" / "ex003.pdf"))


def test_attachments_are_the_files_of_the_run(reported: Run) -> None:
    with pikepdf.open(reported.path / "report.pdf") as pdf:
        assert set(pdf.attachments) == {"run.json", "results.json", "findings.json", "plan.toml", "scores.csv",
                                        "model-card.xml", "sbom.json"}
        for name in ("run.json", "results.json", "findings.json", "plan.toml"):
            assert pdf.attachments[name].get_file().read_bytes() == (reported.path / name).read_bytes()
    with pikepdf.open(reported.path / "cases" / "ex001.pdf") as pdf:
        rows = json.loads(pdf.attachments["ex001.json"].get_file().read_bytes())
    assert rows["cases"][0]["patient"] == "p000"
    assert [r["score"] for r in rows["predictions"]] == list(
        reported.predictions[reported.predictions["case"] == "ex001"]["score"])


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    run = Run.open(example.example_run(tmp_path, 2))
    first = [path.read_bytes() for path in write_reports(run)]
    time.sleep(1.1)  # a time stamp of the clock would differ now
    assert [path.read_bytes() for path in write_reports(Run.open(run.path))] == first
    assert run.log_entries()[-1].event == "report"


def test_markup_in_any_text_stays_text(nasty: Run) -> None:
    texts = [plain(text_of(path)) for path in (nasty.path / "report.pdf", nasty.path / "cases" / "ex000.pdf")]
    for text in texts:
        for piece in ('#import"/x"', "*bold*", "$x^2$", "<label>", "@ref", "`raw`", "//no/*no*/", "[a](b)",
                      "<U+6F22>", "<U+202E>"):
            assert piece in text, piece
        assert "SYNTHETIC" not in text


def test_printable_keeps_what_the_fonts_have_and_names_the_rest() -> None:
    assert printable("Größe ≤ 5 µm, Ελληνικά, Кириллица – “ok”") == "Größe ≤ 5 µm, Ελληνικά, Кириллица – “ok”"
    assert printable("a\u0000b\u202ec漢d\te") == "a<U+0000>b<U+202E>c<U+6F22>d e"


def test_an_empty_run_gives_a_report(tmp_path: Path) -> None:
    run = Run.open(example.example_run(tmp_path, 0))
    assert [path.name for path in write_reports(run)] == ["report.pdf"]
    text = text_of(run.path / "report.pdf")
    assert "holds no case" in text
    assert text.count("NOT ASSESSED") >= 4


def test_a_classifier_without_boxes_or_maps(tmp_path: Path) -> None:
    from xaimed.stats import Results
    from xaimed.store import Store
    from xaimed.types import Case, Prediction

    meta = {"created": "2026-01-01T00:00:00Z", "model": {"task": "classification"}, "data": {}}
    with Store.create(tmp_path / "r", "", meta) as store:
        image = np.zeros((3, 20, 30), np.float32)
        store.add_case(Case("c", image, "cat"), Prediction("c", (), {"cat": 0.75, "dog": 0.25}), [], [])
        run = store.finish(Results((), {}), ())
    report, page = write_reports(run)
    assert "conditional on the proposal" not in text_of(report)
    assert "cat 0.750 and dog 0.250" in text_of(page)
    assert "NOT ASSESSED" in text_of(page)


def test_an_unknown_case_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    run = Run.open(example.example_run(tmp_path, 1))
    with pytest.raises(NotFound, match="ex000"):
        write_reports(run, ["ex00"])
    assert not (run.path / "report.pdf").exists()


def test_a_full_disk_leaves_the_earlier_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    run = Run.open(example.example_run(tmp_path, 1))
    before = write_reports(run, [])[0].read_bytes()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="disk is full"):
        write_reports(run, [])
    assert (run.path / "report.pdf").read_bytes() == before
    assert not list(run.path.glob(".*"))


def test_pages_can_be_drawn(reported: Run, tmp_path: Path) -> None:
    if shutil.which("pdftoppm") is None:
        pytest.skip("pdftoppm (poppler-utils) is not installed")
    subprocess.run(["pdftoppm", "-r", "40", "-png", "-gray", str(reported.path / "cases" / "ex001.pdf"),
                    str(tmp_path / "p")], check=True)
    import cv2

    first = cv2.imread(str(min(tmp_path.glob("p*.png"))), cv2.IMREAD_GRAYSCALE)
    assert first is not None
    # The two pictures of the case: dark tissue on both halves of a white page, side by side.
    rows = slice(int(0.25 * first.shape[0]), int(0.42 * first.shape[0]))
    left, right = first[rows, : first.shape[1] // 2], first[rows, first.shape[1] // 2:]
    assert (left < 128).mean() > 0.3
    assert (right < 128).mean() > 0.3
    assert (first[:5] > 250).all()
