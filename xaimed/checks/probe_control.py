"""XM602: would the probes have seen harm? The control, a model that forgot what it learnt, has to get worse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Reply, listed
from xaimed.viz import probes

if TYPE_CHECKING:
    from xaimed.run import Run

NONE = "No control was run under the probes: that a probe did no harm does not show that harm would have been seen."


def ask(run: Run) -> Reply:
    """concern: no measure of the control is worse with its whole interval: too few cases, or nothing to lose."""
    table = probes.measures(run)
    table = table[table["control"].astype(bool) & table["change"].notna()]
    if not probes.conditions(run):
        return Reply("not applicable", "No probe was run, so there is nothing that a control could vouch for.")
    if table.empty:
        return Reply("NOT ASSESSED", NONE)
    seen = table[probes.worse(table)]
    told = [f"{row.measure} {row.clean:.3f} to {row.value:.3f} under {row.condition}"
            for row in (table if seen.empty else seen).itertuples()]
    facts = {"measures": len(table), "worse": len(seen)}
    if seen.empty:
        return Reply("concern", f"The control is shown to be worse in none of {len(table)} measures: {listed(told)}. "
                     "So few cases, or so weak a model, would not show the harm of a probe either.", facts)
    return Reply("pass", f"The control is worse in {len(seen)} of {len(table)} measures: {listed(told)}.", facts)


CHECK = Check("XM602", "Would the probes have seen harm?", "low", ask)
