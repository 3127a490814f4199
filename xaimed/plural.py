"""Counts in words: "1 case", "2 cases"; nothing here imports anything, so that every layer can say it alike."""

from __future__ import annotations


def plural(count: float, one: str, many: str = "") -> str:
    """Count and noun: "1 case", "2 cases", "2.5 cases". many: the noun of several, by default `one` with an s."""
    number = f"{count:.0f}" if count == round(count) else f"{count:g}"
    return f"{number} {one if count == 1 else many or one + 's'}"
