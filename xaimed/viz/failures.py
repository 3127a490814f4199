"""Where a model fails: how often in each group, against the rest."""

from __future__ import annotations

import math

import pandas as pd

from xaimed.stats import wilson

COLUMNS = ["group", "value_of_group", "name", "value", "low", "high", "failed", "cases", "count", "why"]
LEAST = 5


def failed(table: pd.DataFrame) -> pd.Series[bool]:
    """Whether a row of the worklist is a failure: a missed lesion, a false positive or a wrong class,
    of an image or of a lesion that was found."""
    wrong: pd.Series[bool] = ((table["missed"] > 0) | (table["false_positives"] > 0) | (table["other_class"] > 0)
                              | table["outcome"].astype(str).str.startswith("wrong class"))
    return wrong


def by_group(table: pd.DataFrame, least: int = LEAST) -> pd.DataFrame:
    """The share of failed cases in each group with Wilson's interval, highest first: columns COLUMNS.

    table: a worklist. A group of fewer than `least` cases has no share. Wilson's interval takes cases as independent,
    which images of one patient are not: it is somewhat too narrow there.
    """
    wrong = failed(table)
    rows = []
    for column in (name for name in table.columns if name.startswith("group_")):
        for value, own in wrong.groupby(table[column].astype(str)):
            rows.append(_row(column.removeprefix("group_"), str(value), own, least))
    found = pd.DataFrame(rows, columns=COLUMNS)
    return found.sort_values("value", ascending=False, kind="stable", na_position="last").reset_index(drop=True)


def _row(kind: str, value: str, own: pd.Series[bool], least: int) -> tuple[object, ...]:
    count, total, name = int(own.sum()), len(own), f"{kind} {value}".replace("_", " ")
    if total < least:
        return kind, value, name, math.nan, math.nan, math.nan, None, total, "", f"fewer than {least} cases"
    low, high = wilson(count, total)
    return kind, value, name, count / total, low, high, count, total, f"{count} of {total} cases", ""
