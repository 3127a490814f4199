"""ModelScores: the outputs of one model or reader on the cases of a scoresheet, the missing ones counted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xaimed import tables
from xaimed.data.columns import plain
from xaimed.data.reference import NORMAL, Reference, checked_box
from xaimed.data.textsheet import INDETERMINATE, MISSING, TextSheet, comma_hint
from xaimed.errors import unknown

if TYPE_CHECKING:
    import pandas as pd

EDGES = ("x0", "y0", "x1", "y1")
CLEAN = ("", "clean")
Box = tuple[float, float, float, float]
NO_BOX: Box = (math.nan, math.nan, math.nan, math.nan)


@dataclass(frozen=True, eq=False)
class ModelScores:
    """The outputs of one model. predictions: the table of a run, condition "clean".

    answered: the cases with an output, sorted. missing, indeterminate: those without one, and those for which the
    model said that it cannot tell. silent: cases without any row, taken as images without a mark. partial: classes
    that have a score on some of the answered cases only, and are therefore left out.
    """

    name: str
    predictions: pd.DataFrame
    answered: tuple[str, ...]
    missing: tuple[str, ...] = ()
    indeterminate: tuple[str, ...] = ()
    silent: int = 0
    partial: tuple[str, ...] = ()

    def unscored(self, labels: Sequence[str]) -> list[str]:
        """Those of the labels that have no score in a model which scores several classes; none for any other."""
        found = set(self.predictions["label"]) | set(self.partial)
        return [label for label in labels if label not in found] if len(found) > 1 else []


@dataclass(frozen=True)
class Output:
    """One row of a predictions table: case, label, box or None; the score, or the word in its place."""

    case: str
    label: str
    box: Box | None
    score: float
    word: str


def read_scores(sheet: TextSheet, columns: Mapping[str, str], reference: Reference, task: str,
                classes: Sequence[str] = ()) -> dict[str, ModelScores]:
    """The outputs of each model. classes: those that may be scored besides the labels of the reference.

    Raises InputError for a case or label that the reference does not have, a score outside [0, 1], a box without area
    or score, or a row that stands twice.
    """
    kept = [i for i, text in enumerate(sheet.column("condition")) if text in CLEAN]
    _refuse_strangers(sheet, kept, reference)
    labels = _labels(sheet, (*reference.labels, *classes), reference.positive, task)
    boxes = _boxes(sheet) if task == "detection" else [None] * len(sheet)
    _refuse_doubles(sheet, kept, labels if task == "classification" else None)
    cases, found = sheet.column("case"), {}
    for name, column in columns.items():
        texts = sheet.column(column)
        rows = [Output(cases[i], labels[i], boxes[i], *_score(sheet, i, column, texts[i])) for i in kept]
        for i, row in zip(kept, rows, strict=True):
            if row.box and math.isnan(row.score) and len(columns) == 1:
                raise sheet.wrong(i, f"case {row.case}: a box without a score; expected one in [0, 1]")
        found[name] = (_detected if task == "detection" else _classified)(name, rows, reference)
    return found


def _refuse_strangers(sheet: TextSheet, kept: Sequence[int], reference: Reference) -> None:
    known, cases = set(reference.names), sheet.column("case")
    odd = [i for i in kept if cases[i] not in known]
    if odd:
        count = len({cases[i] for i in odd})
        raise sheet.wrong(odd[0], f"case {cases[odd[0]]!r} is not in the truth table ({count} such cases); expected "
                          "predictions of the cases in it only")


def _labels(sheet: TextSheet, labels: Sequence[str], positive: str, task: str) -> list[str]:
    """The class of each row: label, or target in a classification, or the positive class without either."""
    column = "label" if "label" in sheet.columns else "target" if task == "classification" else ""
    known = {*labels, positive, "normal"}
    spelt = {plain(label): label for label in (*labels, positive)}
    out = ["normal" if text.lower() in NORMAL - {positive} else
           text if text in known else spelt.get(plain(text), text) or positive for text in sheet.column(column)]
    for i, condition in enumerate(sheet.column("condition")):
        if out[i] not in known and condition in CLEAN:
            raise sheet.wrong(i, f"{unknown('label', out[i], known)}; expected a label of the truth table")
    return out


def _boxes(sheet: TextSheet) -> list[Box | None]:
    edges = np.stack([sheet.numbers(name) for name in EDGES], axis=1)
    return [checked_box(sheet, i, row) if np.isfinite(row).any() else None for i, row in enumerate(edges)]


def _refuse_doubles(sheet: TextSheet, kept: Sequence[int], labels: Sequence[str] | None) -> None:
    """A classification has one row a case and class; a detection no two rows that are the same."""
    seen: dict[tuple[str, ...], int] = {}
    cases = sheet.column("case")
    for i in kept:
        key = sheet.cells[i] if labels is None else (cases[i], labels[i])
        if key in seen:
            what = "the same row" if labels is None else f"a score of class {labels[i]!r}"
            raise sheet.wrong(i, f"case {cases[i]} has {what} in line {sheet.lines[seen[key]]} already; expected each "
                              "once: remove the duplicate")
        seen[key] = i


def _score(sheet: TextSheet, row: int, column: str, text: str) -> tuple[float, str]:
    """The score and the word that stands in its place: "missing", "indeterminate" or ""."""
    low = text.lower()
    if low in MISSING:
        return math.nan, "missing"
    if low in INDETERMINATE:
        return math.nan, "indeterminate"
    try:
        value = float(text)
    except ValueError:
        value = math.inf
    if not 0 <= value <= 1:
        raise sheet.wrong(row, f"{column} is {text!r}; expected a score in [0, 1], nothing where the output is "
                          f"missing, or the word indeterminate{comma_hint(text)}")
    return value, ""


def _classified(name: str, rows: Sequence[Output], reference: Reference) -> ModelScores:
    """A case is answered if the positive class has a score there."""
    words = {row.case: row.word for row in rows if row.label == reference.positive}
    answered = tuple(case for case in reference.names if words.get(case, "missing") == "")
    unsure = tuple(case for case in reference.names if words.get(case) == "indeterminate")
    told = {*answered, *unsure}
    missing = tuple(case for case in reference.names if case not in told)
    given = {(row.case, row.label): row.score for row in rows if not math.isnan(row.score)}
    classes = {label for _, label in given}
    whole = [label for label in sorted(classes) if all((case, label) in given for case in answered)]
    table = [_row(case, label, label, given[case, label], NO_BOX) for case in answered for label in whole]
    partial = tuple(sorted(classes - set(whole)))
    return ModelScores(name, tables.frame("predictions", table), answered, missing, unsure, partial=partial)


def _detected(name: str, rows: Sequence[Output], reference: Reference) -> ModelScores:
    """A row without box and score says that the model gave nothing; without any row it marked nothing."""
    by_case: dict[str, list[Output]] = {case: [] for case in reference.names}
    for row in rows:
        by_case[row.case].append(row)
    unsure = tuple(c for c, own in by_case.items() if any(r.word == "indeterminate" for r in own))
    missing = tuple(c for c, own in by_case.items() if c not in unsure and own and all(_says_nothing(r) for r in own))
    answered = tuple(c for c in by_case if c not in {*missing, *unsure})
    classes = sorted({r.label for r in rows} - {"normal"} | {reference.positive})
    table = [line for case in answered for line in _case_lines(case, by_case[case], classes)]
    silent = sum(not own for own in by_case.values())
    return ModelScores(name, tables.frame("predictions", table), answered, missing, unsure, silent)


def _says_nothing(row: Output) -> bool:
    return row.box is None and math.isnan(row.score)


def _case_lines(case: str, rows: Sequence[Output], classes: Sequence[str]) -> list[tables.Row]:
    """Boxes by falling score, then the score of each class: as given, else that of its best box, else 0."""
    marks = sorted((r for r in rows if r.box and not math.isnan(r.score)), key=lambda r: -r.score)
    lines = [_row(case, f"d{i}", r.label, r.score, r.box or NO_BOX) for i, r in enumerate(marks)]
    given = {r.label: r.score for r in rows if r.box is None and not math.isnan(r.score)}
    for label in classes:
        best = max((r.score for r in marks if r.label == label), default=0.0)
        lines.append(_row(case, label, label, given.get(label, best), NO_BOX))
    return lines


def _row(case: str, target: str, label: str, score: float, box: Box) -> tables.Row:
    return {"case": case, "condition": "clean", "target": target, "label": label, "score": score,
            **dict(zip(EDGES, box, strict=True))}
