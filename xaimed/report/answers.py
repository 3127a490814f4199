"""What a model answered in pixels beside what was wanted: a made image, or a displacement."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from xaimed.answers import FOUND, REFERENCE
from xaimed.report.blocks import Gallery, Panel, Picture
from xaimed.report.panels import View
from xaimed.types import Floats
from xaimed.viz import overlay, warp

TEXT_WIDTH, GAP, TALLEST, PIXELS = 17.0, 0.4, 6.5, 480
DRAWN = ("generation", "registration")


def answer_gallery(view: View, task: str) -> Gallery | None:
    """The pictures of a case's answer; None for a task that has no pictures of its own, or a run without planes."""
    planes = view.run.planes(view.case) if task in DRAWN else {}
    if not planes:
        return None
    panels = _displacement(view, planes) if task == "registration" else _made(view, planes)
    width = (TEXT_WIDTH - GAP * (len(panels) - 1)) / len(panels)
    return Gallery(tuple(panels), len(panels), min(TALLEST, width * view.aspect))


def answer_words(scores: Mapping[tuple[str, str, str], float], task: str, spaced: bool) -> str:
    """What was measured on a case's answer, in one or two sentences; spaced: the pixel's size is known."""
    values = {metric: value for (_, method, metric), value in scores.items() if not method and math.isfinite(value)}
    if task == "generation":
        if "MAE" not in values:
            return "The model makes an image; there is no wanted one to compare it with."
        return (f"The made image differs from the wanted one by {values['MAE']:.3f} on average (grey values from 0 to "
                f"1); PSNR {values.get('PSNR', math.nan):.1f} dB, SSIM {values.get('SSIM', math.nan):.3f}.")
    unit = "mm" if spaced else "pixels"
    folded = f"{100 * values.get('folding', math.nan):.1f} % of the pixels are folded over."
    if "target registration error" not in values:
        return f"The displacement is not known, so its error is not measured. {folded}"
    return (f"On average over the tissue a point misses its partner by {values['target registration error']:.2f} "
            f"{unit} after registration, and by {values['error before registration']:.2f} {unit} before. {folded}")


def _made(view: View, planes: dict[str, Floats]) -> list[Panel]:
    """The input, the first plane of the made image, the wanted one, and the difference."""
    made = next(part for name, part in planes.items() if name.startswith(f"{FOUND}image"))
    panels = [_grey(view, "Input", view.image[0]), _grey(view, "Made", made)]
    wanted = next((part for name, part in planes.items() if name.startswith(f"{REFERENCE}image")), None)
    return panels if wanted is None else [*panels, _grey(view, "Wanted", wanted), _gap(view, made, wanted)]


def _gap(view: View, made: Floats, wanted: Floats) -> Panel:
    error = float(np.abs(made - wanted).mean())
    return _panel(view, f"Made less wanted, mean size {error:.3f}", overlay.overlay(
        np.zeros_like(view.cut(made)), view.cut(made - wanted), 1.0, colormap="signed"))


def _displacement(view: View, planes: dict[str, Floats]) -> list[Panel]:
    """The moving image with the displaced grid, the fixed one, the moving one moved, and what is left between them."""
    half = len(view.image) // 2
    moving, fixed = view.image[half // 2], view.image[half + half // 2]
    dx, dy = planes[f"{FOUND}dx"], planes[f"{FOUND}dy"]
    after = warp.moved(moving, dx, dy)
    x0, y0, x1, y1 = view.window
    scale = max(1, round(PIXELS / (y1 - y0)))
    grid = warp.gridded(moving, dx, dy, scale)[y0 * scale:y1 * scale, x0 * scale:x1 * scale]
    return [_panel(view, "Moving, with the grid", grid), _grey(view, "Fixed", fixed), _grey(view, "Moved", after),
            _grey(view, f"|Moving - fixed|, mean {np.abs(moving - fixed).mean():.3f}", np.abs(moving - fixed)),
            _grey(view, f"|Moved - fixed|, mean {np.abs(after - fixed).mean():.3f}", np.abs(after - fixed))]


def _grey(view: View, title: str, values: Floats) -> Panel:
    return _panel(view, title, overlay.grey(view.cut(values)))


def _panel(view: View, title: str, rgb: overlay.Picture) -> Panel:
    fitted, _ = overlay.fitted(rgb, PIXELS)
    return Panel(title, Picture(overlay.png(fitted), f"{title}, case {view.case}", "png"))
