"""XM601: does the answer stay the same under noise, another filter, a shift or a removed marker?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Reply, listed
from xaimed.stats import wilson
from xaimed.viz import probes

if TYPE_CHECKING:
    import pandas as pd

    from xaimed.run import Run
    from xaimed.types import Outcome

LIMIT = 0.05
OPEN = 0.1  # harm up to this share of the clean value, or of the answers, may be left open by a pass
BLIND = "The control is not shown to be worse (XM602), so that harm would not be seen here."
NONE = "No probe was run, so nothing is known of how stable the answers are."


def ask(run: Run) -> Reply:
    """concern: under a probe a measure is worse with its whole interval, or more than 5 % of the answers flip.

    pass only where the intervals rule out harm above OPEN and a control, if one was run, is seen to get worse; else
    NOT ASSESSED. A control itself is left out (XM602). Measures are taken on the cases that were asked.
    """
    table, shares = probes.measures(run), probes.shares(run)
    table = table[~table["control"].astype(bool)]
    flips = shares[(shares["share"] == probes.FLIPS) & ~shares["condition"].map(probes.is_control).astype(bool)]
    if table.empty and flips.empty:
        return _scores_alone(run)
    worse = table[probes.worse(table)]
    flipped = flips[flips["value"] > LIMIT]
    told = [f"{row.measure} {row.change:+.3f} ({row.change_low:+.3f} to {row.change_high:+.3f}) under {row.condition}"
            for row in worse.itertuples()]
    told += [f"{row.value:.0%} of {row.count_:g} answers flip under {row.condition}"
             for row in flipped.rename(columns={"count": "count_"}).itertuples()]
    asked = len({*table["condition"], *flips["condition"]})
    head = f"{asked} conditions, {len(table)} measures compared with the clean ones on the same cases"
    facts = {"conditions": asked, "worse": len(worse), "largest_share": float(flips["value"].max()), "limit": LIMIT}
    if told:
        return Reply("concern", f"{head}: {listed(told)}.", facts)
    reasons = _unknown(table, flips)
    reasons += [BLIND] if probes.blind(run) else []
    return Reply("NOT ASSESSED" if reasons else "pass",
                 " ".join([f"{head}: none is shown to be worse.", *reasons]), {**facts, "open": len(reasons)})


def _unknown(table: pd.DataFrame, flips: pd.DataFrame) -> list[str]:
    """Why harm is not ruled out: measures and answers whose intervals still hold more than OPEN of it."""
    measures = table[probes.still_open(table, OPEN)]
    answers = flips[~(flips["high"] <= OPEN)]
    told = [f"{row.measure} under {row.condition}" for row in measures.itertuples()]
    told += [f"{row.share} under {row.condition}" for row in answers.itertuples()]
    return [(f"Inconclusive: the intervals do not rule out that {OPEN:.0%} or more is lost, or changes, in "
            f"{len(told)} of {len(table) + len(flips)}: {listed(told, 3)}.")] if told else []


def _scores_alone(run: Run) -> Reply:
    """Of a run that stored scores under probes and no measure of them: how many cross the operating point."""
    rows = run.predictions[run.predictions["x0"].isna()]
    named = [name for name in probes.conditions(run)
             if (rows["condition"] == name).any() and not probes.is_control(name)]
    point = run.meta.get("model", {}).get("operating_point")
    if not named or not isinstance(point, int | float):
        return Reply("NOT ASSESSED", NONE)
    clean = rows[rows["condition"] == "clean"].set_index(["case", "target"])["score"]
    told, worst, bound = [], 0.0, 0.0
    for probe in named:
        asked = rows[rows["condition"] == probe].set_index(["case", "target"])["score"]
        before, after = clean.align(asked, join="inner")
        crossed = int(((before >= point) != (after >= point)).sum())
        worst = max(worst, crossed / max(1, len(before)))
        bound = max(bound, wilson(crossed, len(before))[1] if len(before) else 1.0)
        told.append(f"{probe} {crossed} of {len(before)}")
    outcome: Outcome = "concern" if worst > LIMIT else "NOT ASSESSED" if bound > OPEN else "pass"
    few = f" Inconclusive: up to {bound:.0%} are not ruled out." if outcome == "NOT ASSESSED" else ""
    return Reply(outcome, f"Image scores that cross the operating point under a probe: {'; '.join(told)}.{few}",
                 {"probes": len(named), "largest_share": worst, "limit": LIMIT})


CHECK = Check("XM601", "Do the answers stay the same under probes?", "medium", ask)
