"""The CHAI applied model card (schema v0.2) of a run, as XML; what nobody supplied says NOT ASSESSED."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from xaimed.metrics.criteria import PROBE
from xaimed.plural import plural
from xaimed.report.blocks import NOT_ASSESSED
from xaimed.report.wording import flattened, given, started
from xaimed.run import Run
from xaimed.stats import Estimate

NAMESPACE = "https://mc.chai.org/v0.2/schema.xsd"
# What XML 1.0 cannot hold.
ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Part = Mapping[str, Any]


# PDF/A-3 (ISO 19005-3, 6.1.13) allows no longer string, and the card's text is one.
LONGEST = 32_767
MOST = (100_000, 96, 64, 48, 32, 24, 16, 8, 4)


def model_card(run: Run) -> str:
    """The card as XML, the same text for the same run; as many results of each kind as a PDF string holds."""
    texts = (_card(run, most) for most in MOST)
    return next((text for text in texts if len(text) <= LONGEST), _card(run, 0))


def _card(run: Run, most: int) -> str:
    model = run.meta.get("model", {})
    card = model.get("card") or {}
    root = ET.Element("AppliedModelCard", xmlns=NAMESPACE)
    _texts(root, "BasicInfo", {"ModelName": model.get("name"), "ModelDeveloper": card.get("developer"),
                               "DeveloperContact": card.get("contact")})
    _texts(root, "ReleaseInfo", {"ReleaseStage": card.get("stage"), "ReleaseDate": card.get("date"),
                                 "ReleaseVersion": card.get("version"), "GlobalAvailability": card.get("availability")})
    summary = _texts(root, "ModelSummary", {"Summary": _summary(run)})
    ET.SubElement(summary, "Keywords")
    _uses(root, run, card)
    _trust(root, run, card)
    _metrics(root, run, most)
    _texts(root, "Resources", {"PeerReviewedPublications": card.get("publications"),
                               "PatientConsentOrDisclosure": card.get("consent")})
    _texts(root, None, {"Bibliography": card.get("bibliography", "")})
    # ASCII with character references: the same text fits a PDF string, XMP and a file.
    text: bytes = ET.tostring(root, encoding="us-ascii", xml_declaration=False)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text.decode("ascii")}\n'


def _texts(parent: ET.Element, name: str | None, values: Part) -> ET.Element:
    """A child `name` that holds one element for each value; the elements go into the parent where it is None."""
    place = parent if name is None else ET.SubElement(parent, name)
    for key, value in values.items():
        text = value if value == "" and key == "Bibliography" else given(value)
        ET.SubElement(place, key).text = ILLEGAL.sub(lambda match: f"<U+{ord(match[0]):04X}>", text)
    return place


def _summary(run: Run) -> str:
    model, data = run.meta.get("model", {}), run.meta.get("data", {})
    return (f"{given(model.get('task'))} by {given(model.get('architecture'))}, audited on "
            f"{given(data.get('title') or data.get('name'))}, split {given(data.get('split'))}, "
            f"{plural(len(run.cases), 'image')}{'; SYNTHETIC data' if data.get('synthetic') else ''}. "
            f"Model SHA-256 {given(model.get('digest'))}.")


def _uses(root: ET.Element, run: Run, card: Part) -> None:
    _texts(root, "UsesAndDirections", {
        "IntendedUseAndWorkflow": run.plan.get("intended_use") or card.get("intended_use"),
        "PrimaryIntendedUsers": card.get("users"), "HowToUse": card.get("how_to_use"),
        "TargetedPatientPopulation": card.get("population"), "CautionedOutOfScopeSettings": card.get("out_of_scope")})
    _texts(root, "Warnings", {
        "KnownRisksAndLimitations": card.get("limits") or list(run.meta.get("data", {}).get("warnings", [])),
        "KnownBiasesOrEthicalConsiderations": card.get("biases"), "ClinicalRiskLevel": card.get("risk_level")})


def _trust(root: ET.Element, run: Run, card: Part) -> None:
    model, data = run.meta.get("model", {}), run.meta.get("data", {})
    trust = ET.SubElement(root, "TrustIngredients")
    _texts(trust, "AISystemFacts", {
        "OutcomesAndOutputs": given(model.get("classes")), "ModelType": model.get("architecture"),
        "InputDataSource": data.get("title") or data.get("name"), "OutputAndInputDataTypes": card.get("data_types"),
        "DevelopmentDataCharacterization": "; ".join(
            f"{k}: {v}" for k, v in flattened(started(model.get("training") or {}))),
        "BiasMitigationApproaches": card.get("bias_mitigation"), "OngoingMaintenance": card.get("maintenance")})
    _texts(trust, "TransparencyInformation", {"FundingSource": card.get("funding"),
                                              "StakeholdersConsulted": card.get("stakeholders")})


def _metrics(root: ET.Element, run: Run, most: int) -> None:
    metrics = ET.SubElement(root, "KeyMetrics")
    whole = [e for e in run.results.estimates if e.group == "all"]
    probes = [e for e in run.results.estimates if e.group.startswith(PROBE)]
    groups = [e for e in run.results.estimates if e.group != "all" and not e.group.startswith(PROBE)]
    _metric(metrics, "UsefulnessUsabilityEfficacy", run, _some(whole, most))
    _metric(metrics, "FairnessEquity", run, _some(groups, most))
    outcomes = [finding.outcome for finding in run.findings]
    counted = [(f"checks with the outcome: {name}", _single(outcomes.count(name))) for name in sorted(set(outcomes))]
    _metric(metrics, "SafetyReliability", run, [*_some(_leading(probes), most), *counted])


def _some(estimates: Sequence[Estimate], most: int) -> list[tuple[str, str]]:
    """The first results with labels, and how many more results.json holds."""
    rows = [_measured(estimate) for estimate in estimates[:most]]
    left = len(estimates) - len(rows)
    return rows + ([("further results, in results.json", _single(left))] if left else [])


def _leading(probes: Sequence[Estimate]) -> list[Estimate]:
    """The first change of each condition, the main measure's, so that every condition is on the card."""
    changes = [estimate for estimate in probes if estimate.name.startswith("change in ")] or list(probes)
    return list({estimate.group: estimate for estimate in reversed(changes)}.values())[::-1]


def _metric(parent: ET.Element, name: str, run: Run, rows: Iterable[tuple[str, str]]) -> None:
    place = ET.SubElement(parent, name)
    _texts(place, None, {"MetricGoal": run.plan.get("purpose")})
    results = ET.SubElement(place, "Results")
    for label, value in list(rows) or [(NOT_ASSESSED, _single(NOT_ASSESSED))]:
        _texts(results, "MetricResult", {"Label": label, "ValueJson": value})
    data = run.meta.get("data", {})
    _texts(place, None, {
        "Interpretation": "See the report that this card is attached to.",
        "TestType": "SYNTHETIC images" if data.get("synthetic") else "retrospective",
        "TestingDataDescription": f"{given(data.get('title') or data.get('name'))}, split {given(data.get('split'))}",
        "ValidationProcessAndJustification": "Every interval, unit and counting rule is in results.json."})


def _measured(estimate: Estimate) -> tuple[str, str]:
    row = estimate.to_json()
    label = ", ".join(part for part in (estimate.name, estimate.rule, estimate.group, f"per {estimate.unit}") if part)
    if row["low"] is None or row["high"] is None:
        return label, _single(row["value"])
    return label, _text({"kind": "estimate_ci", "estimate": row["value"], "lower": row["low"], "upper": row["high"],
                         "level": 100 * estimate.level, "unit": ""})


def _single(value: object) -> str:
    return _text({"kind": "single", "value": value})


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
