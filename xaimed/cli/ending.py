"""How an audit ends: what is printed of it, and the exit code."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xaimed.metrics.criteria import Verdict
    from xaimed.run import Run

LEFT = ("missing outputs", "indeterminate outputs", "cases left out")


def tell(run: Run, reports: list[Path], options: argparse.Namespace) -> int:
    """The exit code of an audit, after what it found is printed: lines, or one of JSON; and written as JUnit XML."""
    from xaimed.junit import junit_text
    from xaimed.metrics.criteria import verdict

    outcome = verdict(run)
    code, meaning = _ending(run, outcome)
    if options.junit is not None:
        options.junit.write_text(junit_text(run), encoding="utf-8")
    if options.json:
        answers = [{"name": j.criterion.name, "endpoint": j.criterion.endpoint, "answer": j.answer,
                    "statement": j.statement} for j in outcome.judgements]
        print(json.dumps({"run": str(run.path), "verdict": outcome.verdict, "overall": outcome.overall,
                          "exit": code, "criteria": answers, "checks": {
                              f.code: f.outcome for f in run.findings}, "results": run.results.to_json()}))
        return code
    _tell_answers(run, outcome)
    _tell_files(run, reports)
    if meaning:
        print(f"exit code  {code}: {meaning}")
    return code


def _tell_answers(run: Run, outcome: Verdict) -> None:
    print(f"verdict    {outcome.verdict}")
    for line in outcome.lines:
        print(f"           {line}")
    for found in run.results.estimates:
        if found.name.startswith(LEFT) and (found.numerator or "NOT ASSESSED" in found.interval):
            why = f": {found.interval}" if "NOT ASSESSED" in found.interval else ""
            print(f"outputs    {found.numerator:g} of {found.denominator:g} cases: {found.name} ({found.group}){why}")
    if columns := run.meta.get("columns"):
        print(f"scores     {_taken(columns)}")


def _tell_files(run: Run, reports: list[Path]) -> None:
    from xaimed.report.write import unshown

    if letters := unshown(run):
        print(f"letters    {letters}")
    print(f"run        {run.path}")
    print(f"report     {reports[0] if reports else 'none'}")
    if len(reports) > 1:
        print(f"cases      {run.path / 'cases'} ({len(reports) - 1} PDF files)")
    if "explanations" in run.meta:
        print(f"maps       {run.meta['explanations']}")
    print(f"dashboard  xaimed dashboard {run.path}")


def _ending(run: Run, outcome: Verdict) -> tuple[int, str]:
    """The exit code, and what it does not mean where it could be taken for an assessment."""
    names = {found.name for found in run.results.estimates}
    strange = [repr(j.criterion.name) for j in outcome.judgements if names and j.criterion.name not in names]
    if strange:
        return 1, f"the plan asks for {', '.join(strange)}, and no measure of this run has that name"
    if not len(run.cases):
        return int(outcome.exit_code), "there was no case, so nothing was assessed"
    if not outcome.judgements and not outcome.exit_code:
        return 0, "done, and nothing was assessed: the plan sets no criteria"
    if outcome.overall == "NOT ASSESSED" and not outcome.exit_code:
        return 0, "done, and no primary criterion was assessed"
    return int(outcome.exit_code), ""


def _taken(columns: Mapping[str, Any]) -> str:
    """Which columns of a table were taken as whose scores, and which were not."""
    said = [f"{name} (column {column})" for name, column in columns["scores"].items()]
    if columns["classes"]:
        said = [f"classes {', '.join(columns['classes'])} (columns {', '.join(columns['classes'].values())})"]
    unused = ", ".join(columns["not_taken"])
    return ", ".join(said) + (f"; not taken: {unused}" if unused else "")
