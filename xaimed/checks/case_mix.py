"""XM403: can these cases show what is asked: are there normal images, and enough positive ones?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.answers import PIXELS
from xaimed.checks.check import Check, Reply

if TYPE_CHECKING:
    from xaimed.run import Run

ENOUGH = 30


def ask(run: Run) -> Reply:
    """concern: no normal image (no specificity as in screening), fewer than 30 positive ones, or unknown labels."""
    if run.meta.get("model", {}).get("task") in PIXELS:
        return Reply("not applicable", "The model answers in pixels: no image is positive or normal.")
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
        lacks.append(f"{unknown} images have no label and are not judged")
    facts = {"cases": total, "positive": yes, "normal": normal, "unknown": unknown}
    text = f"Of {total} images {yes} are {positive} and {normal} normal"
    return Reply("concern" if lacks else "pass", f"{text}{': ' + '; '.join(lacks) if lacks else ''}.", facts)


CHECK = Check("XM403", "Are there normal and enough positive images?", "medium", ask)
