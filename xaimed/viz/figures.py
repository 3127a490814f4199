"""Figures for reports and notebooks: matplotlib without pyplot, the same bytes for the same run.

Every figure is a pure function of stored tables. Text is drawn as it is, never read as mathematics.
matplotlib is imported on use.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from xaimed.errors import InputError
from xaimed.metrics.axis import AGREED
from xaimed.optional import need
from xaimed.types import Attribution
from xaimed.viz import overlay
from xaimed.viz.charts import drawable
from xaimed.viz.extent import beyond, drawn_interval, drawn_region, window
from xaimed.viz.lettering import FONTS, font_folders, further_fonts, printable
from xaimed.viz.looks import controls, places
from xaimed.viz.names import pretty

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from xaimed.run import Run

# Also told apart by dashes and markers, in print without colour and for all kinds of sight.
LINES = (("#1d4e79", "-"), ("#c8691c", "--"), ("#4d9a5f", "-."), ("#8b5a9e", ":"), ("#5a6875", (0, (5, 1, 1, 1))))
MARKERS = "osD^vPp*"  # as looks.SYMBOLS
CROSSES = "x+12"  # as looks.CONTROLS
FROC_LIMIT, WIDE, NARROW = 4.0, 0.9, 0.33
LETTERS, LINE = 38, 0.13  # letters in a line over a picture of two inches, and its height in inches
ABOVE = 76  # letters in a line over the axis of explainability
INK, QUIET, RULE = "#1b2733", "#5a6875", "#dfe5ea"
SETTINGS: Mapping[str, Any] = {
    "svg.hashsalt": "xaimed", "text.parse_math": False, "font.size": 8.5, "axes.spines.top": False,
    "axes.spines.right": False, "axes.edgecolor": QUIET, "axes.labelcolor": INK, "text.color": INK,
    "xtick.color": QUIET, "ytick.color": QUIET, "axes.grid": True, "grid.color": RULE, "grid.linewidth": 0.6,
    "axes.axisbelow": True, "legend.frameon": False, "lines.linewidth": 1.6, "svg.fonttype": "path",
}


@contextmanager
def style() -> Iterator[None]:
    """matplotlib with the settings of a report inside the block, as before after it."""
    need("matplotlib", "report", "to draw figures")
    import matplotlib as mpl
    from matplotlib import font_manager

    further = further_fonts(font_folders())
    known = {font.fname for font in font_manager.fontManager.ttflist}
    for path in (FONTS / "OpenSans-Regular.ttf", *further):
        if path.is_file() and str(path) not in known:
            font_manager.fontManager.addfont(str(path))
    names = dict.fromkeys(font.name for font in font_manager.fontManager.ttflist if Path(font.fname) in further)
    settings: Any = {**SETTINGS, "font.family": ["Open Sans", "DejaVu Sans", *names]}
    with mpl.rc_context(settings):
        yield


def svg(figure: Figure) -> bytes:
    """The figure as SVG without a date: the same bytes for the same content."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def froc_figure(run: Run) -> Figure:
    """Sensitivity against false positives per image, a step curve with its band for each hit rule; 0 to FROC_LIMIT.

    No band where an interval is wider than WIDE: it would cover the figure and say nothing.
    """
    figure, axes = blank(5.6, 3.1)
    with style():
        for i, ((name, curve), (colour, dashes)) in enumerate(zip(_curves(run, "froc"), _lines(), strict=False)):
            x, y = curve["fppi"], curve["sensitivity"]
            # Later lines are thinner: curves that coincide all stay visible.
            axes.step(x, y, where="post", color=colour, linestyle=dashes, label=name, linewidth=max(1.2, 2.8 - 0.5 * i))
            if "low" in curve and "high" in curve:
                low, high = np.asarray(curve["low"], np.float64), np.asarray(curve["high"], np.float64)
                axes.fill_between(x, low, high, where=_told(low, high), step="post", color=colour, alpha=0.10,
                                  linewidth=0)
        _share_axes(axes, "false positives per image", "sensitivity (lesions found)")
        axes.set_xlim(0, FROC_LIMIT if froc_end(run) > FROC_LIMIT else None)
        _legend(axes, "hit rule", "lower right")
    return figure


def froc_end(run: Run) -> float:
    """The most false positives per image that any FROC curve of the run reaches; 0 without a curve."""
    return max((max(curve["fppi"], default=0.0) for _, curve in _curves(run, "froc")), default=0.0)


def _told(low: NDArray[np.float64], high: NDArray[np.float64]) -> list[bool]:
    return [bool(told) for told in np.isfinite(low) & np.isfinite(high) & (high - low <= WIDE)]


def roc_figure(run: Run) -> Figure:
    """True positive rate against false positive rate, one curve for each unit (image, patient)."""
    figure, axes = blank(3.3, 3.1)
    with style():
        axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.8, linestyle=":")
        for (name, curve), (colour, dashes) in zip(_curves(run, "roc"), _lines(), strict=False):
            axes.plot(curve["fpr"], curve["tpr"], color=colour, linestyle=dashes, label=name)
        _share_axes(axes, "1 - specificity", "sensitivity")
        axes.set_xlim(0, 1)
        _legend(axes, "")
    return figure


def reliability_figure(run: Run) -> Figure:
    """Observed against predicted share in each bin, with intervals; the diagonal is perfect calibration."""
    figure, axes = blank(4.4, 3.1)
    with style():
        axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.8, linestyle=":")
        curves = _curves(run, "reliability")
        for i, ((name, curve), (colour, _)) in enumerate(zip(curves, _lines(), strict=False)):
            y = np.asarray(curve["observed"])
            spread = _spread(y, curve.get("low", y), curve.get("high", y))
            bars = axes.errorbar(curve["predicted"], y, yerr=spread, color=colour, marker=MARKERS[i % len(MARKERS)],
                                 markersize=5, capsize=2.5, elinewidth=0.9, linestyle="none", label=name or "_")
            bars[0].set_clip_on(False)
        left, right = _window([float(x) for _, curve in curves for x in curve["predicted"]])
        cut = "" if (left, right) == (0, 1) else f" (axis cut: {left:g} to {right:g})"
        _share_axes(axes, f"predicted probability{cut}", "observed share")
        axes.set_xlim(left, right)
        _legend(axes, "")
    return figure


def _window(values: Sequence[float]) -> tuple[float, float]:
    """The part of [0, 1] to show: all of it, unless the values share less than a third."""
    known = [value for value in values if np.isfinite(value)]
    if not known or max(known) - min(known) >= NARROW:
        return 0, 1
    return max(0.0, np.floor(min(known) * 20 - 0.5) / 20), min(1.0, np.ceil(max(known) * 20 + 0.5) / 20)


def axis_figure(run: Run) -> Figure:
    """Explainability against accuracy, one point a method with both intervals; hollow: gate not passed."""
    return axis_figure_of(run.axis)


def axis_figure_of(table: pd.DataFrame) -> Figure:
    """axis_figure of the table that metrics.axis gives, of one run or of several under each other.

    Grey: controls (crosses), and all points where the metrics disagree (Kendall's W below 0.5). Where the table has
    it, plausibility stands in a panel of its own.
    """
    apart = "plausibility" in table and bool(np.isfinite(np.asarray(table["plausibility"], float)).any())
    figure, axes = blank(6.4, 5.2 if apart else 3.3)
    with style():
        if apart:
            figure.clear()
            axes, below = figure.subplots(2, 1, height_ratios=(2, 1))
            _draw_plausibility(below, table)
        rows = [{str(key): value for key, value in row.items()} for row in table.to_dict(orient="records")]
        for row in rows:
            _axis_point(axes, row, _look(row, rows))
        axes.margins(0.15)
        _framed(axes, rows)
        _without_number(axes, rows)
        names = sorted(set(table["accuracy_name"])) if len(table) else []
        measured = any(np.isfinite(_number(row, "accuracy")) for row in rows)
        axes.set_xlabel(printable("accuracy: " + ((measured and ", ".join(names)) or "not measured")))
        if not measured:
            axes.set_xticks([])
        axes.set_ylabel("explainability (skill)")
        axes.axhline(0, color=QUIET, linewidth=0.8, linestyle=":")
        if len(table):
            axes.legend(title="method (hollow: gate not passed)", loc="upper left", bbox_to_anchor=(1.02, 1.0),
                        fontsize=7.5, title_fontsize=7.5, alignment="left", borderaxespad=0)
    return figure


def _look(row: Mapping[str, object], rows: Sequence[Mapping[str, object]]) -> tuple[str, str]:
    """The marker and the colour of a row: of the same place in their lists as in the dashboard."""
    if row.get("control") is True:
        return CROSSES[controls(rows)[str(row.get("method", ""))] % len(CROSSES)], QUIET
    place = places(rows)[str(row.get("method", ""))]
    return MARKERS[place % len(MARKERS)], LINES[place % len(LINES)][0]


def _axis_point(axes: Axes, row: Mapping[str, object], look: tuple[str, str]) -> None:
    control, agreement = row.get("control") is True, _number(row, "agreement")
    colour = QUIET if agreement < AGREED else look[1]
    x, y = _number(row, "accuracy"), _number(row, "explainability")
    # Without an accuracy all stand above each other, and the axis says so.
    x = x if np.isfinite(x) else 0.5
    passed, known = control or row.get("gate") == "pass", bool(np.isfinite(y))
    if known:
        across = _spread([x], [_number(row, "accuracy_low")], [_number(row, "accuracy_high")])
        along = _spread([y], *([end] for end in drawn_interval(row)))
        axes.errorbar([x], [y], xerr=across, yerr=along, color=colour, linewidth=0.9, capsize=2, fmt="none",
                      alpha=0.7)
        _joint_region(axes, row, colour)
    suffix = " (control)" if control else "" if passed else f" (gate: {row.get('gate')})"
    label = printable(pretty(str(row["method"])) + suffix)
    axes.plot([x], [y], linestyle="none", markersize=7, label=label, marker=look[0], color=colour,
              markerfacecolor=colour if passed else "none", markeredgewidth=1.4)


def _framed(axes: Axes, rows: Sequence[Mapping[str, object]]) -> None:
    """Show as much of the explainability as can be read, and say whose interval goes on."""
    if (shown := window(rows)) is not None:
        axes.set_ylim(*shown)
    if words := beyond(rows):
        # In lines: constrained layout gives up where one text is wider than the axes.
        axes.text(1, 1.01, _wrapped(words, ABOVE), fontsize=7, ha="right", va="bottom", color=QUIET,
                  transform=axes.transAxes)


def _without_number(axes: Axes, rows: Sequence[Mapping[str, object]]) -> None:
    """Set the marks of rows without an explainability number on dotted lines of a band under all that has one."""
    marks = [line for line in axes.get_lines() if not str(line.get_label()).startswith("_")]
    below = [mark for row, mark in zip(rows, marks, strict=True) if not np.isfinite(_number(row, "explainability"))]
    if not below:
        return
    bottom, top = axes.get_ylim() if len(below) < len(rows) else (-0.1, 1.0)
    bottom, step = min(bottom, 0.0), (max(top, 0.1) - min(bottom, 0.0)) / 12
    for place, mark in enumerate(below, 1):
        mark.set_ydata([bottom - step * place])
        axes.axhline(bottom - step * place, color=QUIET, linewidth=0.6, linestyle=":", zorder=0, label="_line")
    axes.axhspan(bottom - step * (len(below) + 1.6), bottom - step * 0.3, color=QUIET, alpha=0.10, linewidth=0,
                 zorder=0)
    axes.text(0.01, bottom - step * (len(below) + 1), "no explainability number", color=QUIET, fontsize=7, va="center",
              transform=axes.get_yaxis_transform())
    axes.set_yticks([tick for tick in axes.get_yticks() if tick >= bottom])
    axes.set_ylim(bottom - step * (len(below) + 1.6), None)


def _joint_region(axes: Axes, row: Mapping[str, object], colour: str) -> None:
    """The joint 95 % region of a point, where it is known; a control has none."""
    outline = drawn_region(row)
    if outline is not None:
        axes.fill(outline[:, 0], outline[:, 1], facecolor=colour, alpha=0.10, linewidth=0)
        axes.plot(outline[:, 0], outline[:, 1], color=colour, linewidth=0.8, alpha=0.7, label="_joint region")


def _draw_plausibility(axes: Axes, table: pd.DataFrame) -> None:
    """How well the maps of each method meet the lesion: it moves with accuracy, so it is no part of the axis."""
    rows = [{str(key): value for key, value in row.items()} for row in table.to_dict(orient="records")]
    for index, row in enumerate(rows):
        x, low, high = (_number(row, f"plausibility{end}") for end in ("", "_low", "_high"))
        axes.barh([index], [x], height=0.6, color=_look(row, rows)[1], alpha=0.55,
                  xerr=_spread([x], [low], [high]), error_kw={"linewidth": 0.9, "capsize": 2})
    axes.set_yticks(range(len(table)), [printable(pretty(str(name))) for name in table["method"]])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("plausibility: pointing game, the share of maps whose maximum lies in the lesion")


def attribution_figure(attribution: Attribution, columns: int = 4) -> Figure:
    """Every map over its image, in a grid of `columns`, with case, target, the value of full colour and any note.

    Raises InputError if there is no map.
    """
    if not len(attribution):
        raise InputError("the attribution holds no map; expected one target or more: "
                         "lower the operating point")
    columns = max(1, min(columns, len(attribution)))
    rows = -(-len(attribution) // columns)
    notes = [_wrapped(note, LETTERS) for note in attribution.notes] or [""] * len(attribution)
    caption = _wrapped(attribution.caption, LETTERS * columns * 3 // 4)
    with style():
        figure, grid = _grid(rows, columns, attribution.maps[0].shape)
        figure.set_figheight(figure.get_figheight() + LINE * (
            rows * max(_lines_of(note) for note in notes) + caption.count("\n")))
        for i, axes in enumerate(grid[:len(attribution)]):
            picture = attribution.to_image(i) if attribution.images else overlay.heat(attribution.maps[i])
            scale = f"full colour {overlay.robust_scale(attribution.maps[i]):.3g}"
            _show(axes, picture, f"{attribution.cases[i]} · {attribution.targets[i]}",
                  f"{scale}\n{notes[i]}" if notes[i] else scale)
        figure.suptitle(caption, fontsize=9)
    return figure


def _wrapped(text: str, letters: int) -> str:
    return textwrap.fill(printable(text), letters)


def _lines_of(text: str) -> int:
    return text.count("\n") + 1 if text else 0


def case_figure(run: Run, case: str, methods: Sequence[str] | None = None) -> Figure:
    """One row a target: the image, then the maps of the methods over it. Raises NotFound for an unknown case."""
    entries = run.entries(case)
    image = run.image(case)
    names = methods or tuple(dict.fromkeys(entry.method for entry in entries))
    targets = tuple(dict.fromkeys(entry.target for entry in entries)) or ("",)
    have = {(entry.target, entry.method) for entry in entries}
    with style():
        figure, grid = _grid(len(targets), len(names) + 1, image.shape[-2:])
        for i, axes in enumerate(grid):
            target, column = targets[i // (len(names) + 1)], i % (len(names) + 1)
            if column == 0:
                _show(axes, overlay.grey(image), f"{case} {target}", "")
            elif (target, names[column - 1]) in have:
                values = run.map(case, target, names[column - 1])
                _show(axes, overlay.overlay(image, values), pretty(names[column - 1]),
                      f"full colour {overlay.robust_scale(values):.3g}")
    return figure


def _grid(rows: int, columns: int, shape: tuple[int, ...]) -> tuple[Figure, list[Axes]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = 2.0 * shape[-2] / shape[-1] + 0.5
    figure = Figure(figsize=(2.0 * columns, height * rows + 0.3), layout="constrained")
    FigureCanvasAgg(figure)
    made = figure.subplots(rows, columns, squeeze=False)
    for axes in made.flat:
        axes.axis("off")
    return figure, list(made.flat)


def _show(axes: Axes, picture: NDArray[np.uint8], title: str, note: str) -> None:
    axes.imshow(picture)
    lines = [printable(line) for line in (title, *note.splitlines())]
    axes.set_title("\n".join(lines), fontsize=7)


def blank(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure of this size in inches, in the style of a report, and its axes."""
    with style():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        return figure, figure.subplots()


def _curves(run: Run, kind: str) -> list[tuple[str, Mapping[str, list[float]]]]:
    """The curves of a kind that say something, with their names, in stored order."""
    return [(printable(name), curve) for name, curve in drawable(run.results, kind)]


def _lines() -> Sequence[tuple[str, object]]:
    return LINES * 3


def _share_axes(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_ylim(0, 1.02)


def _legend(axes: Axes, title: str, place: Literal["best", "lower right"] = "best") -> None:
    if axes.get_legend_handles_labels()[1]:
        axes.legend(title=title or None, loc=place, handlelength=3.2, fontsize=7.5, title_fontsize=7.5,
                    alignment="left")


def _spread(value: object, low: object, high: object) -> NDArray[np.float64]:
    middle, under, over = (np.asarray(v, np.float64) for v in (value, low, high))
    return np.nan_to_num(np.maximum(np.stack([middle - under, over - middle]), 0.0))


def _number(row: Mapping[str, object], name: str) -> float:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else float("nan")
