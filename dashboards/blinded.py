"""The viewer of the case page for a blinded reading, with the answer beside it: no names, and first no model.

What reaches the browser without the model: pixels, "R CC" and the like, the size of a pixel. Views are named by the
place of the exam in this reader's order. With the model come its own boxes, scores and one map; never the reference,
nor whether a box is right, nor a map of what was missed.
"""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass

import streamlit as st

from dashboards import exam, parts, viewer
from dashboards.exam import Told
from dashboards.openstudy import GIVEN, KEY
from dashboards.parts import Key
from dashboards.shelf import stamp
from xaimed.mapfile import MapEntry
from xaimed.metrics.axis import CONTROLS
from xaimed.plural import plural
from xaimed.reading import Exam, Stage
from xaimed.store import Run
from xaimed.viz import wording, worklist
from xaimed.viz.charts import plain_name
from xaimed.viz.hanging import Hung, hanging

DETECTION = re.compile(r"d\d+")
GONE = "This view cannot be shown."


@dataclass(frozen=True)
class Desk:
    """What lies before a reader: the exam, its place from 1 of how many, the stage, and the first answer if given."""

    exam: Exam
    place: int
    count: int
    stage: Stage
    positive: str
    first: float | None = None

    @property
    def token(self) -> str:
        """What the browser calls the exam."""
        return str(self.place)

    @property
    def names(self) -> dict[str, str]:
        """For each case of the exam what the browser calls it."""
        return {case: f"{self.token}.{number}" for number, case in enumerate(self.exam.views, 1)}


@st.fragment
def show(run: Run, desk: Desk) -> None:
    """Draw the views and the answer, and answer what the viewer asks for; a given answer reruns the page."""
    if GIVEN in st.session_state:
        st.rerun(scope="app")
    key = f"{KEY}-{desk.token}"
    st.session_state.setdefault("study_since", {}).setdefault((desk.token, desk.stage), time.monotonic())
    viewer.reader()(key=key, data=data(run, desk, _state(key, "want")), on_want_change=_nothing,
                    on_pick_change=_nothing, on_answer_change=lambda: _answered(key))


def _state(key: str, name: str) -> dict[str, object]:
    found = st.session_state.get(key)
    value = found.get(name) if found is not None else None
    return value if isinstance(value, dict) else {}


def _nothing() -> None:
    """What a request for pieces needs besides the answer."""


def _answered(key: str) -> None:
    st.session_state[GIVEN] = _state(key, "answer")


def given(desk: Desk) -> tuple[float, float] | None:
    """Score and seconds of the answer that was just given to this exam and stage, or None.

    The browser counts the seconds from the images standing on the screen; they are at most those since they were sent.
    """
    answer = st.session_state.pop(GIVEN, None)
    if not isinstance(answer, dict) or (answer.get("token"), answer.get("stage")) != (desk.token, desk.stage):
        return None
    score, seconds = answer.get("score"), answer.get("seconds")
    if isinstance(score, bool) or not isinstance(score, int | float) or not isinstance(seconds, int | float):
        return None
    sent = st.session_state.get("study_since", {}).get((desk.token, desk.stage))
    most = time.monotonic() - sent if sent is not None else math.inf
    return float(score), max(0.0, min(float(seconds), most))


def data(run: Run, desk: Desk, want: dict[str, object]) -> Told:
    """What the component is given; want: the pieces that it asks for, by its own names."""
    place, names = (str(run.path), stamp(run.path)), desk.names
    shown = _maps(run, desk) if desk.stage == "with" else {}
    sent: list[Key] = [("image", case) for case in desk.exam.views]
    sent += [("map", case, entry.target, entry.method, "auto") for case, entry in shown.items()]
    sent += [key for key in _asked(want, names) if key[0] != "map" or _is_shown(key, shown)]
    first = next(iter(shown.items()), None)
    return {"run": "", "case": names[first[0]] if first else "",
            "target": first[1].target if first else "", "method": first[1].method if first else "",
            "views": [_view(run, desk, hung, shown) for hung in hanging(run.cases, desk.exam.name)],
            "parts": {_renamed(key, names): _part(place, key) for key in dict.fromkeys(sent)},
            "answered": want.get("count", 0), "colours": viewer.colours(), "token": desk.token, "stage": desk.stage,
            "place": f"Case {desk.place} of {desk.count}, {desk.stage} the model", "first": desk.first,
            "question": f"How likely is the finding “{desk.positive}” in this case, from 0 to 100 percent?",
            "told": told(run, desk, shown) if desk.stage == "with" else []}


def _asked(want: dict[str, object], names: dict[str, str]) -> list[Key]:
    """The pieces that the browser asks for, by the run's names."""
    cases = {name: case for case, name in names.items()}
    return [(key[0], cases[str(key[1])], *key[2:]) for key in parts.asked(want.get("keys"), list(cases))]


def _renamed(key: Key, names: dict[str, str]) -> str:
    return parts.name_of((key[0], names[str(key[1])], *key[2:]))


def _is_shown(key: Key, shown: dict[str, MapEntry]) -> bool:
    entry = shown.get(str(key[1]))
    return entry is not None and key[2:4] == (entry.target, entry.method)


def _part(place: tuple[str, int], key: Key) -> Told:
    piece = parts.part(place, key)
    return {"problem": GONE} if "problem" in piece else piece


def _view(run: Run, desk: Desk, hung: Hung, shown: dict[str, MapEntry]) -> Told:
    row = run.cases[run.cases["case"] == hung.case].iloc[0]
    aided, entry = desk.stage == "with", shown.get(hung.case)
    return {"case": desk.names[hung.case], "title": hung.title if hung.side and hung.view else "Image",
            "side": hung.side, "width": int(row["width"]), "height": int(row["height"]), "spacing": exam.spacing(row),
            "boxes": _boxes(run, hung.case, entry) if aided else [], "problem": "",
            "nothing": "No map here." if aided else "",
            "targets": [{"target": entry.target, "text": exam.target_text(entry),
                         "brief": f"{entry.label} {entry.score:.2f}"}] if entry else [],
            "maps": [{"target": entry.target, "method": entry.method, "name": plain_name(entry.method),
                      "failed": False, "warning": ""}] if entry else []}


def _boxes(run: Run, case: str, entry: MapEntry | None) -> list[Told]:
    """The model's boxes from its operating point on, whatever the reference says of them."""
    rows = run.predictions
    rows = rows[(rows["case"] == case) & (rows["condition"] == "clean") & rows["x0"].notna()]
    found: list[Told] = []
    for row in rows[rows["score"] >= worklist.operating_point(run)].to_dict("records"):
        text = f"{row['label']} {row['score']:.2f}"
        found.append({"edges": [float(row[edge]) for edge in ("x0", "y0", "x1", "y1")], "text": text, "shown": text,
                      "spoken": f"{text}: found by the model", "kind": "detection",
                      "target": entry.target if entry and entry.target == row["target"] else ""})
    return found


def _maps(run: Run, desk: Desk) -> dict[str, MapEntry]:
    """For each view the map that is shown with the model: its highest detection, or the class that is asked about.

    Of the first method that passed its gate; none where none did.
    """
    passed, found = _passed(run), {}
    for case in desk.exam.views:
        own = [entry for entry in run.entries(case) if entry.method in passed and _tells(entry, desk)]
        if own:
            found[case] = max(own, key=lambda entry: entry.score if math.isfinite(entry.score) else -1.0)
    return found


def _passed(run: Run) -> set[str]:
    """The methods that passed their gate on this model; a control is no explanation, whatever its gate."""
    return {method for method, gate in wording.gates(run.scores).items() if gate == "pass" and method not in CONTROLS}


def _tells(entry: MapEntry, desk: Desk) -> bool:
    """Whether the map explains a detection or the class that is asked about, never what only the reference knows."""
    return DETECTION.fullmatch(entry.target) is not None or entry.target == desk.positive


def told(run: Run, desk: Desk, shown: dict[str, MapEntry]) -> list[str]:
    """What the model says of the exam, in words."""
    rows = run.predictions
    rows = rows[rows["case"].isin(desk.exam.views) & (rows["condition"] == "clean")]
    point, boxed = worklist.operating_point(run), rows["x0"].notna()
    scores = rows[~boxed] if (~boxed).any() else rows
    best = scores.groupby("label")["score"].max().sort_values(ascending=False)
    lines = ["The model's highest scores: " + ", ".join(f"{label} {score:.2f}" for label, score in best.items()) + "."
             if len(best) else "The model gives no score here."]
    found = int((rows["score"][boxed] >= point).sum())
    if boxed.any() or _marks_at_all(run):
        lines.append(f"It marks {plural(found, 'place')} (green boxes), from a score of {point:.2f} on."
                     if found else f"The model marks nothing here: no score of a place reaches {point:.2f}.")
    return [*lines, _map_line(run, shown)]


def _map_line(run: Run, shown: dict[str, MapEntry]) -> str:
    """Which map is shown and what its colours mean; or why none is, without a word on what was missed."""
    methods = sorted({plain_name(entry.method) for entry in shown.values()})
    if methods:
        return f"The map is of {' and '.join(methods)}. {_legend(run, shown)}".strip()
    if wording.gates(run.scores) and not _passed(run):
        return "No map is shown: no method passed its check on this model."
    return "There is no map to show here."


def _legend(run: Run, shown: dict[str, MapEntry]) -> str:
    """What the colours of the first map mean; nothing where it cannot be read, the viewer says so in its place."""
    case, entry = next(iter(shown.items()))
    key = (case, entry.target, entry.method)
    if parts.problem((str(run.path), stamp(run.path)), ("map", *key, "auto")):
        return ""
    return parts.plane_of(str(run.path), stamp(run.path), key, "auto").text


def _marks_at_all(run: Run) -> bool:
    return bool(run.predictions["x0"].notna().any())


def readable(run: Run, desk: Desk) -> bool:
    """Whether all views of the exam can be shown."""
    place = (str(run.path), stamp(run.path))
    return not any(parts.problem(place, ("image", case)) for case in desk.exam.views)
