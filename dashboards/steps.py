"""Which case is shown and where it stands in the list: the address, the steps to the others, and the head line."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboards import shell
from dashboards.shelf import stamp
from xaimed.store import Run
from xaimed.types import NAME
from xaimed.viz import first_measure, wording, worklist
from xaimed.viz.hanging import hanging
from xaimed.viz.names import pretty
from xaimed.viz.scalebar import length_text


def chosen(run: Run) -> str:
    """The case of the address, of the session, or the gravest of the list, after its steps and head line; "" if none.

    The list is the worklist as the reader left it, or as it stands at first.
    """
    known = list(run.cases["case"])
    if not known:
        st.info("This run holds no case.")
        return ""
    have = set(known)
    order = [name for name in st.session_state.get("order", {}).get(run.path.name, []) if name in have]
    order = order or shell.gravest_first(str(run.path), stamp(run.path))
    picked = st.session_state.pop("asked_case", None)
    asked = picked or st.query_params.get("case") or st.session_state.get("case_name")
    if asked and asked not in have:
        told = asked if NAME.match(asked) else "of that name"
        st.warning(f"There is no case {shell.plain(told)} in this run; another one is shown.")
    name = str(asked) if asked in have else order[0]
    _keep(run, name)
    _steps(run, name, order)
    return name


def _keep(run: Run, name: str) -> None:
    """Make the case that of the session and of the address; what was explained in another case is no choice here."""
    if st.query_params.get("case") != name:
        st.query_params.update({"run": run.path.name, "case": name})
        st.query_params.pop("target", None)
    if st.session_state.get("case_name") not in (None, name):
        st.session_state.pop("target", None)
    st.session_state["case_name"] = name


def _steps(run: Run, name: str, order: Sequence[str]) -> None:
    at = _at(run, name, order)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="steps"):
        _step("Previous", "P", order[at - 1] if at > 0 else "")
        _step("Next", "N", order[at + 1] if at + 1 < len(order) else "")
        _step("Next miss", "M", _next_miss(run, [*order[at + 1:], *order[:max(at, 0)]]))
        _told(run, name, _place(name, order, at))


def _at(run: Run, name: str, order: Sequence[str]) -> int:
    """Where the case stands in the list, or the view of its examination that is in it; -1 if none is.

    Of several views of one examination that are in the list, the one that the reader was at.
    """
    if name in order:
        at = order.index(name)
    else:
        views = {hung.case for hung in hanging(run.cases, name)}
        last = st.session_state.get("list_case")
        found = [place for place, case in enumerate(order) if case in views]
        at = next((place for place in found if order[place] == last), found[0] if found else -1)
    st.session_state["list_case"] = order[at] if at >= 0 else ""
    return at


def _place(name: str, order: Sequence[str], at: int) -> str:
    if at < 0:
        return f"not in the list of {len(order)}"
    place = f"{at + 1} of {len(order)} in the list"
    return place if order[at] == name else f"another view of {order[at]}, {place}"


def _step(label: str, key: str, name: str) -> None:
    st.button(label, disabled=not name, on_click=_go, args=(name,), shortcut=key)


def _next_miss(run: Run, rest: Sequence[str]) -> str:
    """The next case of the list that was missed, from its end on to its start."""
    missed = _missed(str(run.path), stamp(run.path))
    return next((name for name in rest if name in missed), "")


@st.cache_resource(max_entries=8, show_spinner=False)
def _missed(path: str, at: int) -> frozenset[str]:
    table = shell.listed(path, at)
    return frozenset(map(str, table["case"][worklist.was_missed(table)]))


def _told(run: Run, name: str, place: str) -> None:
    """The head line: the case, what happened in it, and what is known of it."""
    table = shell.listed(str(run.path), stamp(run.path))
    row = table[table["case"] == name].iloc[0]
    own = run.cases[run.cases["case"] == name].iloc[0]
    groups = [f"{column.removeprefix('group_')} {own[column]}" for column in own.index
              if column.startswith("group_") and pd.notna(own[column])]
    facts = [*_answer(run, row), *_reference(run, own), *groups, *_size(own), place]
    st.markdown(f"**{shell.plain(name)}** · **{shell.plain(facts[0])}** · {' · '.join(map(shell.plain, facts[1:]))}")


def _reference(run: Run, row: pd.Series[str]) -> list[str]:
    """The class of the reference; nothing of an answer in pixels, whose reference is no class."""
    if pd.notna(row["label"]):
        return [f"reference {row['label']}"]
    return [] if first_measure.name_of(run) else ["no reference"]


def _answer(run: Run, row: pd.Series[float]) -> list[str]:
    """What happened and the score; of an answer in pixels its first measure."""
    measure = first_measure.name_of(run)
    if not measure:
        return [str(row["outcome"]), f"{_score(row)}{_limit(run, row)}"]
    value = f"{row[measure]:.2f} {first_measure.unit(run, measure)}".strip()
    return [f"{pretty(measure)} {value if math.isfinite(row[measure]) else wording.MISSING}"]


def _score(row: pd.Series[float]) -> str:
    if not math.isfinite(float(row["score"])):
        return "no score"
    told = f"score {wording.score_text(float(row['score']))}"
    return f"{told} ({row['says']})" if pd.notna(row["says"]) else told


def _limit(run: Run, row: pd.Series[float]) -> str:
    """The operating point of one scored class, which decides; of boxes it stands in the worklist."""
    task = str(run.meta.get("model", {}).get("task", ""))
    known = task in worklist.ONE_CLASS and math.isfinite(float(row["score"]))
    return f", operating point {wording.score_text(worklist.operating_point(run))}" if known else ""


def _size(row: pd.Series[float]) -> tuple[str, str]:
    given = f"{row['width']} × {row['height']} px" if int(row["width"]) and int(row["height"]) else "size not given"
    spacing = float(row["spacing_mm"])
    return given, f"{length_text(spacing)} a pixel" if math.isfinite(spacing) else "size of a pixel not known"


def _go(name: str) -> None:
    st.query_params["case"] = name
    st.query_params.pop("target", None)
