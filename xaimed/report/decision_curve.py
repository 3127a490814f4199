"""The decision curve of a run as a figure: the net benefit of acting on the score, on all and on none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.report.blocks import Figure, Picture
from xaimed.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

TEXT = ("Decision curve: net benefit (true less false positives per case, the false ones weighed by the odds of the "
        "threshold) of acting on the model, 95 % band, on all cases and on none.")


def decision_curve(run: Run) -> list[Figure]:
    """The figure with its caption, nothing for a run without the curve."""
    if "decision" not in run.results.curves:
        return []
    from xaimed.viz.figures import svg

    return [Figure(Picture(svg(_drawn(run)), TEXT + " The values are in results.json."), TEXT, 0.6)]


def _drawn(run: Run) -> Drawing:
    """Net benefit against the threshold probability; what lies below acting on nobody by more than a tenth is cut."""
    from xaimed.viz.figures import LINES, QUIET, blank, style

    curve = run.results.curves["decision"]
    figure, axes = blank(4.4, 3.1)
    with style():
        at = curve["threshold"]
        axes.fill_between(at, curve["low"], curve["high"], color=LINES[0][0], alpha=0.15, linewidth=0)
        for name, label, (colour, dashes) in zip(("model", "all", "none"), ("the model", "all", "none"), LINES,
                                                 strict=False):
            axes.plot(at, curve[name], color=QUIET if name == "none" else colour, linestyle=dashes, label=label)
        axes.set_xlabel("threshold probability")
        axes.set_ylabel("net benefit")
        highest = max(0.05, *curve["high"])
        axes.set_ylim(max(-0.1, min(0.0, *curve["low"], *curve["all"])), 1.05 * highest)
        axes.legend(title="acting on", fontsize=7.5, title_fontsize=7.5, handlelength=3.2, alignment="left")
    return figure
