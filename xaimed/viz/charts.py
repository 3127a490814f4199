"""Interactive figures for the dashboard: plotly figures as pure functions of a run's tables.

Nothing is told by colour alone: every method has its marker, every curve its dashes.
plotly is imported on use.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from xaimed.metrics.axis import AGREED
from xaimed.optional import need
from xaimed.plural import plural
from xaimed.viz.extent import beyond, drawn_interval, drawn_region, heights, window
from xaimed.viz.looks import COLOURS, DASHES, QUIET, SYMBOLS, Look, looks

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from xaimed.stats import Results

STEP = 0.1
ROOM, ROW = 90, 34  # pixels of the height of a chart of rows, and of each of them
AXIS_HEIGHT = 480
FROC_END = 4.0  # further right no reader would go; panning shows the rest
# What must not be all zero for a curve to mean anything.
NEEDED = {"froc": ("sensitivity",), "roc": ("tpr", "fpr"), "reliability": ("observed",)}
MARGIN = {"l": 8, "r": 8, "t": 12, "b": 8}


def axis_chart(axis: pd.DataFrame) -> go.Figure:
    """Explainability against accuracy: one point a row (a model and method), both intervals as error bars.

    axis: the columns of metrics.axis.axis, and `model` where several models stand under each other. A marker is
    hollow where the method did not pass the randomisation gate; where it failed it, or nothing was measured, there
    is no explainability number and the marker stands in a band below the plot. Grey: the metrics disagree in the
    order of the methods (agreement below 0.5), or a control, which is a cross. Of several models each
    has a number, which stands at its points. Of marks that lie on each other a method with a number is on top, then a
    hollow one, and a control at the bottom: a click finds the method.
    """
    objects = need("plotly.graph_objects", "dashboard", "to draw charts")
    figure: go.Figure = objects.Figure()
    rows = [{str(key): value for key, value in row.items()} for row in axis.to_dict(orient="records")]
    without = [i for i, row in enumerate(rows) if not _scored(row)]
    step, drawn = _step(rows), looks(rows)
    floor = _floor(rows) - 2 * step
    for i in (i for i in range(len(rows)) if i not in without):
        _draw_ellipse(figure, rows[i], drawn[i])
    models = list(dict.fromkeys(str(row.get("model", "")) for row in rows))
    for i in sorted(range(len(rows)), key=lambda i: _weight(rows[i])):
        point = _point(rows[i], drawn[i], floor - step * without.index(i) if i in without else None)
        if len(models) > 1:
            _number_point(point, models.index(str(rows[i].get("model", ""))) + 1)
        figure.add_trace(point.update(legendrank=1000 + i + len(rows) * (rows[i].get("control") is True)))
    if without:
        _draw_floor(figure, floor, len(without), step)
    names = sorted({str(row.get("accuracy_name", "")) for row in rows})
    figure.update_xaxes(title=f"accuracy: {', '.join(names) or 'not measured'}")
    figure.update_yaxes(title="explainability (skill)")
    _grey_axes(figure, rows)
    _frame(figure, rows, floor - step * (len(without) + 1) if without else math.inf)
    return _styled(figure).update_layout(height=AXIS_HEIGHT)


def _frame(figure: go.Figure, rows: list[dict[str, object]], bottom: float) -> None:
    """Show the methods with their intervals and regions; the interval of a control may leave the plot."""
    scored = [row for row in rows if _scored(row)]
    if shown := window(scored):
        figure.update_yaxes(range=[min(shown[0], bottom), shown[1]])
    if words := beyond(scored):
        figure.add_annotation(x=1, xref="paper", y=1, yref="paper", xanchor="right", yanchor="top", showarrow=False,
                              text=words, font={"size": 11})


def _weight(row: Mapping[str, object]) -> int:
    """How far to the front a row is drawn."""
    return 0 if row.get("control") is True else 1 + _scored(row) + (row.get("gate") == "pass")


def _draw_ellipse(figure: go.Figure, row: Mapping[str, object], look: Look) -> None:
    """The joint 95 % region of a point, where it is known; a control has none."""
    outline = drawn_region(row)
    if outline is None:
        return
    import plotly.graph_objects as objects

    colour = QUIET if greyed(row) else look.colour
    figure.add_trace(objects.Scatter(
        x=outline[:, 0], y=outline[:, 1], mode="lines", fill="toself", fillcolor=_faint(colour), hoverinfo="skip",
        line={"color": colour, "width": 1, "dash": look.dash}, showlegend=False,
        name=f"{_label(row)}: joint 95 % region"))


def _grey_axes(figure: go.Figure, rows: list[dict[str, object]]) -> None:
    """Grey an axis that says little, and write why: metrics that disagree, accuracy that was not measured."""
    scored = [row for row in rows if row.get("control") is not True]
    if scored and all(greyed(row) for row in scored):
        figure.update_yaxes(title="explainability (skill): the metrics disagree, the order means little", color=QUIET)
    if not any(math.isfinite(_number(row, "accuracy")) for row in rows):
        # Without an accuracy all stand above each other; plotly draws no point without a place.
        figure.update_traces(x=[0.5])
        figure.update_xaxes(title="accuracy: not measured", color=QUIET, range=[0, 1], showticklabels=False)


def _scored(row: Mapping[str, object]) -> bool:
    """Whether the row has an explainability number: measured, and the gate not failed."""
    gated = row.get("gate") == "fail" and row.get("control") is not True
    return not gated and math.isfinite(_number(row, "explainability"))


def greyed(row: Mapping[str, object]) -> bool:
    """Whether a row of the axis is drawn in grey: a control, or metrics that disagree (Kendall's W below 0.5)."""
    agreement = _number(row, "agreement")
    return row.get("control") is True or (math.isfinite(agreement) and agreement < AGREED)


def plausibility_chart(axis: pd.DataFrame) -> go.Figure:
    """How well the maps meet the lesion, one point a row with its interval, marked as on the axis and apart from it:
    it moves with accuracy by construction."""
    objects = need("plotly.graph_objects", "dashboard", "to draw charts")
    figure: go.Figure = objects.Figure()
    rows = [{str(key): value for key, value in row.items()} for row in axis.to_dict(orient="records")]
    for row, look in zip(rows, looks(rows), strict=True):
        figure.add_trace(objects.Scatter(
            x=[_number(row, "plausibility")], y=[_label(row)], mode="markers",
            marker=_marker(look.colour, _shape(row, look)), showlegend=False,
            error_x=_bars(row, "plausibility", _interval_of(row, "plausibility"), look.colour),
            hovertemplate=f"<b>{_label(row)}</b><br>{interval_text(row, 'plausibility')}<extra></extra>"))
    # Names stand in rows under each other: beside each other they would overlap where several runs are compared.
    figure.update_yaxes(type="category", autorange="reversed", automargin=True)
    figure.update_xaxes(title="pointing game", range=[-0.03, 1.03])
    return _styled(figure).update_layout(height=ROOM + ROW * len(rows))


def _floor(rows: list[dict[str, object]]) -> float:
    """What no number, and no interval or region of a method, lies under; 0 at most."""
    return min([0.0, *(y for row in rows if _scored(row) for y in heights(row) if math.isfinite(y))])


def _step(rows: list[dict[str, object]]) -> float:
    """How far below each other methods without a number stand, so that no mark hides another whatever the scale."""
    known = [y for row in rows if _scored(row) for y in heights(row) if math.isfinite(y)]
    return STEP * max(1.0, max(known) - min(known)) if known else STEP


def _marker(colour: str, symbol: str) -> dict[str, object]:
    # The line has a colour of its own: plotly's is a dark grey, which a dark page swallows.
    return {"size": 13, "color": colour, "symbol": symbol, "line": {"width": 2, "color": colour}}


def _shape(row: Mapping[str, object], look: Look) -> str:
    """The symbol, hollow for a method that did not pass its gate."""
    return look.symbol if row.get("gate") == "pass" or row.get("control") is True else f"{look.symbol}-open"


def _point(row: Mapping[str, object], look: Look, below: float | None) -> go.Scatter:
    """The marker of a row; below: the height of one without a number, which is hollow."""
    import plotly.graph_objects as objects

    colour = QUIET if greyed(row) else look.colour
    scored = below is None
    shape = _shape(row, look) if scored else f"{look.symbol}-open"
    return objects.Scatter(
        x=[_number(row, "accuracy")], y=[_number(row, "explainability") if scored else below], name=_label(row),
        mode="markers", marker=_marker(colour, shape),
        error_x=_bars(row, "accuracy", _interval_of(row, "accuracy"), colour),
        error_y=_bars(row, "explainability", drawn_interval(row), colour) if scored else None,
        customdata=[[str(row.get("method", "")), str(row.get("model", ""))]],
        hovertemplate=_hover(row, scored) + "<extra></extra>")


def _number_point(point: go.Scatter, number: int) -> None:
    """Set the number of its model at a point and before its name: colour alone tells no model."""
    point.update(mode="markers+text", text=[str(number)], textposition="top right", textfont={"size": 11},
                 name=f"{number} {point.name}")


def _label(row: Mapping[str, object]) -> str:
    method = plain_name(str(row.get("method", "")))
    model = f"{row['model']}: " if row.get("model") else ""
    if row.get("control") is True:
        return f"{model}{method} (control)"
    return f"{model}{method}" if row.get("gate") == "pass" else f"{model}{method} (gate: {row.get('gate')})"


def _hover(row: Mapping[str, object], scored: bool) -> str:
    accuracy = f"{row.get('accuracy_name', 'accuracy')} {interval_text(row, 'accuracy')}"
    skill = (f"explainability {interval_text(row, 'explainability')}" if scored
             else f"no explainability number: randomisation gate {row.get('gate')}")
    if row.get("null"):
        skill += f"<br>0 is the map of {plain_name(str(row['null']))}"
    if math.isfinite(_number(row, "agreement")):
        skill += f"<br>agreement of the metrics {_number(row, 'agreement'):.2f}"
    return f"<b>{_label(row)}</b><br>{accuracy}<br>{skill}<br>{_counted(row.get('cases'))}"


def _counted(cases: object) -> str:
    return plural(cases, "case") if isinstance(cases, int | float) else "number of cases not stored"


def interval_text(row: Mapping[str, object], name: str) -> str:
    """"0.87 [0.71, 0.96]" from the fields `name`, `name`_low and `name`_high; "not measured" for NaN."""
    return _with_interval(*(_number(row, key) for key in (name, f"{name}_low", f"{name}_high")))


def _with_interval(value: float, low: float, high: float) -> str:
    if not math.isfinite(value):
        return "not measured"
    bounds = f" [{low:.2f}, {high:.2f}]" if math.isfinite(low) and math.isfinite(high) else " (no interval)"
    return f"{value:.2f}{bounds}"


def _interval_of(row: Mapping[str, object], name: str) -> tuple[float, float]:
    return _number(row, f"{name}_low"), _number(row, f"{name}_high")


def _bars(row: Mapping[str, object], name: str, ends: tuple[float, float], colour: str) -> dict[str, object] | None:
    value, (low, high) = _number(row, name), ends
    if not all(map(math.isfinite, (value, low, high))):
        return None
    return {"type": "data", "symmetric": False, "array": [high - value], "arrayminus": [value - low],
            "color": colour, "thickness": 1.2, "width": 4}


def _draw_floor(figure: go.Figure, top: float, count: int, step: float) -> None:
    """The band of the markers without a number, with what it means."""
    low, high = top - step * count, top + 0.6 * step
    figure.add_hrect(y0=low, y1=high, fillcolor=QUIET, opacity=0.12, line_width=0, layer="below")
    figure.add_annotation(x=0, xref="paper", y=low, yshift=9, xanchor="left", xshift=6, showarrow=False,
                          text="no explainability number", font={"size": 11})
    ticks = [0.2 * i for i in range(-10, 6) if 0.2 * i > high]
    figure.update_yaxes(tickvals=ticks, ticktext=[f"{tick:.1f}" for tick in ticks])


def froc_chart(results: Results) -> go.Figure:
    """FROC: sensitivity against false positives per image, a step curve with its band for each hit rule."""
    figure = _curves(results, "froc", "fppi", "sensitivity", step=True)
    ends = [max(curve["fppi"], default=0.0) for _, curve in drawable(results, "froc")]
    figure.update_xaxes(title="false positives per image", range=[0, min(FROC_END, max(ends, default=1.0) or 1.0)])
    figure.update_yaxes(title="sensitivity (lesions found)", range=[0, 1.02])
    return _styled(figure)


def roc_chart(results: Results) -> go.Figure:
    """ROC: sensitivity against 1 - specificity, one curve for each unit; the dotted diagonal is chance."""
    figure = _curves(results, "roc", "fpr", "tpr", step=False)
    _diagonal(figure, "chance")
    figure.update_xaxes(title="1 - specificity", range=[-0.01, 1.01])
    figure.update_yaxes(title="sensitivity", range=[0, 1.02])
    return _styled(figure)


def reliability_chart(results: Results) -> go.Figure:
    """Observed share against predicted probability in each bin with intervals; the diagonal is perfect."""
    objects = need("plotly.graph_objects", "dashboard", "to draw charts")
    figure: go.Figure = objects.Figure()
    for i, (name, curve) in enumerate(drawable(results, "reliability")):
        observed = curve["observed"]
        above = [max(0.0, h - o) for h, o in zip(curve.get("high", observed), observed, strict=True)]
        under = [max(0.0, o - low) for low, o in zip(curve.get("low", observed), observed, strict=True)]
        bars = {"type": "data", "symmetric": False, "array": above, "arrayminus": under,
                "color": COLOURS[i % len(COLOURS)], "thickness": 1.2, "width": 4}
        figure.add_trace(objects.Scatter(
            x=curve["predicted"], y=observed, mode="markers+lines", name=name or "all", error_y=bars,
            line={"color": COLOURS[i % len(COLOURS)]},
            marker={"symbol": SYMBOLS[i % len(SYMBOLS)], "size": 9}))
    _diagonal(figure, "perfect")
    figure.update_xaxes(title="predicted probability", range=[0, 1])
    figure.update_yaxes(title="observed share", range=[-0.02, 1.02])
    return _styled(figure)


def decision_chart(results: Results) -> go.Figure:
    """Net benefit at each threshold probability: the model, acting on all, acting on none."""
    objects = need("plotly.graph_objects", "dashboard", "to draw charts")
    figure: go.Figure = objects.Figure()
    for name, curve in curves_of(results, "decision"):
        for i, (side, text) in enumerate((("model", name or "the model"), ("all", "act on all"),
                                          ("none", "act on none"))):
            figure.add_trace(objects.Scatter(x=curve["threshold"], y=curve[side], mode="lines+markers", name=text,
                                             error_y=_spread(curve, COLOURS[i]) if side == "model" else None,
                                             line={"color": COLOURS[i], "dash": DASHES[i]},
                                             marker={"symbol": SYMBOLS[i], "size": 6}))
        ends = [*curve["model"], *curve.get("high", ())]
        top = max([0.0, *(v for v in ends if math.isfinite(v))])
        figure.update_yaxes(range=[-max(0.05, 0.6 * top), max(0.05, 1.15 * top)])
    figure.update_xaxes(title="threshold probability at which one would act")
    figure.update_yaxes(title="net benefit an image")
    return _styled(figure)


def _spread(curve: Mapping[str, list[float]], colour: str) -> dict[str, object]:
    """The error bars of the model's net benefit, where its limits are stored."""
    own = curve["model"]
    return {"type": "data", "symmetric": False, "color": colour, "thickness": 1.2, "width": 4,
            "array": [max(0.0, h - v) for h, v in zip(curve.get("high", own), own, strict=True)],
            "arrayminus": [max(0.0, v - low) for low, v in zip(curve.get("low", own), own, strict=True)]}


def curves_of(results: Results, kind: str) -> list[tuple[str, Mapping[str, list[float]]]]:
    """The curves "kind" and "kind[name]", each with its name, in stored order."""
    return [(key.partition("[")[2].removesuffix("]"), curve) for key, curve in results.curves.items()
            if key == kind or key.startswith(f"{kind}[")]


def drawable(results: Results, kind: str) -> list[tuple[str, Mapping[str, list[float]]]]:
    """The curves of a kind that say something: not those of cases without a positive or without a negative.

    Such a curve lies flat on an axis, which would read as a model that finds nothing.
    """
    return [(name, curve) for name, curve in curves_of(results, kind)
            if all(any(math.isfinite(v) and v > 0 for v in curve.get(side, ())) for side in NEEDED.get(kind, ()))]


def curve_table(results: Results, kind: str) -> pd.DataFrame:
    """The numbers behind the figure of a kind: a row a point, the curve's name first."""
    parts = [pd.DataFrame(dict(curve)).assign(curve=name or kind) for name, curve in curves_of(results, kind)]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"curve": []})
    return table[["curve", *(name for name in table if name != "curve")]]


def _curves(results: Results, kind: str, x: str, y: str, step: bool) -> go.Figure:
    objects = need("plotly.graph_objects", "dashboard", "to draw charts")
    figure: go.Figure = objects.Figure()
    for i, (name, curve) in enumerate(drawable(results, kind)):
        colour, shape = COLOURS[i % len(COLOURS)], "hv" if step else "linear"
        if "low" in curve and "high" in curve:
            quiet = {"mode": "lines", "hoverinfo": "skip", "showlegend": False, "legendgroup": name}
            thin = {"width": 0, "shape": shape}
            figure.add_trace(objects.Scatter(x=curve[x], y=curve["low"], line=thin, **quiet))
            figure.add_trace(objects.Scatter(x=curve[x], y=curve["high"], line=thin, fill="tonexty",
                                             fillcolor=_faint(colour), **quiet))
        figure.add_trace(objects.Scatter(
            x=curve[x], y=curve[y], mode="lines", name=name or kind, legendgroup=name,
            line={"color": colour, "dash": DASHES[i % len(DASHES)], "shape": shape, "width": 2},
            hovertemplate=f"{name}<br>{x} %{{x:.3f}}<br>{y} %{{y:.3f}}<extra></extra>"))
    return figure


def _diagonal(figure: go.Figure, name: str) -> None:
    import plotly.graph_objects as objects

    figure.add_trace(objects.Scatter(x=[0, 1], y=[0, 1], mode="lines", name=name, hoverinfo="skip",
                                     line={"color": QUIET, "dash": "dot", "width": 1}))


def _styled(figure: go.Figure) -> go.Figure:
    figure.update_layout(margin=MARGIN, height=380, hovermode="closest", dragmode="pan",
                         legend={"orientation": "h", "yanchor": "bottom", "y": 1.01, "x": 0})
    return figure


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i:i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.12)"


def _number(row: Mapping[str, object], name: str) -> float:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else math.nan


def plain_name(name: str) -> str:
    """A method's name for people: "integrated_gradients" is "integrated gradients"."""
    return name.replace("_", " ")
