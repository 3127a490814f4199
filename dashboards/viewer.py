"""The workstation viewer on the case page: a component of our own, whose files lie in workstation/."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboards import answered, exam, parts
from dashboards.exam import Choice, Told
from dashboards.parts import Key
from dashboards.shelf import stamp
from xaimed.store import Run
from xaimed.viz import overlay

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

NAME = "xaimed.workstation"
FOLDER = Path(__file__).resolve().parent / "workstation"
SCRIPTS = ("pieces", "geometry", "paint", "layout", "controls", "keys", "main")
KEY = "workstation"


@st.cache_resource(show_spinner=False)
def _component() -> ComponentRenderer:
    """The component, registered once; its scripts are one module."""
    script = "\n".join((FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    return st.components.v2.component(NAME, html=(FOLDER / "viewer.html").read_text(encoding="utf-8"),
                                      css=(FOLDER / "viewer.css").read_text(encoding="utf-8"), js=script)


@st.cache_resource(show_spinner=False)
def reader() -> ComponentRenderer:
    """The viewer with the answer of a blinded reading beside it, whose own files lie in reader/."""
    files = FOLDER.with_name("reader")
    text = {name: (files / f"reader.{name}").read_text(encoding="utf-8") for name in ("html", "css", "js")}
    own = "\n".join((FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    # One module has one default: the reader's, which calls the viewer's.
    own = own.replace("export default function viewer(", "function viewer(")
    html = text["html"].replace("VIEWER", (FOLDER / "viewer.html").read_text(encoding="utf-8"))
    css = (FOLDER / "viewer.css").read_text(encoding="utf-8") + text["css"]
    return st.components.v2.component("xaimed.reader", html=html, css=css, js=f"{own}\n{text['js']}")


@st.cache_resource(show_spinner=False)
def _drawing() -> ComponentRenderer:
    return st.components.v2.component("xaimed.drawing", html='<div class="drawing"></div>',
                                      css=".drawing { color: var(--st-text-color); font-family: var(--st-font); }",
                                      js=(FOLDER / "drawing.js").read_text(encoding="utf-8"))


def draw(svg: str, key: str) -> None:
    """Show an SVG of our own making; st.html would take it out as unsafe."""
    _drawing()(key=key, data=svg)


@cache
def colours() -> dict[str, str]:
    """For each colour map its 256 colours, RGB, as base64."""
    return {kind: base64.b64encode(overlay.table(kind).tobytes()).decode()
            for kind in ("signed", "positive", "cividis")}


def show(run: Run, choice: Choice) -> None:
    """Draw the viewer; above it the answer of a model that answers in pixels."""
    answered.show(run, choice.case)
    _viewer(run, choice)


@st.fragment
def _viewer(run: Run, choice: Choice) -> None:
    """Draw the viewer and answer what it asks for; a box chosen in it becomes the choice of the page."""
    if st.session_state.pop("picked_anew", False):
        st.rerun(scope="app")
    _component()(key=KEY, data=_data(run, choice), on_want_change=_nothing, on_pick_change=_picked)


def _data(run: Run, choice: Choice) -> Told:
    place = (str(run.path), stamp(run.path))
    views = exam.views_of(*place, choice.case)
    want = _state("want")
    keys = dict.fromkeys([*_first(choice),
                          *parts.asked(want.get("keys"), [str(view["case"]) for view in views])])
    return {"run": run.path.name, "case": choice.case, "target": choice.target, "method": choice.method,
            "views": views, "switches": exam.switches(run),
            "parts": {parts.name_of(key): parts.part(place, key) for key in keys}, "answered": want.get("count", 0),
            "colours": colours()}


def _first(choice: Choice) -> list[Key]:
    """What is sent unasked: the chosen image and its map."""
    sent: list[Key] = [("image", choice.case)]
    if choice.target and choice.method:
        sent.append(("map", choice.case, choice.target, choice.method, "auto"))
    return sent


def _state(name: str) -> dict[str, object]:
    found = st.session_state.get(KEY)
    value = found.get(name) if found is not None else None
    return value if isinstance(value, dict) else {}


def _nothing() -> None:
    """What a request for pieces needs besides the answer."""


def _picked() -> None:
    """Make the box, method or step chosen in the viewer the page's choice."""
    pick = _state("pick")
    for name in ("case", "target", "method"):
        if isinstance(pick.get(name), str) and pick[name]:
            st.session_state[f"asked_{name}"] = pick[name]
    st.session_state["picked_anew"] = True
