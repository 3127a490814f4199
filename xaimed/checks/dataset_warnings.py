"""XM402: does the dataset come with warnings?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Reply
from xaimed.plural import plural

if TYPE_CHECKING:
    from xaimed.run import Run


def ask(run: Run) -> Reply:
    """concern: the dataset's source warns of something, which is repeated here."""
    data = run.meta.get("data", {})
    name, warnings = str(data.get("name", "?")), [str(w).rstrip(".") for w in data.get("warnings", [])]
    if "warnings" not in data:
        return Reply("NOT ASSESSED", f"Dataset {name!r} does not state whether its source warns of anything.")
    if not warnings:
        return Reply("pass", f"Dataset {name!r} of {plural(len(run.cases), 'case')} comes without a warning.",
                     {"warnings": 0})
    return Reply("concern", f"Dataset {name!r} comes with {plural(len(warnings), 'warning')}: {'; '.join(warnings)}.",
                 {"warnings": len(warnings)})


CHECK = Check("XM402", "Does the dataset come with warnings?", "low", ask)
