"""Human oversight: who may overrule the model, how a map is to be read, and what a reader must know."""

from __future__ import annotations

from xaimed.plural import plural
from xaimed.report.blocks import Block, Pairs, Text
from xaimed.report.contents import cited, opening, order
from xaimed.report.wording import given
from xaimed.run import Run

TITLE = "Human oversight"
ORDER = order(TITLE)
READ = ("A map shows what raises or lowers a score of this model. Look at the image first, without the map; then at "
        "the map beside it. A map of a method that failed the randomisation gate carries a warning and is no reason "
        "for or against a finding. The map of a missed lesion shows what the model made of its place. Where there is "
        "no map, that says nothing.")
UNSEEN = "This audit was made from tables of outputs: there is no image and no map to look at."
BIAS = ("Readers tend to agree with a machine, more so under time pressure. A decision against the model needs no "
        "reason, and is to be recorded like one with it.")


def section(run: Run) -> list[Block]:
    """What the plan says of oversight, and how a map is to be read."""
    scope = run.plan.get("scope", {})
    readers = [name for name in run.meta.get("readers", ()) if name]
    studied = (f"{plural(len(readers), 'reader')} on the same cases, see {cited('Comparison')}"
               if readers else given(None))
    return [opening(TITLE),
            Pairs((("Who may overrule it, and how", given(scope.get("oversight"))),
                   ("Users", given(scope.get("users"))), ("Study with readers", studied))),
            Text(READ if run.pictured else UNSEEN), Text(BIAS)]
