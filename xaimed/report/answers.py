"""What a model answered in pixels beside what was wanted: a made image, or a displacement."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from xaimed.answers import FOUND, REFERENCE
from xaimed.mapfile import MapEntry
from xaimed.report.blocks import Block, Gallery, Panel, Picture, Text
from xaimed.report.panels import View, inside
from xaimed.report.wording import listed, number
from xaimed.run import Run
from xaimed.types import Floats
from xaimed.viz import overlay, warp
from xaimed.viz.marks import is_missed
from xaimed.viz.names import pretty
from xaimed.viz.pairs import PAIR, Point, crossed, named_planes, place_words, point_of

TEXT_WIDTH, GAP, TALLEST, SMALL, PIXELS = 17.0, 0.4, 6.5, 4.5, 480
DRAWN = ("generation", "registration")
SIDES = ("Where the displacement at the point (the cross) is sensitive on each image, |gradient x input|, and the "
         "share of each; on the moving image the cross is at the point's partner. The other maps are sums over both "
         "images and lie on the fixed one.")


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


def explained_words(entry: MapEntry) -> str:
    """What was explained: "Target d0: Malignant, score 0.912", "Target: displacement at x 69, y 81"."""
    score = f", score {number(entry.score)}" if math.isfinite(entry.score) else ""
    if place := place_words(entry.target):
        return f"Target: {place}{score}"
    kind = "Missed lesion" if is_missed(entry) else "Target"
    return f"{kind} {entry.target}: {pretty(entry.label)}{score}"


def plane_blocks(view: View, target: str, task: str) -> list[Block]:
    """What to know of maps of an image of several parts: where its sensitivity lies, and what a map lies on."""
    names = [name for name, _ in named_planes(view.image, task, channels_of(view.run))]
    sides = side_gallery(view, target)
    if sides is not None:
        return [Text(SIDES, small=True), sides]
    return [Text(f"Each map is a sum over {listed(names)}; it lies on {names[task == 'registration']}.", small=True)
            ] if names else []


def channels_of(run: Run) -> Sequence[str]:
    """What the channels of the run's images show, where they are modalities."""
    names: Sequence[str] = run.meta.get("data", {}).get("channels", ())
    return names


def side_gallery(view: View, target: str) -> Gallery | None:
    """The share of |gradient x input| of the target on the moving and on the fixed image, with the point; or None.

    None for another task, and for a run that does not hold the two maps.
    """
    planes, point = view.run.planes(view.case), point_of(target)
    maps = [planes.get(FOUND + name) for name in PAIR]
    if point is None or maps[0] is None or maps[1] is None:
        return None
    total = float(maps[0].sum() + maps[1].sum()) or 1.0
    # The fixed image's grid is that of the displacement; the point's partner lies as far away as it says.
    x, y = (min(int(part), size - 1) for part, size in zip(point, planes[f"{FOUND}dx"].shape[::-1], strict=True))
    partner = (point[0] + float(planes[f"{FOUND}dx"][y, x]), point[1] + float(planes[f"{FOUND}dy"][y, x]))
    images = named_planes(view.image, "registration")
    panels = [_side(view, f"On the {name} image: {float(part.sum()) / total:.3f}", (image, part), place)
              for (name, image), part, place in zip(images, maps, (partner, point), strict=True) if part is not None]
    return Gallery(tuple(panels), 3, min(SMALL, (TEXT_WIDTH - 2 * GAP) / 3 * view.aspect))


def _side(view: View, title: str, drawn: tuple[Floats, Floats], point: Point) -> Panel:
    """One image under its part of the map, with a cross at the point."""
    image, values = (view.cut(part) for part in drawn)
    fitted, factor = overlay.fitted(overlay.overlay(image, values, opacity=0.75), PIXELS)
    picture = crossed(fitted, inside(view, point, factor))
    return Panel(title, Picture(overlay.png(picture), f"{title}, case {view.case}. {overlay.caption(values)}", "png"))


def whole_panels(view: View, task: str) -> list[Panel]:
    """The parts of an image by themselves, such as its modalities, or an image beside what an autoencoder gives back.

    None for an image that stands alone.
    """
    if task == "anomaly":
        back = [plane for name, plane in view.run.planes(view.case).items() if name.startswith(f"{FOUND}rebuilt")]
        return [_grey(view, "Image", view.image), _grey(view, "Rebuilt", np.stack(back))] if back else []
    return [_grey(view, name.capitalize(), plane)
            for name, plane in named_planes(view.image, task, channels_of(view.run))]


def _grey(view: View, title: str, values: Floats) -> Panel:
    return _panel(view, title, overlay.grey(view.cut(values)))


def _panel(view: View, title: str, rgb: overlay.Picture) -> Panel:
    fitted, _ = overlay.fitted(rgb, PIXELS)
    return Panel(title, Picture(overlay.png(fitted), f"{title}, case {view.case}", "png"))
