"""Whether a case was answered rightly, in words: its class, or the class of a lesion that was found."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from xaimed.plural import plural
from xaimed.report.reading import Reading
from xaimed.report.sections.errors import wrong_cases
from xaimed.report.wording import listed
from xaimed.run import Run

if TYPE_CHECKING:
    import pandas as pd


def lesion_words(reading: Reading) -> str:
    """What became of the lesions of the reference, with a space before it: found, missed, under another class."""
    if not reading.references:
        return f" The reference has no lesion box (label: {reading.label})."
    missed, false = sum(r.missed for r in reading.references), sum(d.false for d in reading.detections if d.above)
    text = (f" The reference has {plural(len(reading.references), 'lesion')}; "
            f"{len(reading.references) - missed} found, {missed} missed.")
    labels = {found.name: found.label for found in reading.detections}
    told = [f"{r.name} called {labels[r.found_by]}, reference {r.label}" for r in reading.references
            if r.found_by and labels.get(r.found_by, r.label) != r.label]
    text += f" {listed(told)}." if told else ""
    return text + (f" {plural(false, 'mark')} outside any reference box." if false else "")


def judged_words(run: Run, case: str) -> str:
    """" The answer is right." or wrong, as section 10 of the report counts it; "" where it cannot be judged."""
    wrong = _wrong(run)
    if wrong is None or case not in wrong.index:
        return ""
    return f" The answer is {'wrong' if wrong[case] else 'right'}."


@lru_cache(maxsize=8)
def _wrong(run: Run) -> pd.Series[bool] | None:
    return wrong_cases(run)
