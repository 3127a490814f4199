"""What the model would say without a region: the stored deletion curves of one map as a small chart and in words."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import pandas as pd

from xaimed.curvefile import KeptCurve

TENTH, HALF = 0.1, 0.5
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 270, 170, 38, 16, 22, 34
LETTER = 5.7  # the mean width of a letter
AXIS = "tissue replaced, highest ranked first"
# Each told apart by hue, dashes and mark; 3 : 1 or better against the page, light and dark.
LINES, STROKES, MARKS = ("#2f81c4", "#c8691c", "#4d9a5f"), ("none", "6 3", "2 2"), ("circle", "square", "cross")


def curves_of(curves: Sequence[KeptCurve], target: str, method: str) -> list[KeptCurve]:
    """The curves of one map, in stored order."""
    return [curve for curve in curves if (curve.target, curve.method) == (target, method)]


def steps_around(curve: KeptCurve, fraction: float) -> tuple[int, ...]:
    """The stored points, by number, next to a share of the tissue: the one at it, else one on each side."""
    known = np.asarray(curve.fraction, np.float64)
    at = np.flatnonzero(np.isclose(known, fraction, atol=0.005))
    if at.size:
        return (int(at[0]),)
    under, over = np.flatnonzero(known < fraction), np.flatnonzero(known > fraction)
    return (*map(int, under[-1:]), *map(int, over[:1]))


def first_below(curve: KeptCurve, level: float = HALF) -> int | None:
    """The first stored point, by number, at which less than `level` is left; None if there is none."""
    under = np.flatnonzero(np.asarray(curve.left, np.float64) < level)
    return int(under[0]) if under.size else None


def told(curves: Sequence[KeptCurve]) -> str:
    """Sentences on the stored points alone: what is left about a tenth of the tissue, where half is lost, and how many
    steps were asked for; nothing is read off the lines between them."""
    near = "; ".join(f"{_near(curve)} ({_name(curve)})" for curve in curves)
    half = "; ".join(f"{_lost(curve)} ({_name(curve)})" for curve in curves)
    counts = sorted({len(curve.fraction) for curve in curves})
    return (f"Left of the model's answer without the tissue that this map ranks highest: {near}. Half of the answer is "
            f"lost: {half}. The model was asked at the {' or '.join(map(str, counts))} marks; the lines between them "
            "are only drawn.")


def _near(curve: KeptCurve) -> str:
    return ", ".join(f"{curve.left[at]:.0%} at {_percent(curve.fraction[at])} replaced"
                     for at in steps_around(curve, TENTH))


def _lost(curve: KeptCurve) -> str:
    at = first_below(curve)
    if at is None:
        return "at no mark"
    to = _percent(curve.fraction[at])
    return f"by {to}" if at == 0 else f"between {_percent(curve.fraction[at - 1])} and {to}"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.095 or not share else f"{share:.1%}"


def _name(curve: KeptCurve) -> str:
    return curve.fill.replace("_", " ")


def table(curves: Sequence[KeptCurve]) -> pd.DataFrame:
    """The numbers behind the chart: a row a point."""
    rows = [(curve.case, curve.target, curve.method, _name(curve), fraction, left) for curve in curves
            for fraction, left in zip(curve.fraction, curve.left, strict=True)]
    columns = ["case", "target", "method", "replaced by", "share of the tissue replaced", "left"]
    return pd.DataFrame(rows, columns=columns)


def chart(curves: Sequence[KeptCurve]) -> str:
    """SVG, in the colour of the text around it: what is left against the share replaced, a line for each fill.

    Lines differ in dashes and markers too. A chart of plotly's would load megabytes into a page that is to open fast.
    """
    top = max([1.0, *(value for curve in curves for value in curve.left)])
    # The legend in one row: each name begins where the one before it ends.
    places = [LEFT + sum(LETTER * len(_name(one)) + 34 for one in curves[:i]) for i in range(len(curves))]
    lines = [_line(curve, place, top) for curve, place in zip(curves, enumerate(places), strict=True)]
    words = f"What is left of the answer against the share of the tissue replaced. {told(curves)}"
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(words)}" width="100%" style="max-width: {1.4 * WIDTH:.0f}px" font-size="11" '
            f'fill="currentColor">{_frame(top)}{"".join(lines)}</svg>')


def _x(fraction: float) -> float:
    return LEFT + fraction * (WIDTH - LEFT - RIGHT)


def _y(left: float, top: float) -> float:
    return TOP + (1 - left / top) * (HEIGHT - TOP - BOTTOM)


def _frame(top: float) -> str:
    """The axes, their numbers, and the line at half."""
    floor, end = _y(0, top), _x(1)
    lines = "".join(f'<path d="M{LEFT} {_y(level, top):.1f}H{end}" stroke="currentColor" opacity="0.25"{dots}/>'
                    f'<text x="{LEFT - 4}" y="{_y(level, top) + 4:.1f}" text-anchor="end">{level:.0%}</text>'
                    for level, dots in ((0.0, ""), (HALF, ' stroke-dasharray="2 3"'), (1.0, "")))
    ticks = "".join(f'<text x="{_x(share):.1f}" y="{floor + 13:.1f}" text-anchor="middle">{share:.0%}</text>'
                    for share in (0.0, 0.25, 0.5, 0.75, 1.0))
    return f'{lines}{ticks}<text x="{_x(0.5):.1f}" y="{HEIGHT - 3}" text-anchor="middle">{AXIS}</text>'


def _line(curve: KeptCurve, place: tuple[int, float], top: float) -> str:
    """One curve, its points, and its name at the top with the same mark; place: its number and where its name is."""
    index, at = place
    colour, dashes, mark = (kind[index % len(kind)] for kind in (LINES, STROKES, MARKS))
    points = [(_x(share), _y(left, top)) for share, left in zip(curve.fraction, curve.left, strict=True)]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    marks = "".join(_mark(mark, x, y) for x, y in [*points, (at + 10, 8)])
    return (f'<g stroke="{colour}" fill="none" stroke-width="1.6">'
            f'<path d="M{path}" stroke-width="1" stroke-dasharray="{dashes}"/>'
            f'<path d="M{at:.1f} 8h20" stroke-dasharray="{dashes}"/>{marks}</g>'
            f'<text x="{at + 25:.1f}" y="12">{escape(_name(curve))}</text>')


def _mark(kind: str, x: float, y: float) -> str:
    shapes = {"circle": f"M{x - 2.6:.1f} {y:.1f}a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0 -5.2 0",
              "square": f"M{x - 2.4:.1f} {y - 2.4:.1f}h4.8v4.8h-4.8z",
              "cross": f"M{x - 2.4:.1f} {y - 2.4:.1f}l4.8 4.8m0 -4.8l-4.8 4.8"}
    return f'<path d="{shapes[kind]}"/>'
