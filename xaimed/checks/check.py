"""What a check is: a question with a stable code that is answered from a run alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xaimed.types import Finding, Outcome, Severity

if TYPE_CHECKING:
    from xaimed.run import Run

Evidence = Mapping[str, str | float | int | None]


@dataclass(frozen=True)
class Reply:
    """The outcome, one statement with its numbers and denominators, and the evidence by name."""

    outcome: Outcome
    statement: str
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One audit question. code: never reused. title: what is asked. severity: of a failure. ask: the answer."""

    code: str
    title: str
    severity: Severity
    ask: Callable[[Run], Reply]

    def run(self, run: Run) -> Finding:
        """The finding on a run; it reads the run and nothing else."""
        reply = self.ask(run)
        return Finding(self.code, self.title, self.severity, reply.outcome, reply.statement, dict(reply.evidence))


def listed(names: list[str], limit: int = 5) -> str:
    """Names in one line, at most `limit` of them, and how many more there are."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def detects(run: Run) -> bool:
    """Whether the model of the run finds boxes."""
    return str(run.meta.get("model", {}).get("task", "")) == "detection"
