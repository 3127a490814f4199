"""What the model would say without a region: the stored deletion curves of one map as a small chart and in words."""

from __future__ import annotations

import math
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


def left_at(curve: KeptCurve, fraction: float) -> float:
    """What is left of the prediction with this share of the tissue replaced, between stored points on a line."""
    return float(np.interp(fraction, curve.fraction, curve.left))


def falls_below(curve: KeptCurve, level: float = HALF) -> float:
    """The smallest share of the tissue from which on less than `level` is left; NaN if that never happens."""
    fraction, left = (np.asarray(values, np.float64) for values in (curve.fraction, curve.left))
    under = np.flatnonzero(left < level)
    if not under.size:
        return math.nan
    at = int(under[0])
    if at == 0:
        return float(fraction[0])
    share = (left[at - 1] - level) / (left[at - 1] - left[at])
    return float(fraction[at - 1] + share * (fraction[at] - fraction[at - 1]))


def told(curves: Sequence[KeptCurve]) -> str:
    """Two sentences: what is left without a tenth of the tissue, and when half is gone, by what replaces it."""
    left = "; ".join(f"{left_at(curve, TENTH):.0%} ({_name(curve)})" for curve in curves)
    falls = [falls_below(curve) for curve in curves]
    half = "; ".join(f"{_percent(fall)} of it is gone ({_name(curve)})" if math.isfinite(fall) else
                     f"never ({_name(curve)})" for fall, curve in zip(falls, curves, strict=True))
    return (f"Without the tenth of the tissue that this map ranks highest, what is left of the model's answer is "
            f"{left}. Less than half is left once {half}.")


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.095 else f"{share:.1%}"


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
    return (f'<g stroke="{colour}" fill="none" stroke-width="1.6"><path d="M{path}" stroke-dasharray="{dashes}"/>'
            f'<path d="M{at:.1f} 8h20" stroke-dasharray="{dashes}"/>{marks}</g>'
            f'<text x="{at + 25:.1f}" y="12">{escape(_name(curve))}</text>')


def _mark(kind: str, x: float, y: float) -> str:
    shapes = {"circle": f"M{x - 2.2:.1f} {y:.1f}a2.2 2.2 0 1 0 4.4 0a2.2 2.2 0 1 0 -4.4 0",
              "square": f"M{x - 2:.1f} {y - 2:.1f}h4v4h-4z", "cross": f"M{x - 2:.1f} {y - 2:.1f}l4 4m0 -4l-4 4"}
    return f'<path d="{shapes[kind]}"/>'
