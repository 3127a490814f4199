"""The numbered sections of an audit report, 0 to 17, and their parts: one place for titles, numbers and order."""

from __future__ import annotations

from collections.abc import Mapping

from xaimed.errors import unknown
from xaimed.report.blocks import NOT_ASSESSED, Block, Heading, Text

# A section is in every report; a part ("15.1") only where there is something to say, and the last of its section.
NUMBERS: Mapping[str, str] = {
    "Decision": "0",
    "Identity and provenance": "1",
    "Intended use": "2",
    "Failure modes and effects": "3",
    "Data": "4",
    "Leakage": "4.1",
    "Analysis plan": "5",
    "Accuracy of the model": "6",
    "Detection": "7",
    "Calibration": "8",
    "Subgroups": "9",
    "Exploratory error analysis": "10",
    "Memorisation": "10.1",
    "Robustness": "11",
    "Validity of the explanations": "12",
    "Parts of the network": "12.1",
    "Comparison": "13",
    "Human oversight": "14",
    "Feedback of readers": "14.1",
    "Residual risk and monitoring": "15",
    "Findings": "15.1",
    "Limits": "15.2",
    "Crosswalk": "16",
    "Annex": "17",
    "Cases": "17.1",
}


def section_number(title: str) -> str:
    """The number of a section or part, "4" or "15.1". Raises NotFound for a title that is none."""
    if title not in NUMBERS:
        raise unknown("section", title, NUMBERS)
    return NUMBERS[title]


def cited(title: str) -> str:
    """A section in a sentence: "section 15.1, Findings"."""
    return f"section {section_number(title)}, {title}"


def opening(title: str) -> Heading:
    """The heading of a section, "4 Data", or one level below of a part, "4.1 Leakage"."""
    return Heading(f"{section_number(title)} {title}", 2 if "." in section_number(title) else 1)


def order(title: str) -> int:
    """Where a section stands: 10 for each section before it, and the number of the part."""
    section, _, part = section_number(title).partition(".")
    return 10 * int(section) + int(part or 0)


def unassessed(title: str, reason: str) -> list[Block]:
    """A section that does not apply, or for which nothing was given: its heading and one line."""
    return [opening(title), Text(f"{NOT_ASSESSED}: {reason}")]
