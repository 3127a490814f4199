"""How each method looks in every figure of a run: the same colour, mark and dashes wherever it stands.

Each is told apart by its mark and dashes too, and its colour is clear of the page, light and dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

COLOURS = ("#2f81c4", "#d9822b", "#4d9a5f", "#a06cc0", "#7d8a97", "#c0504d", "#2aa198", "#b58900")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "pentagon", "star")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
QUIET = "#7d8a97"
CONTROLS = ("x-thin", "cross-thin", "asterisk", "hash")  # grey crosses of several kinds


@dataclass(frozen=True)
class Look:
    """The colour, the plotly symbol and the plotly dashes of a row of the axis."""

    colour: str
    symbol: str
    dash: str


def places(rows: Sequence[Mapping[str, object]]) -> dict[str, int]:
    """For each method that is no control its place in the lists of marks and colours.

    By name within a run, whatever the order of its rows; a run further down adds its own methods behind, so that
    comparing runs changes nothing for the first.
    """
    runs = list(dict.fromkeys(_run(row) for row in rows))
    methods = {(runs.index(_run(row)), str(row.get("method", ""))) for row in rows if row.get("control") is not True}
    return {name: place for place, name in enumerate(dict.fromkeys(name for _, name in sorted(methods)))}


def controls(rows: Sequence[Mapping[str, object]]) -> dict[str, int]:
    """For each control its place in the list of crosses, by name."""
    names = {str(row.get("method", "")) for row in rows if row.get("control") is True}
    return {name: place for place, name in enumerate(sorted(names))}


def looks(rows: Sequence[Mapping[str, object]]) -> list[Look]:
    """For each row how it looks: mark and dashes are the method's, the colour too, or the model's where several are.

    A control is a grey cross, each of its own kind.
    """
    place, models = {**controls(rows), **places(rows)}, list(dict.fromkeys(str(row.get("model", "")) for row in rows))
    return [_look(row, place, models) for row in rows]


def _look(row: Mapping[str, object], place: Mapping[str, int], models: Sequence[str]) -> Look:
    if row.get("control") is True:
        return Look(QUIET, CONTROLS[place[str(row.get("method", ""))] % len(CONTROLS)], "solid")
    own = place[str(row.get("method", ""))]
    hue = models.index(str(row.get("model", ""))) if len(models) > 1 else own
    return Look(COLOURS[hue % len(COLOURS)], SYMBOLS[own % len(SYMBOLS)], DASHES[own % len(DASHES)])


def _run(row: Mapping[str, object]) -> str:
    return str(row.get("run", row.get("model", "")))
