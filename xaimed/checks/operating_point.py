"""XM102: was the operating point chosen on validation, before the test?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.answers import DECIDING
from xaimed.checks.check import Check, Reply

if TYPE_CHECKING:
    from xaimed.run import Run

BY = {"as it was given to the audit": "was given to the audit"}
VALIDATION = ("val", "validation")


def ask(run: Run) -> Reply:
    """Reads `operating_point_split` of the model's training; NOT ASSESSED where it is not stated."""
    model = run.meta.get("model", {})
    if model.get("task", DECIDING[0]) not in DECIDING:
        return Reply("not applicable", f"A model of {model['task']} decides nothing from a score up.")
    point, chosen = model.get("operating_point"), model.get("training", {}).get("operating_point_split")
    split = str(run.meta.get("data", {}).get("split", ""))
    if not len(run.cases):
        return Reply("not applicable", "There is no case on which an operating point could be judged.")
    facts = {"operating_point": point, "chosen_on": chosen, "judged_on": split}
    if point is None:
        return Reply("fail", "The model has no operating point, so nothing was fixed before the test.", facts)
    if not chosen:
        origin = str(model.get("operating_point_by") or "comes with the model")
        return Reply("NOT ASSESSED", f"The operating point {point:.4g} {BY.get(origin, origin)}; on which data it was "
                     "chosen is not stated.", facts)
    origin = model["training"].get("dataset")
    if origin and origin != run.meta.get("data", {}).get("name") and chosen in VALIDATION:
        return Reply("pass", f"The operating point {point:.4g} was chosen on validation cases of {origin!r}; the cases "
                     "judged here are of another dataset.", facts)
    if chosen == split or (chosen not in VALIDATION):
        return Reply("fail", f"The operating point {point:.4g} was chosen on {chosen!r} and is judged on {split!r}; "
                     "it has to come from validation.", facts)
    if split in (*VALIDATION, "all"):
        return Reply("fail", f"The operating point {point:.4g} was chosen on validation, and this run judges "
                     f"{split!r}, which holds those cases.", facts)
    return Reply("pass", f"The operating point {point:.4g} was chosen on validation and judged on {split!r}.", facts)


CHECK = Check("XM102", "Was the operating point chosen on validation?", "high", ask)
