"""Accuracy of the model at image and patient level, the same measures side by side under each counting rule."""

from __future__ import annotations

from dataclasses import replace

from xaimed.answers import DECIDING
from xaimed.report.blocks import Block, Figure, Picture, Text
from xaimed.report.contents import opening, order, unassessed
from xaimed.report.families import estimate_table, members, rule_tables, ruled
from xaimed.report.sections.intended_use import locked
from xaimed.run import Run
from xaimed.stats import Estimate

TITLE = "Accuracy of the model"
ORDER = order(TITLE)
IN_PIXELS = ("A pixel belongs to the class that is the likeliest there, or above one half where there is one class; no "
             "threshold was chosen.")
NOTE = "The rules count the same predictions; a number without its rule cannot be compared."


def section(run: Run) -> list[Block]:
    """Measures at the operating point under each counting rule, then all other measures and the ROC curve."""
    estimates = tuple(_unboxed(run, e) for e in members(run, "performance"))
    blocks: list[Block] = [opening(TITLE)]
    if not estimates:
        return unassessed(TITLE, "the run holds no estimate of accuracy.")
    model = run.meta.get("model", {})
    blocks += [Text(IN_PIXELS)] if model.get("task") == "segmentation" else []
    if model.get("task", DECIDING[0]) in DECIDING:
        blocks.append(Text(f"Operating point: score of at least {locked(model)}."))
    shared, rest = ruled(estimates)
    if shared:
        blocks += rule_tables("Measures at the operating point under each counting rule", shared, NOTE)
    if any(name.startswith("roc") for name in run.results.curves):
        blocks.append(_roc(run))
    if rest:
        blocks.append(estimate_table("Discrimination and other measures", rest))
    return blocks


def _unboxed(run: Run, estimate: Estimate) -> Estimate:
    """The estimate without words of boxes, where the task has none."""
    if run.meta.get("model", {}).get("task") in (None, "detection"):
        return estimate
    return replace(estimate, name=estimate.name.replace("images with a lesion", "images that are not normal"))


def _roc(run: Run) -> Block:
    from xaimed.viz.figures import roc_figure, svg

    text = "Receiver operating characteristic: sensitivity against 1 - specificity."
    return Figure(Picture(svg(roc_figure(run)), text + " The values of the curve are in results.json."), text, 0.45)
