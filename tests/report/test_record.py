"""The parts of the record: failure modes tied to checks, the crosswalk with its pages, the bill of materials."""

from __future__ import annotations

import json
import math
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.conftest import text_of
from xaimed import registry
from xaimed.errors import NotFound, PlanError
from xaimed.failure_modes import usual_modes
from xaimed.report import record
from xaimed.report.blocks import Badge, Heading, Table, Text
from xaimed.report.contents import NUMBERS, opening, order
from xaimed.report.measures import MEASURES, measure_title
from xaimed.report.record import Item, answer, crosswalk, held
from xaimed.report.sbom import packages, sbom, sbom_attachment
from xaimed.report.sections import crosswalk as crosswalk_section
from xaimed.report.sections import decision
from xaimed.report.sections import failure_modes as modes_section
from xaimed.report.write import Making, sections, write_reports
from xaimed.run import Run
from xaimed.stats import Estimate, Results
from xaimed.types import Finding


def test_every_failure_mode_names_checks_that_exist_and_every_check_stands_in_one() -> None:
    codes = {registry.load("checks", name).CHECK.code for name in registry.names("checks")}
    named = {code for mode in usual_modes() for code in mode.checks}
    assert named <= codes
    assert {c for c in codes if c < "XM502" or c == "XM601"} <= named
    assert len({mode.id for mode in usual_modes()}) == len(usual_modes())


def test_a_failure_mode_has_the_worst_outcome_of_its_checks(example_run: Path) -> None:
    run = Run.open(example_run)
    table = next(block for block in modes_section.section(run) if isinstance(block, Table))
    outcomes = {f.code: f.outcome for f in run.findings}
    order = ("fail", "concern", "NOT ASSESSED", "pass", "not applicable")
    for mode in usual_modes():
        row = next(row for row in table.rows if row[0] == mode.id)
        said = [outcomes.get(code, "NOT ASSESSED") for code in mode.checks] or ["NOT ASSESSED"]
        assert isinstance(row[-1], Badge)
        assert row[-1].text == min(said, key=order.index)


def test_grave_checks_without_an_answer_are_to_be_weighed_too() -> None:
    found = (Finding("XM101", "Who was trained on?", "high", "NOT ASSESSED", "", {}),
             Finding("XM105", "Used before?", "medium", "NOT ASSESSED", "", {}),
             Finding("XM201", "Met?", "high", "fail", "", {}), Finding("XM203", "First?", "high", "pass", "", {}))
    assert decision._open(found) == [Text(
        "To be weighed before signing: XM201 Met?; XM101 Who was trained on? (NOT ASSESSED).")]


def test_what_tables_of_outputs_cannot_show_is_not_said(tabled: Run, example_run: Path) -> None:
    words = " ".join(str(block) for block in sections(tabled))
    assert "Set down before the run" not in words
    assert "before the first case" not in words
    assert "at the map beside it" not in words
    pictured = " ".join(str(block) for block in sections(Run.open(example_run)))
    assert "at the map beside it" in pictured
    assert "missed lesion has no map" not in pictured


def test_the_crosswalk_asks_for_cases_dates_and_a_decision_curve(example_run: Path) -> None:
    run = Run.open(example_run)
    topics = {item.topic: item for item in crosswalk()}
    missing, sites = topics["handling of missing data"], topics["data sources, eligibility, dates and sites"]
    run.plan["scope"] = {"missing": "counted", "population": "women"}
    assert answer(missing, held(run)) == "met"
    assert answer(sites, held(run)) == "partly"
    run.cases = run.cases.iloc[:0]
    assert answer(missing, held(run)) == "partly"
    assert answer(topics["mapping: failure modes and effects (FMEA)"], held(run)) != "met"
    useful = topics["discrimination, calibration and clinical utility with intervals"]
    assert "run.decision_curve" in useful.needs


def test_the_names_of_the_crosswalk_are_those_that_are_looked_up(example_run: Path) -> None:
    assert set(record._facts(Run.open(example_run))) == record.KNOWN
    assert all(set(item.needs) <= record.KNOWN for item in crosswalk())


@pytest.mark.parametrize(("needs", "known", "expected"), [
    (("run.log", "run.gate"), {"run.log", "run.gate"}, "met"), (("run.log", "run.gate"), {"run.log"}, "partly"),
    (("run.log",), set(), "NOT ASSESSED"), ((), {"run.log"}, "NOT ASSESSED")])
def test_an_item_is_met_by_all_of_its_needs(needs: tuple[str, ...], known: set[str], expected: str) -> None:
    assert answer(Item("s", "t", "Data", needs), frozenset(known)) == expected


def test_what_nobody_set_down_is_not_held(example_run: Path) -> None:
    known = held(Run.open(example_run))
    assert not {name for name in known if name.startswith("scope.")}
    assert {"run.log", "run.estimates", "run.pictured"} <= known
    assert "signature.people" not in known


def test_what_was_tried_without_a_result_is_not_held(example_run: Path) -> None:
    """Suppressed cells, a gate without an answer and a line that was not fitted meet nothing."""
    run = Run.open(example_run)
    nan = math.nan
    cell = Estimate("image AUC malignant", 0.8, 0.7, 0.9, group="site=A")
    line = [Estimate(f"calibration {name}", 1.0, 0.8, 1.2) for name in ("slope", "intercept")]
    judged = [f for f in run.findings if f.code != "XM501"] + [Finding("XM501", "", "low", "pass", "", {})]
    run.results, run.findings = Results((cell, *line)), tuple(judged)
    names = {"run.groups", "run.calibration", "run.gate", "run.estimates"}
    assert names <= held(run)
    run.results = Results(tuple(replace(e, value=nan, low=nan, high=nan) for e in (cell, *line)))
    run.scores = run.scores.assign(value=run.scores["value"].mask(run.scores["metric"] == "gate"))
    assert not names & held(run)
    run.results = Results((cell,))
    run.findings = (Finding("XM501", "", "low", "NOT ASSESSED", "", {}),)
    assert "run.groups" not in held(run)


def test_the_pages_of_the_crosswalk_are_those_of_the_headings(reported: Run) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    raw = subprocess.run(["pdftotext", "-layout", str(reported.path / "report.pdf"), "-"], capture_output=True,
                         check=True).stdout.decode()
    pages = raw.split("\f")
    printed = {item.section: opening(item.section).text for item in crosswalk()}
    first = {name: next((n for n, page in enumerate(pages, 1)
                         if re.search(rf"^\s*{re.escape(text)}\s*$", page, re.MULTILINE)), None)
             for name, text in printed.items()}
    whole = " ".join(text_of(reported.path / "report.pdf").split())
    found = 0
    for item in crosswalk():
        told = re.search(rf"{re.escape(item.topic)} {re.escape(printed[item.section])} (\d+|–)", whole)
        if told is not None:
            found += 1
            assert told[1] == (str(first[item.section]) if first[item.section] else "–"), item.topic
    assert found > len(crosswalk()) // 2


def test_bad_tables_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "walk.toml"
    other.write_text('[[items]]\nsource = "s"\ntopic = "t"\nsection = "Data"\nneeds = ["run.everything"]\n')
    with pytest.raises(PlanError, match=r"needs 'run\.everything'"):
        crosswalk(other)
    other.write_text('[[items]]\nsource = "s"\ntopic = "t"\nsection = "Robustnes"\nneeds = []\n')
    with pytest.raises(NotFound, match="Robustness"):
        crosswalk(other)


def test_the_sections_are_numbered_0_to_17_in_every_kind_of_run(example_run: Path, tabled: Run) -> None:
    """Each section is there under its number, in order; one that does not apply holds one line that says why."""
    drawn = Run.open(example_run)
    whole = Run(drawn.path, {**drawn.meta, "model": {**drawn.meta["model"], "task": "classification"}})
    for run in (drawn, tabled, whole):
        blocks = sections(run)
        found = [block.text for block in blocks if isinstance(block, Heading) and block.level == 1]
        assert [text.partition(" ")[0] for text in found] == [str(n) for n in range(18)]
        titles = [b.text for b in blocks if isinstance(b, Heading) and b.text.partition(" ")[2] in NUMBERS]
        assert titles == sorted(titles, key=lambda text: order(text.partition(" ")[2]))
    at = blocks.index(opening("Detection"))
    assert blocks[at + 1] == Text("NOT ASSESSED: the model marks no boxes, so there is nothing that it detects.")
    assert blocks[at + 2] == opening("Calibration")


def test_a_section_stands_where_its_number_says() -> None:
    for name in registry.names("report.sections"):
        module = registry.load("report.sections", name)
        assert order(module.TITLE) == module.ORDER, name
    assert len(set(NUMBERS.values())) == len(NUMBERS) == len(registry.names("report.sections"))


def test_no_section_claims_conformity(reported: Run) -> None:
    text = text_of(reported.path / "report.pdf").lower()
    assert "com" + "pliant" not in text
    assert "not assessed" in text
    assert crosswalk_section.ORDER > modes_section.ORDER


def test_the_bill_of_materials_is_valid_and_the_same_for_the_same_run(example_run: Path) -> None:
    run = Run.open(example_run)
    bill = sbom(run)
    assert [c["name"] for c in bill["components"]][1:] == [item["name"] for item in packages(run)]
    assert bill["components"][0]["type"] == "machine-learning-model"
    assert sbom_attachment(run).data == sbom_attachment(Run.open(example_run)).data
    refs = [c["bom-ref"] for c in bill["components"]]
    assert len(set(refs)) == len(refs)
    validation = pytest.importorskip("cyclonedx.validation.json")
    schema = pytest.importorskip("cyclonedx.schema")
    problem = validation.JsonStrictValidator(schema.SchemaVersion.V1_6).validate_str(json.dumps(bill))
    assert problem is None, problem


def test_licences_and_packages_come_from_the_run(example_run: Path) -> None:
    run = Run.open(example_run)
    run.meta = {**run.meta, "components": [{"name": "Some_Pack.age", "version": "1.2", "licence": "MIT"}]}
    part = sbom(run)["components"][1]
    assert part["purl"] == "pkg:pypi/some-pack-age@1.2"
    assert part["licenses"] == [{"license": {"name": "MIT"}}]


def test_directions_are_those_of_the_metrics() -> None:
    for name in registry.names("metrics"):
        metric = getattr(registry.load("metrics", name), "METRIC", None)
        if metric is not None and metric.kind == "explanation":
            assert MEASURES[name][1] == metric.better, name
    assert measure_title("deletion_auc[tissue_median]") == "Deletion AUC, fill tissue median (lower is better)"
    assert measure_title("brand_new[x]") == "Brand new (x)"


def test_the_gates_rule_is_that_of_the_gate() -> None:
    from xaimed.checks.sanity_gate import CEILING, TOLERANCE
    from xaimed.sanity import Gate

    assert (Gate().tolerance, Gate().ceiling) == (TOLERANCE, CEILING)


def test_letter_pages(example_run: Path, tmp_path: Path) -> None:
    pikepdf = pytest.importorskip("pikepdf")
    shutil.copytree(example_run, tmp_path / "run")
    write_reports(Run.open(tmp_path / "run"), ["ex000"], how=Making(paper="us-letter"))
    for name in ("report.pdf", "cases/ex000.pdf"):
        with pikepdf.open(tmp_path / "run" / name) as pdf:
            assert {tuple(round(float(v)) for v in page.mediabox) for page in pdf.pages} == {(0, 0, 612, 792)}


def test_components_are_of_loaded_packages_only() -> None:
    from importlib.metadata import version

    from xaimed.surroundings import surroundings

    found = surroundings()
    known = {item["name"].lower(): item["version"] for item in found["components"]}
    assert known["numpy"] == version("numpy")
    assert "pytest" in known
    assert "streamlit" in known or "streamlit" not in sys.modules
    assert known["python"] == platform.python_version()
    assert known["scikit-image"] == version("scikit-image")
    assert not {"setuptools", "pip", "wheel", "xaimed"} & {*known}
    assert found["hardware"]["cores"] >= 1
