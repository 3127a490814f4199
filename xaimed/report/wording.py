"""Stored names and numbers as words for a report; a missing value says so and never vanishes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from xaimed.report.blocks import NOT_ASSESSED, Badge, Tone
from xaimed.viz.names import pretty

if TYPE_CHECKING:
    from xaimed.stats import Estimate

TONES: dict[str, Tone] = {"pass": "good", "fail": "bad", "concern": "warn", "not applicable": "neutral",
                          NOT_ASSESSED: "neutral", "met": "good", "not met": "bad", "inconclusive": "warn"}
# A break inside "(0.71 to 0.96)" makes a narrow column unreadable; a longer pair of limits may break.
HARD_SPACE, UNBROKEN = "\N{NO-BREAK SPACE}", 18
LONGEST_LIST = 8


def number(value: float | None, digits: int = 3) -> str:
    """The value with `digits` decimals, whole numbers without, tiny ones as "4.2e-05", or "n/a"."""
    if value is None or not math.isfinite(value):
        return "n/a"
    if value == round(value) and abs(value) >= 2:
        return f"{value:.0f}"
    if 0 < abs(value) < 0.5 * 10**-digits:
        return f"{value:.1e}"
    return f"{value:.{digits}f}"


def moment(time: str) -> str:
    """A stored UTC time in the one style of the reports, "2026-11-22T20:41:21Z"."""
    return f"{time.removesuffix('+00:00')}Z" if time.endswith("+00:00") else time


def signed(value: float, digits: int = 3) -> str:
    """The value with so many significant digits and a true minus sign."""
    return f"{value:.{digits}g}".replace("-", "−")


def compact(value: float) -> str:
    """The value in few characters whatever its size: "0.701", "35.1", "2.4e-06", or "n/a"."""
    if not math.isfinite(value):
        return "n/a"
    if value == 0 or 0.001 <= abs(value) < 10:
        text = f"{abs(value):.3f}"
    else:
        text = f"{abs(value):.1f}" if 10 <= abs(value) < 1e5 else f"{abs(value):.1e}"
    return text if value >= 0 else f"−{text}"


def percent(value: float) -> str:
    """A share as a percentage: "64 %", with one decimal below 10 %."""
    return f"{value * 100:.1f} %" if abs(value) < 0.1 else f"{value * 100:.0f} %"


def interval(estimate: Estimate) -> str:
    """The limits as "0.71 to 0.96", or "n/a"."""
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return "n/a"
    return joined(number(estimate.low), number(estimate.high))


def joined(low: str, high: str) -> str:
    """Two limits as "0.71 to 0.96", held on one line where they are short."""
    text = f"{low} to {high}"
    return text.replace(" ", HARD_SPACE) if len(text) <= UNBROKEN else text


def measured(estimate: Estimate) -> str:
    """Value and limits in one cell: "0.870 (0.710 to 0.960)"."""
    if not math.isfinite(estimate.value):
        return "n/a"
    limits = interval(estimate)
    return number(estimate.value) + (f" ({limits})" if limits != "n/a" else "")


def counts(estimate: Estimate) -> str:
    """Numerator and denominator as "5/6", only the denominator as "of 6", or a dash."""
    if estimate.denominator is None:
        return "–"
    if estimate.numerator is None:
        return f"of {_whole(estimate.denominator)}"
    return f"{_whole(estimate.numerator)}/{_whole(estimate.denominator)}"


def _whole(value: float) -> str:
    return f"{value:.0f}" if value == round(value) else f"{value:.1f}"


def p_value(estimate: Estimate | None) -> str:
    """A p value with three decimals, "< 0.001", or "n/a"."""
    value = math.nan if estimate is None else estimate.value
    return "< 0.001" if value < 0.001 else number(value)


def outcome(word: str) -> Badge:
    """The badge of a finding's outcome, a gate or the answer to a criterion: "pass", "fail", "met", "NOT ASSESSED"."""
    return Badge(word, TONES.get(word, "neutral"))


def given(value: object, noun: str = "entries") -> str:
    """The value as text; NOT ASSESSED for what nobody supplied.

    Lists are joined; one of more than LONGEST_LIST is its count and `noun`: "240 patients".
    """
    if value is None or value in ("", [], {}):
        return NOT_ASSESSED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "; ".join(f"{pretty(str(key))}: {given(item, _noun(str(key)))}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return f"{len(value)} {noun}" if len(value) > LONGEST_LIST else ", ".join(given(item) for item in value)
    return str(value)


def flattened(table: Mapping[str, object], above: str = "") -> list[tuple[str, str]]:
    """A name and a text for every value of a table; the values of a table in it as "Training, patients"."""
    rows: list[tuple[str, str]] = []
    for key, value in table.items():
        name = f"{above}, {_noun(str(key))}" if above else pretty(str(key))
        if isinstance(value, Mapping) and value:
            rows += flattened(value, name)
        elif isinstance(value, list | tuple) and value and all(isinstance(item, Mapping) for item in value):
            for count, item in enumerate(value[:LONGEST_LIST], start=1):
                rows += flattened(item, f"{name} {count}")
            if len(value) > LONGEST_LIST:
                rows.append((name, f"{len(value)} {_noun(str(key))}, the first {LONGEST_LIST} are shown"))
        else:
            rows.append((name, given(value, _noun(str(key)))))
    return rows


def started(training: Mapping[str, object]) -> dict[str, object]:
    """What a model file says of its training, an empty start said in words: it is that of random weights."""
    return {**training, "start": training["start"] or "random weights"} if "start" in training else {**training}


def _noun(key: str) -> str:
    words = pretty(key)
    return words if words[:2].isupper() else words[:1].lower() + words[1:]


def listed(words: Sequence[str]) -> str:
    """The words as "a, b and c"."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" and {words[-1]}" if words else "none"
