"""Limits: what this report does not say."""

from __future__ import annotations

from xaimed.report.blocks import Block, Text
from xaimed.report.contents import opening, order
from xaimed.report.sections.data import synthetic
from xaimed.report.sections.explanation import CONDITIONAL
from xaimed.run import Run

TITLE = "Limits"
ORDER = order(TITLE)
SCOPE = ("This audit describes one model on one set of images at one operating point. It does not show how the model "
         "behaves elsewhere, and it does not replace the judgement of those who answer for its use.")
MAPS = ("An attribution map shows what raises or lowers a score. It does not outline a lesion and it is not meant for "
        "primary diagnosis.")
WORDS = ("What nobody supplied or measured is printed as NOT ASSESSED. n/a means that a measure does not apply or "
         "cannot be computed here.")


NO_MAPS = ("No image and no model were given, so no explanation was made. Nothing here says why the model gives its "
           "outputs, and whether it looks at the lesion is NOT ASSESSED.")


def section(run: Run) -> list[Block]:
    """The limits that hold for every audit, and those of this task and data."""
    texts = [SCOPE, MAPS if run.pictured else NO_MAPS, WORDS]
    if run.pictured and run.meta.get("model", {}).get("task") == "detection":
        texts.append(CONDITIONAL)
    texts += [f"Left out because it cannot explain this network: {name} ({why})."
              for name, why in run.meta.get("left_out", {}).items()]
    if synthetic(run):
        texts.append("SYNTHETIC: images of this run were made by a program.")
    return [opening(TITLE), *(Text(text) for text in texts)]
