"""XM601: does the answer stay the same under noise, another filter, a shift or a removed marker?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Reply, listed
from xaimed.viz import probes

if TYPE_CHECKING:
    from xaimed.run import Run

LIMIT = 0.05
NONE = "No probe was run, so nothing is known of how stable the answers are."


def ask(run: Run) -> Reply:
    """concern: under a probe a measure is worse with its whole interval, or more than 5 % of the answers flip.

    A control is left out: it has to get worse (XM602). Measures are taken on the cases that were asked.
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
    return Reply("concern" if told else "pass", f"{head}: {listed(told) if told else 'none is shown to be worse'}.",
                 facts)


def _scores_alone(run: Run) -> Reply:
    """Of a run that stored scores under probes and no measure of them: how many cross the operating point."""
    rows = run.predictions[run.predictions["x0"].isna()]
    named = [name for name in probes.conditions(run)
             if (rows["condition"] == name).any() and not probes.is_control(name)]
    point = run.meta.get("model", {}).get("operating_point")
    if not named or not isinstance(point, int | float):
        return Reply("NOT ASSESSED", NONE)
    clean = rows[rows["condition"] == "clean"].set_index(["case", "target"])["score"]
    told, worst = [], 0.0
    for probe in named:
        asked = rows[rows["condition"] == probe].set_index(["case", "target"])["score"]
        before, after = clean.align(asked, join="inner")
        crossed = int(((before >= point) != (after >= point)).sum())
        worst = max(worst, crossed / max(1, len(before)))
        told.append(f"{probe} {crossed} of {len(before)}")
    return Reply("concern" if worst > LIMIT else "pass", "Image scores that cross the operating point under a probe: "
                 f"{'; '.join(told)}.", {"probes": len(named), "largest_share": worst, "limit": LIMIT})


CHECK = Check("XM601", "Do the answers stay the same under probes?", "medium", ask)
