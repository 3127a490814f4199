"""How much of the explainability axis a figure shows: every number, and of wide intervals what can be read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from xaimed.viz.ellipse import joint_ellipse
from xaimed.viz.names import pretty

# Skill is 0 for another patient's map and 1 for the oracle; of few patients an interval may be many times that wide.
LOWEST, HIGHEST = -1.0, 1.2


def heights(row: Mapping[str, object]) -> list[float]:
    """What of a row has to be seen: its number, and for a method the ends of its interval and joint region as they
    are drawn; not a number where it has none."""
    number = _ends(row)[0]
    if row.get("control") is True:
        return [number]
    outline = drawn_region(row)
    return [number, *drawn_interval(row), *([] if outline is None else outline[:, 1].tolist())]


def drawn_interval(row: Mapping[str, object]) -> tuple[float, float]:
    """The interval of a row's explainability as far as LOWEST and HIGHEST, or as far as the number itself."""
    number, low, high = _ends(row)
    return max(low, min(LOWEST, number)), min(high, max(HIGHEST, number))


def drawn_region(row: Mapping[str, object]) -> NDArray[np.float64] | None:
    """The outline of `joint_ellipse` with the same ends; a control has none."""
    outline = None if row.get("control") is True else joint_ellipse(row)
    if outline is None:
        return None
    number = _ends(row)[0]
    cut = np.clip(outline[:, 1], min(LOWEST, number), max(HIGHEST, number))
    return np.stack([outline[:, 0], cut], axis=1)


def beyond(rows: Iterable[Mapping[str, object]]) -> str:
    """In words which intervals of methods are cut off in the figure; "" where none is."""
    wide = [(row, *_ends(row)[1:]) for row in rows if row.get("control") is not True]
    named = [f"{_name(row)} {low:.2f} to {high:.2f}" for row, low, high in wide if low < LOWEST or high > HIGHEST]
    return f"interval cut off in the figure: {', '.join(named)}" if named else ""


def window(rows: Sequence[Mapping[str, object]]) -> tuple[float, float] | None:
    """The lowest and the highest of what has to be seen, with a margin; None where no row has a number."""
    known = [y for row in rows for y in heights(row) if math.isfinite(y)]
    if not known:
        return None
    margin = max(0.03, 0.06 * (max(known) - min(known)))
    return min(known) - margin, max(known) + margin


def _ends(row: Mapping[str, object]) -> tuple[float, float, float]:
    number, low, high = (row.get(f"explainability{end}") for end in ("", "_low", "_high"))
    return _float(number), _float(low), _float(high)


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _name(row: Mapping[str, object]) -> str:
    model = f"{row['model']}: " if row.get("model") else ""
    return model + pretty(str(row.get("method", "")))
