"""junit_text: the verdict of a run as JUnit XML, a test case a criterion and a check, for systems that read tests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from xaimed.metrics.criteria import Judgement, Rules, rules_of, verdict

if TYPE_CHECKING:
    from xaimed.run import Run
    from xaimed.types import Finding

# What XML 1.0 does not allow, not even escaped.
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_text(run: Run) -> str:
    """The XML text. A criterion or check that the plan's rules refuse is a failure, one without an answer is skipped.

    Whatever is neither, such as a concern or a criterion that is not met and may be, passes, with its statement.
    Raises PlanError for criteria that cannot be read.
    """
    found, rules = verdict(run), rules_of(run.plan)
    name = str(run.meta.get("model", {}).get("name", "model"))
    root = Element("testsuites", name=_clean(f"xaimed audit of {name}: {found.verdict}"))
    stamp = str(run.meta.get("created", ""))[:19]
    criteria = SubElement(root, "testsuite", name="criteria", timestamp=stamp)
    for number, judgement in enumerate(found.judgements, start=1):
        _criterion(criteria, number, judgement, rules)
    checks = SubElement(root, "testsuite", name="checks", timestamp=stamp)
    for finding in run.findings:
        _check(checks, finding, rules)
    for suite in (criteria, checks):
        _count(suite)
    _count(root)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _criterion(suite: Element, number: int, judgement: Judgement, rules: Rules) -> None:
    asked = judgement.criterion
    name = f"{number}. {asked.name} {asked.side.replace('_', ' ')} {asked.limit:g} ({asked.endpoint})"
    case = SubElement(suite, "testcase", classname="xaimed.criteria", name=_clean(name))
    text = f"{judgement.answer}: {judgement.statement}"
    if not rules.accepts(judgement):
        _told(case, "failure", judgement.answer, text)
    elif judgement.answer == "NOT ASSESSED":
        _told(case, "skipped", judgement.answer, judgement.statement)
    else:
        SubElement(case, "system-out").text = _clean(text)


def _check(suite: Element, finding: Finding, rules: Rules) -> None:
    case = SubElement(suite, "testcase", classname="xaimed.checks", name=_clean(f"{finding.code} {finding.title}"))
    if finding.outcome in rules.refuse_checks:
        _told(case, "failure", finding.outcome, finding.statement)
    elif finding.outcome in ("NOT ASSESSED", "not applicable"):
        _told(case, "skipped", finding.outcome, finding.statement)
    else:
        SubElement(case, "system-out").text = _clean(f"{finding.outcome}: {finding.statement}")


def _told(case: Element, kind: str, answer: str, text: str) -> None:
    SubElement(case, kind, message=_clean(f"{answer}: {text}" if kind == "skipped" else text), type=answer)


def _count(element: Element) -> None:
    for name, tag in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
        element.set(name, str(sum(1 for _ in element.iter(tag))))
    element.set("errors", "0")


def _clean(text: str) -> str:
    return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
