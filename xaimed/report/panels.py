"""Pictures of a case for its page: one window for all of them, boxes, colour bars with signed values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xaimed.mapfile import MapEntry
from xaimed.plural import plural
from xaimed.report.blocks import Badge, Bar, Panel, Picture
from xaimed.report.labels import write_labels
from xaimed.report.marking import hatched, lowering, side_mark
from xaimed.report.reading import Found, Reading, Reference, side_of
from xaimed.report.wording import number, signed
from xaimed.run import Run
from xaimed.types import Floats
from xaimed.viz import overlay
from xaimed.viz.hanging import chest_side
from xaimed.viz.marks import BEFORE, is_missed
from xaimed.viz.names import titled
from xaimed.viz.overlay import Kind, Mark
from xaimed.viz.pairs import Point, beneath, crossed, place_words, point_of
from xaimed.viz.scalebar import bar_length, length_text, scale_bar

LARGE, SMALL, MARGIN, LETTER = 720, 420, 8, 0.16
# What one unit of a map means; a method that is not named here has its own.
CHANGE, GRADIENT, OWN = "change of the score", "gradient of the score", "the method's own unit"
# What the score of a task is a number of, and what its network's own evidence is; else a logit, and its own unit.
SCORES = {"segmentation": "logits summed over the mask", "anomaly": "squared error", "energy": "free energy",
          "generation": "mean grey value", "registration": "pixels of displacement"}
EVIDENCE = {"anomaly": "squared error of the rebuilt pixel", "energy": "free energy of the pixel"}
UNITS = {**dict.fromkeys(("deep_lift", "deep_shap", "exact_shapley", "gradient_shap", "integrated_gradients",
                          "kernel_shap", "occlusion", "partition_shap"), CHANGE),
         **dict.fromkeys(("guided_backprop", "saliency", "smooth_grad"), GRADIENT),
         "grad_cam": "Grad-CAM value (own unit)", "input_x_gradient": "gradient times grey value",
         "rise": "change of the probability", "d_rise": "change of the similarity"}


@dataclass(frozen=True, eq=False)
class View:
    """The window of a case that all its pictures show: image (C, H, W) in [0, 1], and x0, y0, x1, y1 in pixels.

    spacing_mm: of a pixel, NaN where it is not known. side: of the body, "R MLO", or "" where it is not known.
    """

    run: Run
    case: str
    image: Floats
    window: tuple[int, int, int, int]
    spacing_mm: float = math.nan
    side: str = ""

    @property
    def aspect(self) -> float:
        """Height over width of the window."""
        x0, y0, x1, y1 = self.window
        return (y1 - y0) / (x1 - x0)

    def cut(self, values: Floats) -> Floats:
        """The part of an image (C, H, W) or map (H, W) inside the window."""
        x0, y0, x1, y1 = self.window
        return np.ascontiguousarray(values[..., y0:y1, x0:x1])


def view_of(run: Run, reading: Reading, entries: Sequence[MapEntry]) -> View:
    """The window that holds all that is not black in the image, every box and every map."""
    image = run.image(reading.case)
    used = image.max(axis=0) > 0.02
    rows, columns = np.flatnonzero(used.any(axis=1)), np.flatnonzero(used.any(axis=0))
    edges = [*(d.edges for d in reading.detections), *(r.edges for r in reading.references)]
    if rows.size:
        edges.append((float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)))
    edges += [_extent(run.map(reading.case, entry.target, entry.method)) for entry in entries]
    if not edges:
        return View(run, reading.case, image, (0, 0, reading.width, reading.height), reading.spacing_mm,
                    side_of(reading))
    low, high = np.min(edges, axis=0), np.max(edges, axis=0)
    window = (max(0, math.floor(low[0]) - MARGIN), max(0, math.floor(low[1]) - MARGIN),
              min(reading.width, math.ceil(high[2]) + MARGIN), min(reading.height, math.ceil(high[3]) + MARGIN))
    return View(run, reading.case, image, window, reading.spacing_mm, side_of(reading))


def _extent(values: Floats) -> tuple[float, float, float, float]:
    # Faint values at the rim count too: nothing of a map may lie outside the picture.
    seen = np.nan_to_num(values) != 0
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not rows.size:
        return (math.inf, math.inf, -math.inf, -math.inf)
    return (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def image_panel(view: View, title: str, marks: Sequence[Found | Reference], target: MapEntry | None = None,
                height: float = 9.5) -> Panel:
    """The image in the window with boxes; with a target, smaller and with that target's box alone.

    height: of the picture on the page in cm, so that names are LETTER cm high.
    """
    drawn = [_mark(view, mark) for mark in marks]
    if target is not None and target.box:
        drawn.append(Mark(_moved(view, target.box), "", "missed" if is_missed(target) else "detection", True))
    pixels = LARGE if target is None else SMALL
    fitted = overlay.fitted(overlay.grey(view.cut(view.image)), pixels)
    picture = _picture(view, fitted, drawn, LETTER * pixels / height / 22)
    alt = f"Image of case {view.case}" + (f" with {plural(len(drawn), 'box', 'boxes')}" if drawn else "")
    alt += _measured(view) + (f"; side {view.side}" if view.side else "")
    return Panel(title, Picture(picture, alt, "png"))


def map_panel(view: View, entry: MapEntry, badges: tuple[Badge, ...], brief: bool = False) -> Panel:
    """One map over the image in the same window, with its colour bar.

    brief: the title names the target and the bar has fewer digits, for a narrow panel.
    """
    values = view.cut(view.run.map(view.case, entry.target, entry.method))
    task, point = str(view.run.meta.get("model", {}).get("task", "")), point_of(entry.target)
    mixed = overlay.overlay(view.cut(beneath(view.image, task)), values, opacity=0.75)
    marks = [Mark(_moved(view, entry.box), "", "detection")] if entry.box else []
    named = f"{place_words(entry.target) or entry.target} ({entry.label}, score {number(entry.score)})"
    alt = (f"{titled(entry.method, task)} of {named} over the image of case {view.case}{_measured(view)}. "
           f"{overlay.caption(values)}")
    fitted, factor = overlay.fitted(mixed, SMALL)
    signed_picture = hatched(fitted, lowering(values, overlay.robust_scale(values)))
    signed_picture = crossed(signed_picture, inside(view, point, factor)) if point else signed_picture
    picture = Picture(_picture(view, (signed_picture, factor), marks), alt, "png")
    word = overlay.problem(values)
    title = f"{entry.target} {titled(entry.method, task)}" if brief else titled(entry.method, task)
    return Panel(title, picture, None if word else _bar(entry, values, task, brief), badges,
                 word.capitalize() if word else "")


def inside(view: View, point: Point, factor: float) -> Point:
    """A point of the original image in the pixels of a picture that is `factor` times the window."""
    return (point[0] - view.window[0]) * factor, (point[1] - view.window[1]) * factor


def _bar(entry: MapEntry, values: Floats, task: str, brief: bool) -> Bar:
    kind, scale = overlay.colormap_of(values), overlay.robust_scale(values)
    strip = np.repeat(np.repeat(overlay.table(kind)[None], 24, axis=0), 3, axis=1)
    if kind == "signed":
        strip = hatched(strip, lowering(np.linspace(-1, 1, strip.shape[1], dtype=np.float32)[None], 1.0))
    digits = 2 if brief else 3
    low, middle = (signed(-scale, digits), "0") if kind == "signed" else ("0", f"{scale / 2:.2g}")
    # Three long numbers do not fit under a narrow picture.
    middle = middle if len(middle) < 6 and not brief else ""
    alt = f"colour bar from {low} to {signed(scale, digits)}"
    high = f"+{signed(scale, digits)}" if kind == "signed" else signed(scale, digits)
    return Bar(Picture(overlay.png(strip), alt, "png"), low, middle, high,
               unit_of(entry.method, task))


def unit_of(method: str, task: str) -> str:
    """What one unit of a method's map means for a model of a task."""
    if method == "own_evidence":
        return EVIDENCE.get(task, OWN)
    unit = UNITS.get(method, OWN)
    return f"{unit} ({SCORES.get(task, 'logit')})" if unit == CHANGE else unit


def _measured(view: View) -> str:
    """What the scale bar says, for those who cannot see it; "" where the spacing is not known."""
    length = bar_length((view.window[2] - view.window[0]) * view.spacing_mm)
    return f"; scale bar {length_text(length)}" if length else ""


def told_boxes(drawn: Sequence[Found], references: Sequence[Reference]) -> str:
    """How the boxes of a picture are drawn, those kinds that are there."""
    false, missed = any(d.false for d in drawn), any(r.missed for r in references)
    return (f"Detections (green, solid{'; false positive: double' if false else ''}) and reference (magenta, dashed"
            f"{'; missed: dotted' if missed else ''})")


def _picture(view: View, fitted: tuple[NDArray[np.uint8], float], marks: Sequence[Mark], size: float = 0.5) -> bytes:
    """The PNG with boxes and names, scale bar and side. fitted: the picture, and its size relative to the window."""
    rgb, factor = fitted
    boxes = overlay.draw_boxes(rgb, [replace(mark, text="") for mark in marks], factor)
    sided = side_mark(scale_bar(boxes, view.spacing_mm / factor), view.side, chest_side(view.cut(view.image)))
    return overlay.png(write_labels(sided, marks, factor, size))


def _mark(view: View, found: Found | Reference) -> Mark:
    kind: Kind = (("missed" if found.missed else "truth") if isinstance(found, Reference)
                  else "false" if found.false else "detection" if found.above else "below")
    score = f" {found.score:.2f}" if isinstance(found, Found) else ""
    return Mark(_moved(view, found.edges), f"{BEFORE.get(kind, '')}{found.name} {found.label}{score}", kind)


def _moved(view: View, edges: Sequence[float]) -> tuple[float, float, float, float]:
    x, y = view.window[0], view.window[1]
    return (edges[0] - x, edges[1] - y, edges[2] - x, edges[3] - y)
