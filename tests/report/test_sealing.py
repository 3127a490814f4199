"""The seal and marks of a report: any changed bit is found, the marks are read by other libraries, XML is whole."""

from __future__ import annotations

import copy
import hashlib
import random
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from xaimed.errors import InputError
from xaimed.report.attachments import defused, scores_csv
from xaimed.report.model_card import NAMESPACE, model_card
from xaimed.report.sealing import Marks, broken_seal, sealed, sealed_length
from xaimed.run import Run

pikepdf = pytest.importorskip("pikepdf")


@pytest.fixture(scope="module")
def report(reported: Run) -> bytes:
    return (reported.path / "report.pdf").read_bytes()


def test_any_flipped_bit_is_found(report: bytes) -> None:
    assert broken_seal(report) == ""
    assert sealed_length(report) == len(report)
    draw = random.Random(0)
    marks = [report.index(b"<xaimed:seal>") + i for i in range(170)]
    for place in [*draw.sample(range(len(report)), 300), *marks, 0, len(report) - 1]:
        changed = bytearray(report)
        changed[place] ^= 1 << draw.randrange(8)
        assert broken_seal(bytes(changed)), place
    assert "cut off" in broken_seal(report[:-1])


def test_the_seal_is_the_sha256_of_the_file_with_zeros_in_its_place(report: bytes) -> None:
    found = re.search(rb"<xaimed:seal>([0-9a-f]{64})<", report)
    assert found is not None
    blank = report.replace(found[1], b"0" * 64)
    assert hashlib.sha256(blank).hexdigest().encode() == found[1]


def test_the_marks_are_read_by_pikepdf(reported: Run) -> None:
    with pikepdf.open(reported.path / "report.pdf") as pdf, pdf.open_metadata() as xmp:
        card = model_card(reported)
        assert str(pdf.docinfo["/chaiMcXml"]) == card
        assert str(pdf.docinfo["/chaiMcSoftwareId"]).startswith("xaimed ")
        assert xmp["{http://ns.adobe.com/pdfx/1.3/}chaiMcXml"] == card
        assert xmp["{urn:xaimed:archive:1/}logHead"] == reported.meta["log"]["head"]
        recorded = {line.split(" ", 1)[1]: line.split(" ", 1)[0] for line in xmp["{urn:xaimed:archive:1/}attachments"]}
        for name, spec in pdf.attachments.items():
            assert recorded[name] == hashlib.sha256(spec.get_file().read_bytes()).hexdigest()
        assert str(pdf.attachments["run.json"].obj.AFRelationship) == "/Data"
        assert str(pdf.attachments["model-card.xml"].obj.AFRelationship) == "/Supplement"


def test_a_pdf_of_another_kind_is_refused() -> None:
    with pytest.raises(InputError, match="classic trailer"):
        sealed(b"%PDF-1.7\n", Marks())


def test_the_file_is_whole_for_qpdf_s_checks(reported: Run) -> None:
    done = pikepdf.open(reported.path / "report.pdf").check_pdf_syntax()
    assert done == []


# The elements that schema v0.2 asks for, in its order.
ORDER = {
    "": ["BasicInfo", "ReleaseInfo", "ModelSummary", "UsesAndDirections", "Warnings", "TrustIngredients", "KeyMetrics",
         "Resources", "Bibliography"],
    "BasicInfo": ["ModelName", "ModelDeveloper", "DeveloperContact"],
    "ReleaseInfo": ["ReleaseStage", "ReleaseDate", "ReleaseVersion", "GlobalAvailability"],
    "ModelSummary": ["Summary", "Keywords"],
    "UsesAndDirections": ["IntendedUseAndWorkflow", "PrimaryIntendedUsers", "HowToUse", "TargetedPatientPopulation",
                          "CautionedOutOfScopeSettings"],
    "Warnings": ["KnownRisksAndLimitations", "KnownBiasesOrEthicalConsiderations", "ClinicalRiskLevel"],
    "TrustIngredients/AISystemFacts": ["OutcomesAndOutputs", "ModelType", "InputDataSource", "OutputAndInputDataTypes",
                                       "DevelopmentDataCharacterization", "BiasMitigationApproaches",
                                       "OngoingMaintenance"],
    "TrustIngredients/TransparencyInformation": ["FundingSource", "StakeholdersConsulted"],
    "KeyMetrics": ["UsefulnessUsabilityEfficacy", "FairnessEquity", "SafetyReliability"],
    "KeyMetrics/FairnessEquity": ["MetricGoal", "Results", "Interpretation", "TestType", "TestingDataDescription",
                                  "ValidationProcessAndJustification"],
    "Resources": ["PeerReviewedPublications", "PatientConsentOrDisclosure"]}


@pytest.mark.parametrize("path", ORDER)
def test_the_card_has_the_elements_of_the_schema(reported: Run, nasty: Run, path: str) -> None:
    for run in (reported, nasty):
        root = ET.fromstring(model_card(run))
        place = root.find("/".join(f"{{{NAMESPACE}}}{part}" for part in path.split("/"))) if path else root
        assert place is not None
        assert [child.tag.removeprefix(f"{{{NAMESPACE}}}") for child in place] == ORDER[path]


def test_the_card_holds_the_run_s_numbers(reported: Run) -> None:
    text = model_card(reported)
    assert text.isascii()
    values = [v.text or "" for v in ET.fromstring(text).iter(f"{{{NAMESPACE}}}ValueJson")]
    for estimate in reported.results.estimates:
        assert any(f'"estimate":{estimate.value}' in v or f'"value":{estimate.value}' in v for v in values)


def test_a_card_of_many_results_fits_a_pdf_string_and_counts_the_rest(reported: Run) -> None:
    one = reported.results.estimates[0]
    many = tuple(replace(one, name=f"measure {number}", rule="x" * 150) for number in range(400))
    longer = copy.copy(reported)
    vars(longer)["results"] = replace(reported.results, estimates=many)
    text = model_card(longer)
    assert 20_000 < len(text) <= 32_767
    labels = [label.text or "" for label in ET.fromstring(text).iter(f"{{{NAMESPACE}}}Label")]
    values = [v.text or "" for v in ET.fromstring(text).iter(f"{{{NAMESPACE}}}ValueJson")]
    shown = sum(label.startswith("measure") for label in labels)
    assert labels[shown] == "further results, in results.json"
    assert values[shown] == f'{{"kind":"single","value":{400 - shown}}}'


def test_formulas_in_the_csv_are_defused(reported: Run) -> None:
    import io

    import pandas as pd

    assert [defused(t) for t in ("=1+1", "@x", "-1", "+1", "\tx", "plain")] == [
        "'=1+1", "'@x", "'-1", "'+1", "'\tx", "plain"]
    table = reported.scores.copy()
    table.loc[table.index[0], "case"] = "=HYPERLINK(1)"
    again = pd.read_csv(io.BytesIO(scores_csv(table)), keep_default_na=False, na_values={"value": ["nan"]})
    assert again["case"][0] == "'=HYPERLINK(1)"
    assert list(again["value"].dropna()) == list(table["value"].dropna())
