"""XM403: can these cases show what is asked: are there normal images, and enough positive ones?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.answers import PIXELS
from xaimed.checks.check import Check, Reply
from xaimed.plural import plural

if TYPE_CHECKING:
    from xaimed.run import Run

ENOUGH = 30


def ask(run: Run) -> Reply:
    """concern: no normal image (no specificity as in screening), fewer than 30 positive ones, or unknown labels.

    NOT ASSESSED where there is no case.
    """
    task = run.meta.get("model", {}).get("task")
    if task in PIXELS:
        return Reply("not applicable", "The model answers in pixels: no image is positive or normal.")
    if task == "discrimination":
        return Reply("not applicable", "The model tells real images from made ones: no image is positive or normal.")
    if not len(run.cases):
        return Reply("NOT ASSESSED", "There is no case.")
    positive = str(run.plan.get("judging", {}).get("positive", "malignant"))
    labels, total = run.cases["label"], len(run.cases)
    unknown = int((labels.fillna("") == "").sum())
    normal, yes = int((labels == "normal").sum()), int((labels == positive).sum())
    lacks = []
    if not normal:
        lacks.append("no image is normal, so specificity means benign against malignant and not screening")
    if yes < ENOUGH:
        lacks.append(f"with fewer than {ENOUGH} positive images every interval is wide")
    if unknown:
        lacks.append(f"{plural(unknown, 'image')} without a label {'is' if unknown == 1 else 'are'} not judged")
    facts = {"cases": total, "positive": yes, "normal": normal, "unknown": unknown}
    text = f"{yes} of {plural(total, 'image')} {'is' if total == 1 else 'are'} {positive} and {normal} normal"
    return Reply("concern" if lacks else "pass", f"{text}{': ' + '; '.join(lacks) if lacks else ''}.", facts)


CHECK = Check("XM403", "Are there normal and enough positive images?", "medium", ask)
