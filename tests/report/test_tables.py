"""The report of a run made from tables alone, and tables that keep together on their pages."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from tests import example_run as example
from tests.report.conftest import text_of
from xaimed.metrics.readers import RANDOM
from xaimed.report.blocks import Block, Column, Document, Heading, Mono, Pairs, Paper, Table, Text
from xaimed.report.contents import opening
from xaimed.report.families import ABREAST, group_tables, rule_tables
from xaimed.report.sections import cases, comparison, subgroups
from xaimed.report.typst import Renderer, shortened
from xaimed.report.wording import number, p_value
from xaimed.run import Run
from xaimed.stats import Estimate
from xaimed.viz.names import pretty


def plain(text: str) -> str:
    """The text without any white space: cells of a table may wrap anywhere."""
    return "".join(text.split())


def captions(blocks: list[Block]) -> list[str]:
    return [block.caption for block in blocks if isinstance(block, Table)]


def test_every_number_of_the_comparison_is_printed(tabled: Run) -> None:
    text = plain(text_of(tabled.path / "report.pdf"))
    for e in tabled.results.estimates:
        if math.isfinite(e.value):
            assert (p_value(e) if e.name.startswith(("p (", "Holm p (")) else number(e.value)).replace(" ", "") in text
        if math.isfinite(e.low) and math.isfinite(e.high):
            assert f"{number(e.low)}to{number(e.high)}" in text, e


def test_models_and_readers_stand_in_their_own_section(tabled: Run) -> None:
    found = comparison.section(tabled)
    assert captions(found)[0] == "Models and readers"
    first = next(block for block in found if isinstance(block, Table))
    assert [row[0] for row in first.rows] == ["new (audited)", "old", "reader_one (reader)", "reader_two (reader)"]
    assert "Non-inferiority" in captions(found)
    table = next(block for block in found if isinstance(block, Table) and block.caption == "Differences")
    row = next(row for row in table.rows if row[:2] == ("Image AUC 1", "new - old"))
    gap = next(e for e in tabled.results.estimates if e.name == "difference in image AUC 1: new - old")
    p = next(e for e in tabled.results.estimates if e.name == "p (difference in image AUC 1: new - old)")
    assert row[2].startswith(number(gap.value))  # type: ignore[union-attr]
    assert row[4] == p_value(p)
    told = repr(subgroups.section(tabled))
    assert "old" not in told
    assert "site: X" in told


def test_readers_as_a_sample_of_readers_are_printed_under_their_rule(tabled: Run) -> None:
    """Every estimate with readers and cases random stands in a table that says so, in its caption, note or row."""
    found = [block for block in comparison.section(tabled) if isinstance(block, Table)]
    assert len(set(captions(comparison.section(tabled)))) >= len([t for t in found if "continued" not in t.caption])
    random = [e for e in tabled.results.estimates if e.rule == RANDOM and not e.name.startswith(("p (", "Holm"))]
    assert len(random) == 5  # the mean, two models against it, two models beside a reader
    for e in random:
        told = e.name.split(": ")[-1]
        rows = [[table.caption, table.note, *map(str, row)] for table in found for row in table.rows]
        own = [" ".join(row) for row in rows if told in row or pretty(told) in row]
        assert any(RANDOM in row and number(e.value) in row for row in own), e
        assert (-1 <= e.low <= e.value <= e.high <= 1) or "NOT ASSESSED: 2 readers" in e.interval


def test_two_models_stand_side_by_side(tabled: Run) -> None:
    other = Run(tabled.path, tabled.meta)
    kept = tuple(e for e in tabled.results.estimates if not e.group.startswith("reader="))
    other.__dict__["results"] = replace(tabled.results, estimates=kept)
    table = next(block for block in comparison.section(other) if isinstance(block, Table))
    assert [column.title for column in table.columns[3:]] == ["new (audited)", "old"]
    assert len(table.rows) == len({(e.name, e.rule) for e in kept if e.group == "model=old"})


def test_a_run_of_one_model_says_that_nothing_was_compared(example_run: Path) -> None:
    heading, text = comparison.section(Run.open(example_run))
    assert heading == opening("Comparison")
    assert cast(Text, text).text.startswith("NOT ASSESSED: this run judged one model")


def test_what_was_not_given_is_said(tabled: Run) -> None:
    report, page = (text_of(tabled.path / name) for name in ("report.pdf", "cases/a.pdf"))
    for text in (report, page):
        assert "size not given" in text
        assert "0 x 0" not in text
        assert "Explanations of a box are conditional" not in text
    assert "No image was given" in page
    assert "cases/<case>.pdf" not in report
    assert "as it was given to the audit" in report


def test_at_most_forty_cases_worst_first(tmp_path: Path) -> None:
    """Of 44 drawn cases 40 are shown; every lesion missed (index 3 of 4, where there is one) comes first."""
    run = Run.open(example.example_run(tmp_path, 44))
    table = next(block for block in cases.section(run) if isinstance(block, Table))
    assert len(table.rows) == 40
    assert "Not shown: 4 cases, in cases.parquet" in table.note
    missed = [f"ex{i:03d}" for i in range(44) if i % 4 == 3 and i % 3 != 2]
    assert [row[0] for row in table.rows[:len(missed)]] != sorted(run.cases["case"])[:len(missed)]
    assert {str(row[0]) for row in table.rows[:len(missed)]} == set(missed)
    assert sorted(cases.worst(run)) == sorted(run.cases["case"])


def estimates(groups: int, names: int) -> tuple[Estimate, ...]:
    return tuple(Estimate(f"m{j}", 0.5, 0.4, 0.6, rule="r", group=f"g={i}", interval="w")
                 for i in range(groups) for j in range(names))


def test_wide_tables_are_cut() -> None:
    tables = group_tables("c", estimates(3, 2 * ABREAST + 1))
    assert [len(t.columns) - 1 for t in tables] == [ABREAST, ABREAST, 1]
    assert all(len(t.rows) == 3 for t in tables)
    ruled = tuple(replace(e, group="all", rule=e.group) for e in estimates(ABREAST + 1, 1))
    apart = tuple(Estimate("other", 0.1, 0.0, 0.2, rule=rule, interval="w") for rule in ("one", "two"))
    tables = rule_tables("c", (*ruled, *apart), "n")
    assert [[column.title for column in t.columns[1:]] for t in tables] == [
        ["g=0", "g=1", "g=2", "g=3"], ["g=4"], ["one", "two"]]
    assert tables[-1].caption == pretty("other")


def test_no_heading_or_caption_stands_alone_at_the_end_of_a_page(tmp_path: Path) -> None:
    """Wherever on the page a long table begins, its section's heading and its first row are on one page."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    rows = tuple((f"row{i}", "x") for i in range(40))
    with Renderer() as renderer:
        for above in range(32, 46, 4):
            blocks = (*(Text(f"line {i}") for i in range(above)), Heading("Section"), Text("What it says."),
                      Table("Caption", (Column("A", share=1), Column("B")), rows))
            path = tmp_path / f"{above}.pdf"
            path.write_bytes(renderer.pdf(Document("e", "t", "s", "h", "f", "2026-01-01T00:00:00Z", blocks)))
            done = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, check=True)
            page = next(page for page in done.stdout.decode().split("\f") if "Section" in page)
            assert all(word in page for word in ("What it says", "Caption", "row0", "row1")), above


@pytest.mark.parametrize("paper", ["a4", "us-letter"])
def test_names_without_a_space_stay_in_their_columns(tmp_path: Path, paper: Paper) -> None:
    """Names of 80 letters, and of letters that no font has, break within their column and stay whole in the text."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    import pypdf

    names = ("a" * 80, "b" * 80, "\u6076\u6027\u80bf\u5757\u1321\u1275" * 4)
    columns = tuple(Column(name, share=1) for name in names)
    blocks = (Table("Caption", columns, (names,) * 3), Heading("c" * 80), Text("d" * 120),
              Pairs((("Name", "e" * 90), ("Digest", Mono("f" * 64)))))
    path = tmp_path / "wide.pdf"
    document = Document("e", "t" * 80, "s" * 120, "h" * 200, "f", "2026-01-01T00:00:00Z", blocks, stamp="SYNTHETIC",
                        paper=paper)
    with Renderer() as renderer:
        path.write_bytes(renderer.pdf(document))
    done = subprocess.run(["pdftotext", "-bbox", str(path), "-"], capture_output=True, check=True).stdout.decode()
    width = float(re.findall(r'<page width="([\d.]+)"', done)[0])
    words = [(float(x0), float(x1), word) for x0, x1, word in re.findall(
        r'xMin="([\d.]+)" yMin="[\d.]+" xMax="([\d.]+)" yMax="[\d.]+">([^<]+)</word>', done)]
    margin = 20 / 25.4 * 72
    assert all(margin - 1 <= x0 and x1 <= width - margin + 1 for x0, x1, _ in words)
    second = min(x0 for x0, _, word in words if set(word) == {"b"})
    assert max(x1 for _, x1, word in words if set(word) == {"a"}) < second
    text = plain("".join(page.extract_text() for page in pypdf.PdfReader(path).pages))
    assert all(letter * count in text for letter, count in (("a", 80), ("d", 120), ("e", 90), ("f", 64), ("t", 80)))


def test_the_header_is_one_line() -> None:
    assert shortened("short") == "short"
    assert shortened("a" * 96) == "a" * 96
    assert shortened("a" * 90 + " " + "b" * 20) == "a" * 90 + " bbbb…"
