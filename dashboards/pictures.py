"""The pictures of the case page: the image, maps over it, boxes. Read and reduced once, then kept for a while."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from dashboards import shell
from dashboards.shelf import stamp
from xaimed.mapfile import MapEntry
from xaimed.store import Run
from xaimed.types import Floats
from xaimed.viz import overlay
from xaimed.viz.overlay import Facts, Mark, Picture
from xaimed.viz.worklist import operating_point

ROWS = 1200  # what a screen can show; larger images are reduced by area averages


@dataclass(frozen=True)
class Look:
    """How to draw: opacity and threshold in [0, 1], colour map, which boxes, and the height in pixels."""

    opacity: float = 0.5
    threshold: float = 0.0
    colormap: str = "auto"
    detections: bool = True
    below: bool = False
    truth: bool = True
    height: int = 560


@dataclass(frozen=True, eq=False)
class Reduced:
    """An image (C, H, W) reduced to the screen, and its size relative to the original."""

    values: Floats
    factor: float


@st.cache_data(max_entries=24, show_spinner=False)
def image_of(path: str, stamp: int, case: str) -> Reduced:
    """The image of a case for the screen."""
    image = shell.opened(path, stamp).image(case)
    small = overlay.shrunk(image, ROWS)
    return Reduced(small, small.shape[-2] / image.shape[-2])


@st.cache_data(max_entries=48, show_spinner=False)
def map_of(path: str, stamp: int, case: str, target: str, method: str) -> tuple[Floats, Facts]:
    """The map of a target (H, W) for the screen, and the facts of the whole map."""
    values = shell.opened(path, stamp).map(case, target, method)
    return overlay.shrunk(values, ROWS), Facts.of(values)


def marks(run: Run, case: str, look: Look, target: MapEntry | None) -> list[Mark]:
    """The boxes that the look asks for; those of the target are drawn bold."""
    found = run.predictions
    found = found[(found["case"] == case) & (found["condition"] == "clean") & found["x0"].notna()]
    point, chosen = operating_point(run), target.target if target else ""
    drawn = [Mark(_edges(row), f"{row['label']} {row['score']:.2f}",
                  "detection" if row["score"] >= point else "below", row["target"] == chosen)
             for _, row in found.iterrows() if (look.detections if row["score"] >= point else look.below)]
    if look.truth:
        truth = run.truth[(run.truth["case"] == case) & run.truth["x0"].notna()]
        drawn += [Mark(_edges(row), f"reference: {row['label']}", "truth", _same(row, target))
                  for _, row in truth.iterrows()]
    return drawn


def _same(row: pd.Series[float], target: MapEntry | None) -> bool:
    missed = target is not None and target.target.startswith("m") and target.box is not None
    return missed and target is not None and _edges(row) == target.box


def _edges(row: pd.Series[float]) -> tuple[float, float, float, float]:
    return (float(row["x0"]), float(row["y0"]), float(row["x1"]), float(row["y1"]))


def plain_picture(run: Run, case: str, look: Look, boxes: list[Mark]) -> bytes:
    """PNG of the image with the boxes, at the height of the look."""
    image = image_of(str(run.path), stamp(run.path), case)
    return _finished(overlay.grey(image.values), image.factor, look, boxes)


def map_picture(run: Run, case: str, entry: MapEntry, look: Look, boxes: list[Mark]) -> tuple[bytes, str]:
    """PNG of the map over the image with the boxes, and the caption of its colours."""
    place = (str(run.path), stamp(run.path), case)
    image, (values, facts) = image_of(*place), map_of(*place, entry.target, entry.method)
    kind = facts.kind if look.colormap == "auto" else look.colormap
    colours = overlay.heat(values, look.threshold, kind, facts.scale)
    rgb = overlay.blend(image.values, colours, look.opacity)
    return _finished(rgb, image.factor, look, boxes), facts.caption(look.threshold, look.colormap)


def _finished(rgb: Picture, factor: float, look: Look, boxes: list[Mark]) -> bytes:
    # Twice the height shown keeps lines and letters sharp on dense screens.
    fitted, more = overlay.fitted(rgb, look.height * 2)
    return overlay.png(overlay.draw_boxes(fitted, boxes, factor * more))


def width(run: Run, case: str, look: Look) -> int:
    """The width in pixels of a picture as high as the look says."""
    image = image_of(str(run.path), stamp(run.path), case).values
    return max(1, round(look.height * int(image.shape[-1]) / int(image.shape[-2])))
