"""Memorisation: whether a model that makes images copies those that it was trained on."""

from __future__ import annotations

from xaimed.report.blocks import Block, Figure, Picture, Text
from xaimed.report.contents import opening, order
from xaimed.run import Run

TITLE = "Memorisation"
ORDER = order(TITLE)
TOLD = ("Distances are between images less their mean and of length 1, or their mirror image. A generator that copies "
        "lies nearer to its training images than unseen real images do: its line stands left of theirs. One that lies "
        "right of theirs makes images unlike real ones, and a copy among them would not show.")


def section(run: Run) -> list[Block]:
    """The distances of made and of held-out images; nothing for a model that makes no images of noise."""
    if "memorisation" not in run.results.curves:
        return []
    from xaimed.viz.distances import distance_figure
    from xaimed.viz.figures import svg

    alt = "Cumulative share of images against the distance to the nearest image. The values are in results.json."
    return [opening(TITLE), Text(TOLD),
            Figure(Picture(svg(distance_figure(run)), alt),
                   "How near made images lie to training and held-out images, and held-out to training ones.", 0.6)]
