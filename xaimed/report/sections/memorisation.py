"""Memorisation: whether a model that makes images copies those that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from xaimed.metrics.memorisation import PAIRS
from xaimed.report.blocks import Block, Figure, Gallery, Panel, Picture, Text
from xaimed.report.contents import opening, order
from xaimed.run import Run
from xaimed.types import Floats
from xaimed.viz import overlay

TITLE = "Memorisation"
ORDER = order(TITLE)
TOLD = ("Distances are between images less their mean and of length 1, or their mirror image. A generator that copies "
        "lies nearer to its training images than unseen real images do: its line stands left of theirs. One that lies "
        "right of theirs makes images unlike real ones, and a copy among them would not show.")


PIXELS, HEIGHT = 240, 3.1
BESIDE = ("Made images over the training image that is nearest to each: from the one of all made images that lies "
          "nearest to the training (left) on to the one that lies farthest (right), in even steps of rank.")


def section(run: Run) -> list[Block]:
    """The distances of made and of held-out images; nothing for a model that makes no images of noise."""
    if "memorisation" not in run.results.curves:
        return []
    from xaimed.viz.distances import distance_figure
    from xaimed.viz.figures import svg

    alt = "Cumulative share of images against the distance to the nearest image. The values are in results.json."
    return [opening(TITLE), Text(TOLD),
            Figure(Picture(svg(distance_figure(run)), alt),
                   "How near made images lie to training and held-out images, and held-out to training ones.", 0.6),
            *_beside(run.results.curves.get(PAIRS, {}))]


def _beside(pairs: Mapping[str, Sequence[float]]) -> list[Block]:
    """A row of made images over a row of their nearest training images; nothing where the run holds none."""
    made = [name for name in pairs if name.startswith("made ")]
    near = [name for name in pairs if name.startswith("training ")]
    if not made or len(made) != len(near):
        return []
    height, width = (int(side) for side in pairs["side"])
    top = [_panel(f"Made, distance {pairs['distance'][place]:.2f}", pairs[name], (height, width))
           for place, name in enumerate(made)]
    below = [_panel(name.split(" ", 2)[2] + (", mirrored" if pairs["mirrored"][place] else ""), pairs[name],
                    (height, width)) for place, name in enumerate(near)]
    return [Text(BESIDE), Gallery((*top, *below), len(made), HEIGHT)]


def _panel(title: str, pixels: Sequence[float], size: tuple[int, int]) -> Panel:
    image: Floats = np.array(pixels, np.float32).reshape(size)
    fitted, _ = overlay.fitted(overlay.grey(image), PIXELS)
    return Panel(title, Picture(overlay.png(fitted), title, "png"))
