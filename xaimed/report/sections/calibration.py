"""Calibration: do scores mean probabilities."""

from __future__ import annotations

from xaimed.report.blocks import Block, Figure, Picture
from xaimed.report.contents import opening, order, unassessed
from xaimed.report.decision_curve import decision_curve
from xaimed.report.families import estimate_table, members
from xaimed.run import Run

TITLE = "Calibration"
ORDER = order(TITLE)


def section(run: Run) -> list[Block]:
    """The reliability diagram and the calibration measures."""
    estimates = members(run, "calibration")
    blocks: list[Block] = [opening(TITLE)]
    if not estimates:
        return unassessed(TITLE, "the run holds no estimate of calibration.")
    if any(name.startswith("reliability") for name in run.results.curves):
        from xaimed.viz.figures import reliability_figure, svg

        text = "Reliability: observed share against predicted probability, 95 % intervals; the diagonal is perfect."
        text += _bins(run)
        alt = text + " The values are in results.json."
        blocks.append(Figure(Picture(svg(reliability_figure(run)), alt), text, 0.6))
    return [*blocks, *decision_curve(run), estimate_table("Calibration measures", estimates)]


def _bins(run: Run) -> str:
    counts = [round(n) for name, curve in run.results.curves.items() if name.startswith("reliability")
              for n in curve.get("count", ())]
    if not counts:
        return ""
    low, high = min(counts), max(counts)
    return f" Images in a bin: {low if low == high else f'{low} to {high}'}."
