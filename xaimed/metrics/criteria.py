"""Criteria: what a plan asked for beforehand, and whether the results show it.

    [[criteria]]
    name = "image AUC malignant"
    at_least = 0.75
    on = "low"        # usual: the lower limit of the interval has to reach it; "value": the estimate itself

    [[criteria]]
    name = "false positives per image at the operating point"
    at_most = 0.5
    on = "high"       # usual: the upper limit of the interval must not exceed it
    endpoint = "secondary"   # "primary" if nothing is said
    why = "twice the alarms of the present reading"

    [[criteria]]
    name = "change in image AUC malignant"   # under the probe minus clean, on the same cases
    probe = "noise:0.05"                      # one of the plan's probes, with its level
    at_least = -0.05
    on = "low"

    [verdict]
    accept = ["met"]                                   # answers to a primary criterion with which the audit passes
    accept_secondary = ["met", "not met", "inconclusive", "NOT ASSESSED"]
    refuse_checks = ["fail"]                           # outcomes of a check with which it does not
"""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from xaimed.errors import PlanError, unknown
from xaimed.metrics.froc import AT_LEAST, END
from xaimed.plural import plural
from xaimed.stats import Estimate, Results
from xaimed.types import Outcome
from xaimed.unanswered import INTENDED

if TYPE_CHECKING:
    from xaimed.run import Run

Answer = Literal["met", "not met", "inconclusive", "NOT ASSESSED"]
Tone = Literal["good", "warn", "bad"]
ANSWERS: tuple[Answer, ...] = ("met", "not met", "inconclusive", "NOT ASSESSED")
WORST: tuple[Outcome, ...] = ("fail", "concern", "NOT ASSESSED", "pass", "not applicable")
KEYS = {"name", "rule", "group", "probe", "at_least", "at_most", "on", "endpoint", "why"}
ENDPOINTS = ("primary", "secondary")
PROBE = "probe="
NOTHING = "nothing was measured in this run"
NO_OUTPUT = ("missing outputs", "indeterminate outputs")
ALONE = "; by its value alone: its interval holds the limit"
SIDES = {"at_least": ("low", "value"), "at_most": ("high", "value")}


@dataclass(frozen=True)
class Criterion:
    """A demand on one estimate. rule: None is the first.

    side: "at_least" or "at_most" the limit. on: the end of the interval that has to keep to it, "low" with at_least and
    "high" with at_most, which are usual; "value": the estimate alone. endpoint: "primary" or "secondary". why: the
    reason for the limit, or "".
    """

    name: str
    limit: float
    side: Literal["at_least", "at_most"] = "at_least"
    on: Literal["low", "high", "value"] = "low"
    rule: str | None = None
    group: str = "all"
    endpoint: str = "primary"
    why: str = ""

    @property
    def probe(self) -> str:
        """The condition that it speaks of, "noise:0.05"; "" for the images as they are."""
        return self.group.removeprefix(PROBE) if self.group.startswith(PROBE) else ""


@dataclass(frozen=True)
class Rules:
    """How the verdict follows from the answers. accept, accept_secondary: answers with which the audit passes.

    refuse_checks: outcomes of a check with which it does not.
    """

    accept: tuple[str, ...] = ("met",)
    accept_secondary: tuple[str, ...] = ANSWERS
    refuse_checks: tuple[str, ...] = ("fail",)

    def accepts(self, judgement: Judgement) -> bool:
        """Whether the audit can pass with this answer."""
        known = self.accept if judgement.criterion.endpoint == "primary" else self.accept_secondary
        return judgement.answer in known

    @property
    def words(self) -> str:
        """The rules in one sentence."""
        checks = " or ".join(self.refuse_checks) or "anything"
        return (f"The audit passes if every primary criterion is {' or '.join(self.accept) or 'nothing'}"
                f"{self._secondary} and no check says {checks}.")

    @property
    def _secondary(self) -> str:
        if set(self.accept_secondary) == set(ANSWERS):
            return ""
        return f", every secondary one {' or '.join(self.accept_secondary) or 'nothing'},"


@dataclass(frozen=True)
class Judgement:
    """The answer to a criterion, one statement with its numbers, and the estimate that decided it, if any."""

    criterion: Criterion
    answer: Answer
    statement: str
    estimate: Estimate | None = None


@dataclass(frozen=True)
class Verdict:
    """The verdict of an audit in one line, the process's exit code, and the judgement on each criterion.

    tone: "bad" if a criterion is not met or a check failed, "good" if all criteria are met and every check that
    applies passed, "warn" for all else. checks: one sentence that counts the outcomes of the checks. overall: the
    answer for the audit as a whole: that of its primary criteria, the worst first, or "not met" for a refused check.
    """

    verdict: str
    exit_code: int
    tone: Tone
    checks: str
    judgements: tuple[Judgement, ...]
    overall: Answer = "NOT ASSESSED"

    @property
    def title(self) -> str:
        """The verdict as a heading."""
        return self.verdict[:1].upper() + self.verdict[1:]

    @property
    def lines(self) -> tuple[str, ...]:
        """One line a criterion: its answer and its statement."""
        return tuple(f"{j.answer}: {j.statement}" for j in self.judgements)


def criteria_of(plan: Mapping[str, object]) -> tuple[Criterion, ...]:
    """The criteria of a plan; none if it sets none. Raises PlanError for one that cannot be read."""
    rows = plan.get("criteria", [])
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise PlanError(f"criteria is {type(rows).__name__}; expected a list: write [[criteria]] for each")
    return tuple(_criterion(row) for row in rows)


def _criterion(row: object) -> Criterion:
    if not isinstance(row, Mapping) or "name" not in row or not set(row) <= KEYS or len(SIDES.keys() & row) != 1:
        raise PlanError(f"criterion {row!r}; expected name, at_least or at_most, and perhaps rule, group, probe and on")
    side: Literal["at_least", "at_most"] = "at_least" if "at_least" in row else "at_most"
    if "group" in row and "probe" in row:
        raise PlanError(f"criterion {row['name']!r}: group and probe; expected one of them: a probe is judged on all "
                        "cases that were asked")
    group = f"{PROBE}{row['probe']}" if "probe" in row else row.get("group", "all")
    limit, on, texts = row[side], row.get("on", SIDES[side][0]), [row["name"], group]
    if not isinstance(limit, int | float) or isinstance(limit, bool) or not math.isfinite(limit):
        raise PlanError(f"criterion {row['name']!r}: {side} is {limit!r}; expected a number")
    if on not in SIDES[side]:
        raise PlanError(f"criterion {row['name']!r}: on is {on!r}; expected {' or '.join(map(repr, SIDES[side]))} "
                        f"with {side}")
    if not all(isinstance(text, str) for text in (*texts, row.get("rule", ""), row.get("why", ""))):
        raise PlanError(f"criterion {row['name']!r}: expected texts as name, rule, group and why")
    endpoint = row.get("endpoint", "primary")
    if endpoint not in ENDPOINTS:
        raise PlanError(f"criterion {row['name']!r}: endpoint is {endpoint!r}; expected {' or '.join(ENDPOINTS)}")
    return Criterion(str(texts[0]), float(limit), side, on, row.get("rule"), str(texts[1]), endpoint,
                     row.get("why", ""))


def rules_of(plan: Mapping[str, object]) -> Rules:
    """The verdict's rules of a plan; the usual ones if it sets none. Raises PlanError for one that cannot be read."""
    table = plan.get("verdict", {})
    known: Mapping[str, Sequence[str]] = {"accept": ANSWERS, "accept_secondary": ANSWERS, "refuse_checks": WORST}
    if not isinstance(table, Mapping):
        raise PlanError(f"verdict is {table!r}; expected a table with {', '.join(known)}")
    for key, values in table.items():
        if key not in known:
            raise PlanError(str(unknown("key in verdict", str(key), known)))
        odd = [v for v in values if v not in known[key]] if isinstance(values, list | tuple) else [values]
        if odd:
            raise PlanError(f"verdict.{key} holds {odd[0]!r}; expected a list of {', '.join(known[key])}")
    return Rules(**{str(key): tuple(values) for key, values in table.items()})


def verdict(run: Run) -> Verdict:
    """The verdict on a run: its plan's criteria against its results, and what its checks found.

    Exit code 0: the plan's rules accept it; by default every primary criterion is met and no check failed, and
    inconclusive or unknown is not met. 1: otherwise. Raises PlanError for criteria or rules that cannot be read.
    """
    judgements, rules = judgements_of(run.plan, run.results), rules_of(run.plan)
    refused = {outcome: [f.code for f in run.findings if f.outcome == outcome] for outcome in rules.refuse_checks}
    said = "; ".join(_refusals(refused))
    tally = Counter(j.answer for j in judgements)
    parts = [f"{tally[answer]} of {len(judgements)} criteria {answer}" for answer in ANSWERS if tally[answer]]
    text = "; ".join([*(parts or ["the plan sets no criteria"]), *([said] if said else [])])
    accepted = all(rules.accepts(j) for j in judgements)
    return Verdict(text, int(bool(said) or not accepted), _tone(judgements, [f.outcome for f in run.findings]),
                   _counted([f.outcome for f in run.findings]), judgements, _overall(judgements, bool(said)))


def _refusals(refused: Mapping[str, Sequence[str]]) -> list[str]:
    """What the checks that refuse the audit say: "1 check failed (XM101)"."""
    words = {"fail": "failed", "concern": "raised a concern"}
    return [f"{plural(len(codes), 'check')} {words.get(outcome, outcome)} ({', '.join(codes)})"
            for outcome, codes in refused.items() if codes]


def _overall(judgements: Sequence[Judgement], refused: bool) -> Answer:
    answers = {j.answer for j in judgements if j.criterion.endpoint == "primary"}
    worst: tuple[Answer, ...] = ("not met", "inconclusive", "NOT ASSESSED")
    if refused:
        return "not met"
    return next((answer for answer in worst if answer in answers), "met" if answers else "NOT ASSESSED")


def _tone(judgements: Sequence[Judgement], outcomes: Sequence[Outcome]) -> Tone:
    answers = [j.answer for j in judgements]
    if "not met" in answers or "fail" in outcomes:
        return "bad"
    clear = set(answers) == {"met"} and "pass" in outcomes and set(outcomes) <= {"pass", "not applicable"}
    return "good" if clear else "warn"


def _counted(outcomes: Sequence[Outcome]) -> str:
    if not outcomes:
        return "No check was run."
    tally = Counter(outcomes)
    counts = ", ".join(f"{tally[outcome]} {outcome}" for outcome in WORST if tally[outcome])
    return f"{plural(len(outcomes), 'check')}: {counts}."


def judgements_of(plan: Mapping[str, object], results: Results) -> tuple[Judgement, ...]:
    """The judgement on each criterion of a plan, in its order. Raises PlanError for one that cannot be read."""
    return tuple(judged(criterion, results) for criterion in criteria_of(plan))


def judged(criterion: Criterion, results: Results) -> Judgement:
    """met, not met, inconclusive (the interval straddles the limit) or NOT ASSESSED (no such number).

    A measure that a curve does not reach is judged by its lower bound, else by the sensitivity at the curve's end; of
    outputs that are missing or indeterminate, sensitivity and specificity by intention to diagnose.
    """
    found, note = _asked(criterion, results)
    if found is None and not results.estimates:
        return Judgement(criterion, "NOT ASSESSED", f"{criterion.name}: {NOTHING}")
    if found is None:
        return Judgement(criterion, "NOT ASSESSED", _missing(criterion, results))
    if math.isnan(found.value) and found.interval.startswith("not reached"):
        bound = results.find(criterion.name + AT_LEAST, found.rule, found.group)
        last = bound or results.find(END, found.rule, found.group)
        if last is not None:
            note += f"{criterion.name} was {found.interval}; judged {'by that' if bound else 'there'} instead: "
            found = last
    answer = _answer(criterion, found)
    if answer == "NOT ASSESSED":
        return Judgement(criterion, answer, _unassessed(criterion, found), found)
    which = {"low": "the lower limit", "high": "the upper limit", "value": "the value"}[criterion.on]
    alone = ALONE if criterion.on == "value" and min(found.low, found.high) < criterion.limit <= max(
        found.low, found.high) else ""
    return Judgement(criterion, answer, f"{note}{worded(found)}; {which} has to be "
                     f"{criterion.side.replace('_', ' ')} {criterion.limit:g}{alone}", found)


def _asked(criterion: Criterion, results: Results) -> tuple[Estimate | None, str]:
    """The estimate that decides, and what has to be said before it where outputs are missing or indeterminate.

    The estimate by intention to diagnose, where a case without an output counts as wrong, if there is one and the
    criterion names no rule.
    """
    found = results.find(criterion.name, criterion.rule, criterion.group)
    shares = [results.find(name, group=criterion.group) for name in NO_OUTPUT]
    lost = sum(share.numerator or 0.0 for share in shares if share is not None)
    if found is None or not lost:
        return found, ""
    count = f"{lost:g} of {plural(next(s.denominator or 0.0 for s in shares if s is not None), 'case')}"
    strict = None if criterion.rule else results.find(criterion.name, INTENDED, criterion.group)
    if strict is None:
        return found, f"{count} without a usable output are left out: "
    return strict, f"{count} without a usable output count as wrong; without these {worded(found)}: "


def _unassessed(criterion: Criterion, found: Estimate) -> str:
    if math.isnan(found.value):
        return f"{criterion.name}: {found.interval or 'no number'}"
    return f"{worded(found)}; no interval, by which it would be judged (on = \"value\" asks for the number alone)"


def _answer(criterion: Criterion, found: Estimate) -> Answer:
    if math.isnan(found.value) or (criterion.on != "value" and math.isnan(found.low + found.high)):
        return "NOT ASSESSED"
    sign = 1.0 if criterion.side == "at_least" else -1.0
    value, limit = sign * found.value, sign * criterion.limit
    near, far = sorted((sign * found.low, sign * found.high))
    if criterion.on == "value":
        return "met" if value >= limit else "not met"
    if near >= limit:
        return "met"
    return "not met" if far < limit else "inconclusive"


def worded(found: Estimate) -> str:
    """An estimate in one line: "image AUC malignant 0.872 (0.815 to 0.908, DeLong; 73 of 300 images)"."""
    named = f"{found.name} [{found.rule}]" if found.rule else found.name
    where = "" if found.group == "all" else f" in {found.group}"
    if found.group.startswith(PROBE):
        where = f" under {found.group.removeprefix(PROBE)}"
    if math.isnan(found.value):
        return f"{named}{where}: no number ({found.interval})"
    count = "" if found.denominator is None else plural(found.denominator, found.unit)
    if found.numerator is not None:
        count = f"{found.numerator:g} of {count}"
    limits = f"{found.low:.3f} to {found.high:.3f}" if found.low == found.low else "no interval"
    return f"{named}{where} {found.value:.3f} ({limits}, {found.interval}{f'; {count}' if count else ''})"


def _missing(criterion: Criterion, results: Results) -> str:
    names = sorted({e.name for e in results.estimates})
    near = difflib.get_close_matches(criterion.name, names, n=3, cutoff=0.4)
    if criterion.name in names:
        rules = sorted({f"rule {e.rule!r}, group {e.group!r}" for e in results.estimates
                        if e.name == criterion.name})
        return f"{criterion.name} was measured only with {'; '.join(rules[:4])}: name one of these"
    return f"no estimate is called {criterion.name!r}; nearest: {', '.join(map(repr, near)) or 'none'}"
