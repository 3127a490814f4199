"""The ladder's figure: explainability against accuracy of several models by one method, with joint intervals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from xaimed.stats import Array
from xaimed.viz.figures import LINES, MARKERS, QUIET, blank, style
from xaimed.viz.lettering import printable
from xaimed.viz.names import pretty

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The 0.95 quantile of chi squared with two degrees of freedom: -2 ln 0.05.
JOINT = -2 * math.log(0.05)


def ladder_figure(table: pd.DataFrame) -> Figure:
    """The primary method's rows of metrics.rungs.Ladder.table: a point a model with its joint 95 % ellipse.

    The ellipse is that of the bootstrap's draws taken as normal. Hollow: the gate was not passed; without a number the
    model stands at its accuracy above the lower edge, off the scale. No curve is drawn.
    """
    rows = table[table["primary"]].to_dict(orient="records")
    figure, axes = blank(6.6, 3.9)
    with style():
        for index, row in enumerate(rows):
            _draw_model(axes, {str(key): value for key, value in row.items()}, index)
        names = sorted({str(row["accuracy_name"]) for row in rows if row["accuracy_name"] == row["accuracy_name"]})
        methods = sorted({pretty(str(row["method"])) for row in rows})
        axes.set_xlabel(printable("accuracy: " + (", ".join(names) or "not measured")))
        axes.set_ylabel(printable(f"explainability: gain of {', '.join(methods).lower()}"))
        axes.axhline(0, color=QUIET, linewidth=0.8, linestyle=":")
        axes.margins(0.08)
        if axes.get_xlim()[1] > 1:
            axes.set_xlim(None, 1.005)
        axes.legend(title="model (hollow: gate not passed)", loc="upper left", bbox_to_anchor=(1.02, 1.0), fontsize=7.5,
                    title_fontsize=7.5, alignment="left", borderaxespad=0)
    return figure


def _draw_model(axes: Axes, row: dict[str, object], index: int) -> None:
    colour, marker = LINES[index % len(LINES)][0], MARKERS[index % len(MARKERS)]
    x, y = _of(row, "accuracy"), _of(row, "gain")
    if not math.isfinite(y):
        label = f"{index + 1} {row['model']} (gate: {row['gate']})"
        axes.plot([x], [0.05 + 0.06 * index], linestyle="none", marker=marker, markersize=7, markerfacecolor="none",
                  color=colour, transform=axes.get_xaxis_transform(), label=printable(label))
        return
    spread = _of(row, "accuracy_sd"), _of(row, "gain_sd")
    if min(spread) > 0:
        edge = joint_ellipse((x, y), spread, _of(row, "gain_correlation"))
        edge[:, 0] = edge[:, 0].clip(0, 1)  # no accuracy lies beyond
        axes.fill(edge[:, 0], edge[:, 1], color=colour, alpha=0.12, linewidth=0)
        axes.plot(edge[:, 0], edge[:, 1], color=colour, linewidth=0.8, alpha=0.7)
    passed = row.get("gate") == "pass"
    label = f"{index + 1} {row['model']}" + ("" if passed else f" (gate: {row['gate']})")
    axes.plot([x], [y], linestyle="none", marker=marker, markersize=6, color=colour, label=printable(label),
              markerfacecolor=colour if passed else "none")
    axes.annotate(str(index + 1), (x, y), xytext=(5, 4), textcoords="offset points", fontsize=7.5, color=colour)


def joint_ellipse(centre: tuple[float, float], spread: tuple[float, float], correlation: float) -> Array:
    """(100, 2): the edge of the region that holds 95 % of two normal values of these deviations and correlation."""
    tied = correlation if math.isfinite(correlation) else 0.0
    cross = tied * spread[0] * spread[1]
    values, vectors = np.linalg.eigh(np.array([[spread[0] ** 2, cross], [cross, spread[1] ** 2]]))
    angle = np.linspace(0, 2 * np.pi, 100)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1) * np.sqrt(JOINT * values.clip(min=0))
    return np.asarray(circle @ vectors.T + np.array(centre), np.float64)


def _of(row: dict[str, object], name: str) -> float:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else math.nan
