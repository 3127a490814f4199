"""What probes did to a model: tables of its measures, answers and maps under each, and the figure of the report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from xaimed.errors import XaimedError
from xaimed.metrics.criteria import PROBE
from xaimed.metrics.pixelwise import directions
from xaimed.metrics.probed import CHANGE, DRIFT, FLIPS, LOST, NEW, conditions, refusals
from xaimed.metrics.weighed import ALARMS
from xaimed.plural import plural
from xaimed.probes.probe import Probe
from xaimed.probes.schedule import probe_of
from xaimed.stats import Estimate
from xaimed.viz.figures import INK, LINES, QUIET, blank, style
from xaimed.viz.lettering import printable
from xaimed.viz.names import pretty

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from xaimed.run import Run

MEASURES = ["condition", "name", "measure", "rule", "clean", "value", "low", "high", "change", "change_low",
            "change_high", "unit", "count", "control", "interval", "why"]
SHARES = (FLIPS, LOST, NEW, *DRIFT.values())
ROW = 0.24  # inches


def words(condition: str) -> str:
    """A condition in words: "random_weights:all" gives "Random weights, all"."""
    name, _, level = condition.partition(":")
    return f"{pretty(name)}, {level}" if level else pretty(name)


def probe_behind(condition: str) -> Probe | None:
    """The probe of a condition; None for one that this installation does not have."""
    try:
        return probe_of(condition.partition(":")[0])
    except XaimedError:
        return None


def is_control(condition: str) -> bool:
    """Whether the model has to get worse under the condition."""
    probe = probe_behind(condition)
    return probe is not None and probe.control


def estimates_under(run: Run, condition: str) -> list[Estimate]:
    """The stored estimates of one condition."""
    return [e for e in run.results.estimates if e.group == PROBE + condition]


def measures(run: Run) -> pd.DataFrame:
    """A row for each condition and measure, in stored order: columns MEASURES; empty for a run without probes.

    clean: the measure without the probe on the same cases. change: under the probe minus clean, with its paired
    interval. interval: how that was made; why: the reason where there is no interval or no number.
    """
    rows = []
    for condition in conditions(run):
        found = {(e.name, e.rule): e for e in estimates_under(run, condition)}
        for (name, rule), change in found.items():
            value = found.get((name.removeprefix(CHANGE), rule))
            if name.startswith(CHANGE) and value is not None:
                known = math.isfinite(change.low) and math.isfinite(change.high)
                rows.append((condition, words(condition), value.name, rule, value.value - change.value, value.value,
                             value.low, value.high, change.value, change.low, change.high, value.unit,
                             value.denominator, is_control(condition), change.interval,
                             "" if known else change.interval))
    return pd.DataFrame(rows, columns=MEASURES)


def shares(run: Run) -> pd.DataFrame:
    """A row for each condition and share: condition, name, share, value, low, high, numerator, count, unit, interval.

    Shares: of answers that flip, of detections lost and new; and how alike the maps are, from -1 or 0 to 1.
    """
    rows = [(condition, words(condition), e.name, e.value, e.low, e.high, e.numerator, e.denominator, e.unit,
             e.interval) for condition in conditions(run) for e in estimates_under(run, condition) if e.name in SHARES]
    return pd.DataFrame(rows, columns=["condition", "name", "share", "value", "low", "high", "numerator", "count",
                                       "unit", "interval"])


def asked(run: Run) -> pd.DataFrame:
    """A row for each condition: condition, name, says, level (what it is), served (cases), refused (reasons)."""
    reasons, rows = refusals(run), []
    for condition in conditions(run):
        probe = probe_behind(condition)
        said = run.predictions[run.predictions["condition"] == condition]
        clean = run.scores[(run.scores["condition"] == condition) & (run.scores["method"].fillna("") == "")
                           & ~run.scores["metric"].astype(str).str.startswith("probe not served")]
        refused = "; ".join(f"{why} ({plural(count, 'case')})" for why, count in reasons.get(condition, {}).items())
        rows.append((condition, words(condition), probe.says if probe else "", probe.unit if probe else "",
                     len({*said["case"], *clean["case"]}), refused))
    return pd.DataFrame(rows, columns=["condition", "name", "says", "level", "served", "refused"])


def worse(table: pd.DataFrame) -> pd.Series[bool]:
    """For each row of `measures` whether the whole interval of its change says that it got worse."""
    lower = table["measure"].map(lower_is_better).astype(bool)
    return (lower & (table["change_low"] > 0)) | (~lower & (table["change_high"] < 0))


def blind(run: Run) -> bool:
    """Whether a control was run and no measure of it is shown to be worse: then harm would not be seen either."""
    table = measures(run)
    table = table[table["control"].astype(bool) & table["change"].notna()]
    return bool(len(table)) and not worse(table).any()


def still_open(table: pd.DataFrame, least: float) -> pd.Series[bool]:
    """For each row of `measures` whether harm above the share `least` of the clean value is not ruled out.

    By the end of the change's interval on the worse side; open too where there is no interval. False alarms, which
    have no upper end to be a share of, are left to their own interval.
    """
    lower = table["measure"].map(lower_is_better).astype(bool)
    harm = table["change_high"].where(lower, -table["change_low"])
    known = harm <= least * table["clean"].abs()
    return ~known & (table["measure"] != ALARMS)


def lower_is_better(measure: str) -> bool:
    """Whether a measure is better when it is lower."""
    return measure == ALARMS or directions().get(measure) == "lower"


def main_measure(table: pd.DataFrame) -> tuple[str, str] | None:
    """The first measure, and its rule, of a table of `measures`; None for an empty table."""
    return None if table.empty else (str(table["measure"].iloc[0]), str(table["rule"].iloc[0]))


def changes_of(table: pd.DataFrame, measure: tuple[str, str]) -> pd.DataFrame:
    """The changes of one measure as a forest chart takes them: name, value, low, high, count, why, control."""
    own = table[(table["measure"] == measure[0]) & (table["rule"] == measure[1])]
    counts = [plural(count, unit) for count, unit in zip(own["count"], own["unit"], strict=True)]
    return pd.DataFrame({"name": own["name"], "value": own["change"], "low": own["change_low"],
                         "high": own["change_high"], "count": counts, "why": own["why"], "control": own["control"]})


def probe_figure(run: Run) -> Figure:
    """The change of the main measure under each condition with its interval; a control is drawn hollow."""
    table = measures(run)
    chosen = main_measure(table)
    rows = changes_of(table, chosen) if chosen else changes_of(table, ("", ""))
    figure, axes = blank(5.6, 0.9 + ROW * max(1, len(rows)))
    with style():
        _draw(axes, rows)
        axes.set_xlabel(printable(f"change in {chosen[0]}" if chosen else "change"))
    return figure


def _draw(axes: Axes, rows: pd.DataFrame) -> None:
    axes.axvline(0.0, color=QUIET, linewidth=0.8, linestyle=":")
    for place, row in enumerate(rows.itertuples()):
        colour = LINES[1][0] if row.control else LINES[0][0]
        if math.isfinite(row.low) and math.isfinite(row.high):
            axes.plot([row.low, row.high], [place, place], color=colour, linewidth=1.4)
        if math.isfinite(row.value):
            axes.plot([row.value], [place], marker="s", markersize=5, linestyle="none", markeredgecolor=colour,
                      markerfacecolor="none" if row.control else colour)
    axes.set_yticks(range(len(rows)), [printable(str(name)) for name in rows["name"]], color=INK)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")


__all__ = ["FLIPS", "MEASURES", "asked", "blind", "changes_of", "conditions", "is_control",
           "lower_is_better", "main_measure", "measures", "probe_figure", "shares", "still_open", "words", "worse"]
