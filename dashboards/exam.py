"""The examination that the viewer of the case page shows: views, boxes, maps and what is told of them. No pixels."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import pandas as pd
import streamlit as st

from dashboards import answered, faults, shell
from dashboards.shelf import stamp
from xaimed.errors import XaimedError
from xaimed.mapfile import MapEntry
from xaimed.metrics.axis import CONTROLS
from xaimed.store import Run
from xaimed.viz import marks, wording
from xaimed.viz.charts import plain_name
from xaimed.viz.hanging import Hung, hanging

Told = dict[str, object]


@dataclass(frozen=True)
class Choice:
    """What the reader looks at: a case, the target explained and the method; "" where there is none."""

    case: str
    target: str = ""
    method: str = ""


@st.cache_data(max_entries=64, show_spinner=False)
def views_of(path: str, at: int, case: str) -> list[Told]:
    """The views of the patient of a case, as they hang, each with its boxes, maps and what is wrong with it."""
    run = shell.opened(path, at)
    gates = wording.gates(run.scores)
    return [_view(run, hung, gates) for hung in hanging(run.cases, case)]


def switches(run: Run) -> dict[str, bool]:
    """For each switch of boxes, and those of maps, whether any case of the run has such boxes, or a map."""
    found, known = bool(run.predictions["x0"].notna().any()), bool(run.truth["x0"].notna().any())
    judged = run.scores[(run.scores["case"] != "") & (run.scores["condition"] == "clean")]
    maps = bool((judged["method"].fillna("") != "").any()) or bool(run.plan.get("explaining", {}).get("methods"))
    return {"detections": found, "below": found, "truth": known, "maps": maps}


def _view(run: Run, hung: Hung, gates: dict[str, str]) -> Told:
    row = run.cases[run.cases["case"] == hung.case].iloc[0]
    entries, problem = _entries(run, hung.case)
    edges = [] if problem else answered.outlines(run, hung.case)
    # Boxes around the parts of a mask say less than its edge.
    drawn = [{**asdict(box), "shown": box.shown, "spoken": box.spoken}
             for box in ([] if edges else marks.boxes(run, hung.case, entries))]
    return {"case": hung.case, "title": hung.title, "side": hung.side, "width": int(row["width"]),
            "height": int(row["height"]), "spacing": spacing(row), "boxes": drawn, "problem": problem,
            "outlines": edges, "absent": absent(run, hung.case, entries),
            "nothing": no_map(run, hung.case), "targets": _targets(run, hung.case, entries),
            "maps": [_map(entry, gates) for entry in entries]}


def no_map(run: Run, case: str) -> str:
    """Why a case without a map has none, short enough to stand under an image."""
    table = shell.listed(str(run.path), stamp(run.path))
    row = table[table["case"] == case].iloc[0]
    found = bool(row["detected"])
    return f"No map here: {marks.no_map(run, case, found, int(row['missed']))}."


def absent(run: Run, case: str, entries: tuple[MapEntry, ...]) -> str:
    """Why a method that was judged on a case has no pane beside the others; "" where each has one."""
    judged = set(run.scores.loc[run.scores["case"] == case, "method"]) & set(CONTROLS)
    gone = sorted(judged - {entry.method for entry in entries}) if entries else []
    return f"No pane of {' and '.join(map(plain_name, gone))}: a control that was measured, not kept." if gone else ""


def _entries(run: Run, case: str) -> tuple[tuple[MapEntry, ...], str]:
    try:
        return run.entries(case), ""
    except XaimedError as error:
        return (), told(error)


def _targets(run: Run, case: str, entries: tuple[MapEntry, ...]) -> list[Told]:
    first = {entry.target: entry for entry in reversed(entries)}
    return [{"target": name, "text": target_words(run, case, first[name]),
             "brief": _brief(first[name])} for name in sorted(first)]


def _map(entry: MapEntry, gates: dict[str, str]) -> Told:
    gate = gates.get(entry.method, "")
    control = " (control)" if entry.method in CONTROLS else ""
    return {"target": entry.target, "method": entry.method, "name": plain_name(entry.method) + control,
            "failed": gate == "fail", "warning": wording.warning(entry.method, gate, entry.note)}


def spacing(row: pd.Series[float]) -> float:
    """Millimetres a pixel, 0 where it is not known."""
    value = float(row["spacing_mm"])
    return value if math.isfinite(value) and value > 0 else 0.0


def target_text(entry: MapEntry) -> str:
    """What a target is, in words with its score."""
    score = f" {entry.score:.2f}" if math.isfinite(entry.score) else ""
    if marks.is_missed(entry):
        return f"missed lesion: {entry.label}"
    if entry.box is None:
        return f"{'target' if ':' in entry.target else 'class'} {entry.target}{score}"
    return f"detection {entry.target}: {entry.label}{score}"


def target_words(run: Run, case: str, entry: MapEntry) -> str:
    """What a target is, in words with its score; for a missed lesion what the model said there."""
    there = f" ({marks.missed_at(run, case, entry)})" if marks.is_missed(entry) else ""
    return target_text(entry) + there


def _brief(entry: MapEntry) -> str:
    """What a target is, short enough to stand over an image."""
    if marks.is_missed(entry):
        return f"missed: {entry.label}"
    score = f" {entry.score:.2f}" if math.isfinite(entry.score) else ""
    return f"{entry.target}{score}" if entry.box is None else f"{entry.target}: {entry.label}{score}"


def told(error: XaimedError) -> str:
    """The error in one line, without a folder of this machine."""
    return faults.told(error)
