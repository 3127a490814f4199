"""The figure of a memorisation audit: how near made images lie to real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.viz.figures import LINES, blank, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from xaimed.run import Run


def distance_figure(run: Run) -> Figure:
    """The cumulative share of images against the distance to the nearest real image, a line for each pair of sets."""
    figure, axes = blank(4.6, 3.0)
    curve = run.results.curves["memorisation"]
    with style():
        names = [name for name in curve if name != "quantile"]
        for name, (colour, dashes) in zip(names, LINES, strict=False):
            axes.plot(curve[name], curve["quantile"], color=colour, linestyle=dashes, label=name)
        axes.set_xlabel("distance to the nearest image")
        axes.set_ylabel("share of images")
        axes.set_ylim(0, 1.02)
        axes.legend(loc="upper left", fontsize=7.5, handlelength=3.2)
    return figure
