"""Reference: the truth table of a scoresheet as cases, boxes and groups."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xaimed import tables
from xaimed.data.textsheet import TextSheet
from xaimed.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

NORMAL = frozenset({"normal", "negative", "none", "no finding", "background", "0", "false", "no"})
OF_A_CASE = ("patient", "split", "spacing_mm", "width", "height", "digest")
OF_A_ROW = ("case", "target", "label", "lesion", "condition", "score", "x0", "y0", "x1", "y1")
PATIENT_NAMES = ("patient_id", "patientid", "patient id", "patient", "subject_id", "subject", "PatientID", "Patient")
MOST_GROUPS = 30
SHOWN = 40  # characters of a name in a message
NAME = re.compile(r"\w[\w .+=@#-]{0,119}")


@dataclass(frozen=True, eq=False)
class Reference:
    """What is true of the cases: the tables cases and truth of a run, and all labels that occur.

    truth has a column lesion besides: the name that a lesion has in every view, "" where the file names none.
    positive: the class to be found.
    """

    cases: pd.DataFrame
    truth: pd.DataFrame
    labels: tuple[str, ...]
    positive: str
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The names of the cases, sorted."""
        return [str(case) for case in self.cases["case"]]


@dataclass(frozen=True)
class _Row:
    line: int
    case: str
    label: str
    edges: tuple[float, float, float, float] | None
    lesion: str


def read_reference(sheet: TextSheet, outputs: TextSheet, positive: str, task: str) -> Reference:
    """The reference of a truth table; patient and group_ columns may stand in the outputs' table instead."""
    boxed = "x0" in sheet.columns
    if not boxed:
        sheet.need("label")
    rows = _rows(sheet, positive, boxed)
    _refuse_doubles(sheet, rows, boxed)
    facts, notes = _facts(sheet, outputs)
    of_case: dict[str, list[_Row]] = {}
    for row in rows:
        of_case.setdefault(row.case, []).append(row)
    cases, truth, lesions = [], [], []
    for case in sorted(of_case):
        label = _label(of_case[case], positive, boxed)
        cases.append(_case_row(case, label, facts.get(case, {})))
        for number, row in enumerate(r for r in of_case[case] if r.edges or task == "classification"):
            edges = row.edges if row.edges and task == "detection" else (tables.NAN,) * 4
            truth.append({"case": case, "target": row.lesion or f"t{number}",
                          "label": row.label if task == "detection" else label,
                          **dict(zip(("x0", "y0", "x1", "y1"), edges, strict=True))})
            lesions.append(row.lesion)
            if task == "classification":
                break
    labels = tuple(sorted({str(row["label"]) for row in cases if row["label"]} | {r.label for r in rows if r.edges}))
    alone = sum(not facts.get(case, {}).get("patient") for case in of_case)
    if alone and ("patient" in sheet.columns or "patient" in outputs.columns):
        notes.append(f"{alone} of {len(cases)} cases have no patient: each is taken as a patient of its own")
    unlabelled = sum(row["label"] is None for row in cases)
    if unlabelled:
        notes.append(f"{unlabelled} of {len(cases)} cases have no reference label and are not judged")
    frame = tables.frame("truth", truth).assign(lesion=np.array(lesions, object))
    return Reference(tables.frame("cases", cases), frame, labels, positive, tuple(notes))


def _rows(sheet: TextSheet, positive: str, boxed: bool) -> list[_Row]:
    edges = np.stack([sheet.numbers(n) if boxed else np.full(len(sheet), np.nan) for n in ("x0", "y0", "x1", "y1")], 1)
    labels, lesions = sheet.column("label", ""), sheet.column("lesion")
    rows = []
    for i, case in enumerate(sheet.column("case")):
        if not NAME.fullmatch(case):
            raise sheet.wrong(i, f"case is {_shown(case)}; expected 1 to 120 letters, digits, spaces or . _ - + = @ #, "
                              "the first a letter or digit: rename the cases")
        known = np.isfinite(edges[i])
        box = None
        if known.any():
            box = checked_box(sheet, i, edges[i])
        label = labels[i]
        if box and not label:
            if "label" in sheet.columns:
                raise sheet.wrong(i, f"case {case}: a box without a label; expected one for each box")
            label = positive
        rows.append(_Row(sheet.lines[i], case, label, box, lesions[i] if box else ""))
    return rows


def _shown(case: str) -> str:
    """The name of a case in a message; a long one is cut, which is said."""
    return repr(case) if len(case) <= SHOWN else f"{case[:SHOWN]!r}... ({len(case)} characters)"


def checked_box(sheet: TextSheet, row: int, edges: Sequence[float]) -> tuple[float, float, float, float]:
    """The box of a row. Raises InputError where an edge is missing or the box has no area."""
    x0, y0, x1, y1 = (float(edge) for edge in edges)
    if not (x0 < x1 and y0 < y1):
        raise sheet.wrong(row, f"box {[x0, y0, x1, y1]} has no area or an edge is missing; "
                          "expected x0 < x1 and y0 < y1, or no edge at all")
    return x0, y0, x1, y1


def _refuse_doubles(sheet: TextSheet, rows: Sequence[_Row], boxed: bool) -> None:
    seen: dict[tuple[object, ...], int] = {}
    boxes = {row.case for row in rows if row.edges}
    for row in rows:
        key = (row.case, row.edges, row.label if row.edges else "")
        if key in seen:
            what = "the same box" if row.edges else "a row without a box" if boxed else "a row"
            raise InputError(f"{sheet.path.name} line {row.line}: case {row.case} has {what} in line {seen[key]} "
                             "already; expected each once: remove the duplicate")
        if row.edges is None and row.case in boxes:
            raise InputError(f"{sheet.path.name} line {row.line}: case {row.case} has a row without a box, as a "
                             "normal image has, and boxes as well; expected one or the other")
        seen[key] = row.line


def _label(rows: Sequence[_Row], positive: str, boxed: bool) -> str | None:
    labels = [row.label for row in rows]
    if positive in labels:
        return positive
    if rows[0].edges is None and (labels[0].lower() in NORMAL or (boxed and not labels[0])):
        return "normal"
    return min(labels) or None


def _case_row(case: str, label: str | None, facts: Mapping[str, str]) -> tables.Row:
    groups = {f"group_{k}": v for k, v in sorted(facts.items()) if k not in OF_A_CASE}
    return {"case": case, "patient": facts.get("patient") or case, "split": facts.get("split") or "not stated",
            "label": label, "width": int(float(facts.get("width") or 0)),
            "height": int(float(facts.get("height") or 0)),
            "spacing_mm": float(facts.get("spacing_mm") or "nan"), "digest": facts.get("digest", ""),
            "synthetic": False, **groups}


def _facts(truth: TextSheet, outputs: TextSheet) -> tuple[dict[str, dict[str, str]], list[str]]:
    """What the columns say of each case, and what was left out."""
    columns = [(truth, name) for name in truth.columns if name not in OF_A_ROW]
    columns += [(outputs, name) for name in outputs.columns
                if (name == "patient" or name.startswith("group_")) and name not in truth.columns]
    facts: dict[str, dict[str, str]] = {}
    notes = []
    for sheet, name in columns:
        if name in ("spacing_mm", "width", "height"):
            sheet.numbers(name)
        kind, values = name.removeprefix("group_"), _of_cases(sheet, name)
        if name not in OF_A_CASE and len(set(values.values())) > MOST_GROUPS:
            notes.append(f"column {name} has {len(set(values.values()))} values and was not taken as a group: "
                         f"put them into at most {MOST_GROUPS} bands")
            continue
        for case, value in values.items():
            facts.setdefault(case, {})[kind] = value
    if not any(name == "patient" for _, name in columns):
        notes.append("no column patient: every case is taken as a patient of its own, which makes intervals too narrow "
                     "where a patient has several images")
    return facts, notes


def _of_cases(sheet: TextSheet, name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for i, (case, value) in enumerate(zip(sheet.column("case"), sheet.column(name), strict=True)):
        if found.setdefault(case, value) != value:
            raise sheet.wrong(i, f"case {case} has {name} {value!r} here and {found[case]!r} above; expected one "
                              f"{name} for a case")
    return found
