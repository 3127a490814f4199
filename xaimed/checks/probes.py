"""XM601: does the answer stay the same under noise, another filter, a shift or a removed marker?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaimed.checks.check import Check, Reply

if TYPE_CHECKING:
    from xaimed.run import Run

LIMIT = 0.05


def ask(run: Run) -> Reply:
    """concern: under a probe more than 5 % of the image scores cross the operating point."""
    rows = run.predictions[run.predictions["x0"].isna()]
    named = [str(name) for name in dict.fromkeys(rows["condition"])]
    probes = [name for name in named if name != "clean" and not name.startswith("model ")]
    point = run.meta.get("model", {}).get("operating_point")
    if not probes or not isinstance(point, int | float):
        return Reply("NOT ASSESSED", "No probe was run, so nothing is known of how stable the answers are.")
    clean = rows[rows["condition"] == "clean"].set_index(["case", "target"])["score"]
    told, worst = [], 0.0
    for probe in probes:
        asked = rows[rows["condition"] == probe].set_index(["case", "target"])["score"]
        before, after = clean.align(asked, join="inner")
        crossed = int(((before >= point) != (after >= point)).sum())
        worst = max(worst, crossed / max(1, len(before)))
        told.append(f"{probe} {crossed} of {len(before)}")
    return Reply("concern" if worst > LIMIT else "pass", "Image scores that cross the operating point under a probe: "
                 f"{'; '.join(told)}.", {"probes": len(probes), "largest_share": worst, "limit": LIMIT})


CHECK = Check("XM601", "Do the answers stay the same under probes?", "medium", ask)
