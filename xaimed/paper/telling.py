"""The audit of a paper as text and JSON."""

from __future__ import annotations

from typing import Any

from xaimed.paper.audit import DERIVED, Matrix, PaperAudit
from xaimed.paper.figures import AUC, Figure
from xaimed.plural import plural

OUTCOMES = ("contradiction", "question", "fits")


def verdict(audit: PaperAudit) -> str:
    """One line: whether the numbers contradict each other."""
    counted = {name: sum(r.outcome == name for r in audit.remarks) for name in OUTCOMES}
    word = "CONTRADICTED" if audit.contradicted else "CONSISTENT" if not counted["question"] else "OPEN QUESTIONS"
    return f"{word}: {plural(counted['contradiction'], 'contradiction')}, {plural(counted['question'], 'question')}"


def told(audit: PaperAudit) -> str:
    """The audit as lines for a terminal."""
    sheet = audit.sheet
    lines = [f"paper      {sheet.title}{f' ({sheet.source})' if sheet.source else ''}", f"verdict    {verdict(audit)}"]
    lines += [f"figure     {row[0]:<26} {row[1]:>9}  {row[2]}" for row in figures(audit)]
    lines += [f"interval   {i.name:<26} {100 * i.top / i.bottom:8.2f} %  {100 * i.low:.1f} to {100 * i.high:.1f} %  "
              f"({i.top}/{i.bottom}, Wilson)" for i in audit.intervals]
    if audit.chosen is not None:
        lines += [f"derived    {name:<26} {audit.chosen.value(name):10.3f}" for name in DERIVED]
    lines += [f"{r.outcome:<13} {r.topic}: {r.text}" for r in audit.remarks]
    if sheet.unread:
        lines.append(f"limits     {sheet.unread}")
    return "\n".join(lines)


def as_json(audit: PaperAudit) -> dict[str, Any]:
    """The audit as a dict for JSON; every matrix is [tp, fn, fp, tn]."""
    chosen = audit.chosen
    return {
        "title": audit.sheet.title, "source": audit.sheet.source, "verdict": verdict(audit),
        "contradicted": audit.contradicted, "rounding": audit.rounding, "bound": audit.sheet.bound,
        "figures": {f.name: f.text for f in audit.sheet.figures}, "matrices": [_list(m) for m in audit.matrices],
        "by_rule": {rule: [_list(m) for m in found] for rule, found in audit.by_rule.items()},
        "chosen": None if chosen is None else _list(chosen),
        "intervals": [{"name": i.name, "numerator": i.top, "denominator": i.bottom, "low": i.low, "high": i.high,
                       "interval": "Wilson", "level": 0.95} for i in audit.intervals],
        "derived": {} if chosen is None else {name: _finite(chosen.value(name)) for name in DERIVED},
        "remarks": [{"outcome": r.outcome, "topic": r.topic, "text": r.text} for r in audit.remarks]}


def figures(audit: PaperAudit) -> list[tuple[str, str, str]]:
    """Name, printed text and the value of the chosen matrix for every figure."""
    return [(f.name, f.text, _of_matrix(f, audit.chosen)) for f in audit.sheet.figures]


def _of_matrix(figure: Figure, matrix: Matrix | None) -> str:
    name = "balanced accuracy" if figure.name == AUC else figure.name
    if matrix is None:
        return "no matrix fits"
    value = matrix.value(name)
    text = f"{100 * value:.2f} %" if "%" in figure.text else f"{value:.4f}"
    return f"{text} (one point)" if figure.name == AUC else text


def _list(matrix: Matrix) -> list[int]:
    return [matrix.tp, matrix.fn, matrix.fp, matrix.tn]


def _finite(value: float) -> float | None:
    return value if value == value else None
