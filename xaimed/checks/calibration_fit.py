"""XM204: do the scores mean probabilities, by the debiased calibration error and the calibration slope?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from xaimed.answers import DECIDING
from xaimed.checks.check import Check, Reply

if TYPE_CHECKING:
    from xaimed.run import Run
    from xaimed.stats import Estimate

ERROR, OPEN = 0.05, 0.1  # mean distance of score and share: shown to be more; may be left open by a pass
SLOPE = (0.8, 1.25)  # steeper, or flatter, by more than a quarter
AFTER = "after calibration"


def ask(run: Run) -> Reply:
    """concern: the error is above ERROR, or the slope outside SLOPE, with its whole interval.

    pass only where the interval of the error rules out OPEN; else NOT ASSESSED.
    """
    measures = [e for e in run.results.estimates if e.group == "all"]
    errors = [e for e in measures if e.name == "ECE, debiased" and math.isfinite(e.low)]
    error = next((e for e in errors if AFTER not in e.rule), None)
    if run.meta.get("model", {}).get("task", DECIDING[0]) not in DECIDING:
        return Reply("not applicable", "The model gives no score that could be taken for a probability.")
    if error is None:
        return Reply("NOT ASSESSED", "No calibration error with an interval was measured.")
    slope = next((e for e in measures if e.name == "calibration slope" and math.isfinite(e.low)), None)
    after = next((e for e in errors if AFTER in e.rule), None)
    told = "; ".join(_told(e) for e in (error, slope, after) if e is not None)
    facts = {"error": error.value, "slope": slope.value if slope else None, "limit": ERROR}
    if error.low > ERROR or (slope is not None and (slope.low > SLOPE[1] or slope.high < SLOPE[0])):
        return Reply("concern", f"The scores are no probabilities: {told}. Expected an error of at most {ERROR:g} and "
                     f"a slope of {SLOPE[0]:g} to {SLOPE[1]:g}.", facts)
    if error.high > OPEN:
        return Reply("NOT ASSESSED", f"Inconclusive, an error above {OPEN:g} is not ruled out: {told}.", facts)
    return Reply("pass", f"No error above {OPEN:g}: {told}.", facts)


def _told(one: Estimate) -> str:
    after = f" {AFTER}" if AFTER in one.rule else ""
    return f"{one.name}{after} {one.value:.3f} ({one.low:.3f} to {one.high:.3f})"


CHECK = Check("XM204", "Do the scores mean probabilities?", "medium", ask)
