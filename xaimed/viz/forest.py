"""Forest charts: values with their intervals under each other, as groups or conditions are compared.

plotly is imported on use.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from xaimed.optional import need
from xaimed.viz.charts import MARGIN
from xaimed.viz.looks import COLOURS, QUIET

if TYPE_CHECKING:
    import plotly.graph_objects as go

ROW = 26
NARROW, LEAST, EDGE = 1 / 3, 0.2, 0.015


def forest_chart(rows: pd.DataFrame, whole: float = math.nan, title: str = "") -> go.Figure:
    """A point with its interval for each row (columns name, value, low, high, count), from the top down.

    whole: the value of all cases, a dotted line. A row without a value says why in its place (column why, optional).
    """
    objects = need("plotly.graph_objects", "dashboard", "to draw charts")
    names = [str(name) for name in rows["name"]]
    value, low, high = (rows[name].astype(float).tolist() for name in ("value", "low", "high"))
    bars = {"type": "data", "symmetric": False, "array": [_gap(h, v) for v, h in zip(value, high, strict=True)],
            "arrayminus": [_gap(v, x) for v, x in zip(value, low, strict=True)], "color": COLOURS[0],
            "thickness": 1.4, "width": 4}
    told = [_told(row) for row in rows.to_dict(orient="records")]
    figure: go.Figure = objects.Figure(objects.Scatter(
        x=value, y=names, mode="markers", error_x=bars, marker={"size": 9, "color": COLOURS[0], "symbol": "square"},
        customdata=[[text] for text in told], hovertemplate="%{y}<br>%{customdata[0]}<extra></extra>",
        showlegend=False))
    for name, known, text in zip(names, value, told, strict=True):
        if not math.isfinite(known):
            figure.add_annotation(x=0, xref="paper", xanchor="left", y=name, text=text, showarrow=False, xshift=6,
                                  font={"size": 11})
    if math.isfinite(whole):
        figure.add_vline(x=whole, line={"color": QUIET, "dash": "dot", "width": 1})
    figure.update_yaxes(autorange="reversed", categoryorder="array", categoryarray=names, automargin=True,
                        showgrid=False)
    figure.update_xaxes(title=title, range=shares_shown([*value, *low, *high, whole]))
    figure.update_layout(margin=MARGIN, height=90 + ROW * max(1, len(rows)), hovermode="closest", dragmode="pan")
    return figure


def shares_shown(values: Sequence[float]) -> list[float] | None:
    """The part of 0 to 1 to show of values that are shares; None where one is none, or nothing is known.

    All of it, unless the values lie within a third: then that part, at least a fifth wide, with a margin that a
    point at an end is not cut.
    """
    known = [value for value in values if math.isfinite(value)]
    if not known or min(known) < 0 or max(known) > 1 or not any(known):
        return None
    low, high = min(known), max(known)
    if high - low > NARROW:
        return [-EDGE, 1 + EDGE]
    spare = max(0.0, LEAST - (high - low)) / 2 + 0.02
    return [max(-EDGE, min(low - spare, 1 - LEAST)), min(1 + EDGE, max(high + spare, LEAST))]


def _gap(upper: float, lower: float) -> float:
    gap = upper - lower
    return gap if math.isfinite(gap) and gap > 0 else 0.0


def _told(row: dict[object, object]) -> str:
    value, low, high = (float(str(row[name])) for name in ("value", "low", "high"))
    if not math.isfinite(value):
        return str(row.get("why") or "not measured")
    interval = f" [{low:.2f}, {high:.2f}]" if math.isfinite(low) and math.isfinite(high) else " (no interval)"
    return f"{value:.2f}{interval} {row.get('count', '')}".strip()
