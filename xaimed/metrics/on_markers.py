"""Energy on markers: the share of a map's positive values on burned-in letters or labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from xaimed.metrics.explained import Explained
from xaimed.metrics.outside_tissue import share_of


@dataclass(frozen=True)
class OnMarkers:
    """The positive energy on the markers divided by all positive energy, in original pixels.

    A model that reads the side marker shows here. NaN where no mask of the markers is known or the map is empty.
    """

    name: str = "on_markers"
    kind: str = "explanation"
    better: Literal["higher", "lower"] = "lower"
    range: tuple[float, float] = (0.0, 1.0)
    reference: str = "Zech JR et al. (2018) Variable generalization of a deep learning model, PLoS Med 15:e1002683"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The share, with the suffix ""."""
        marked = view.markers is not None and bool(view.markers.any())
        return {"": share_of(view, view.markers if marked else None)}


METRIC = OnMarkers()
