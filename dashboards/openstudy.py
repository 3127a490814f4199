"""The reader study that is open in this session: the other pages show references and misses, so they wait for it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from xaimed import reading
from xaimed.errors import XaimedError
from xaimed.reading import Study
from xaimed.store import Run

PAGE = "study"
OPEN, AFTER, REFUSED, TOLD = "study_open", "study_after", "study_refused", "study_just_left"
KEY, GIVEN = "reading", "study_given"
# What a session knows of a reading; nothing of it goes to the next reader.
OWN = ("study_of", "study_reader", "study_since", "study_left", "study_other", GIVEN, OPEN, AFTER, REFUSED)
WAIT = ("You are in a reader study: finish it or leave it. This page shows the reference and what the model missed, "
        "which who reads must not see.")
LEAVE = "The time at which you leave is noted. You can go on later under the same name."
LEFT = ("You have left the study; the time is noted, and so is each page that you look at before you go on. The "
        "results of the study tell of them.")


def begin(run: Run, study: Study) -> None:
    """Mark the study as open: its reader has something left to read."""
    st.session_state[OPEN] = (run, study)
    st.session_state.pop(AFTER, None)


def end() -> None:
    """Mark that no study is open, for its reader is through."""
    for name in (OPEN, AFTER):
        st.session_state.pop(name, None)


def clear() -> None:
    """Forget the reader: name, answers, times and what their viewers asked for."""
    for name in [str(name) for name in st.session_state]:
        if name in OWN or name.startswith(f"{KEY}-"):
            del st.session_state[name]


def reader() -> str:
    """Who has a study open in this session or has left one unfinished; "" for nobody."""
    found = st.session_state.get(OPEN)
    return str(found[1].reader.strip() if found else st.session_state.get(AFTER, ""))


def may_show(run: Run, page: str) -> bool:
    """Whether the page may be shown; else it says only how to finish or leave the study, and that is noted."""
    found: tuple[Run, Study] | None = st.session_state.get(OPEN)
    if found is None or (page == PAGE and found[0].path == run.path):
        if st.session_state.pop(TOLD, False):
            st.info(LEFT)
        return True
    own, study = found
    if st.session_state.get(REFUSED) != page:
        st.session_state[REFUSED] = page
        _noted(lambda: reading.refuse(own, study, page))
    st.info(WAIT)
    st.page_link("pages/study.py", label="Go on reading", query_params={"run": own.path.name})
    st.button("Leave the study", on_click=_leave, help=LEAVE)
    return False


def _leave() -> None:
    own, study = st.session_state[OPEN]
    _noted(lambda: reading.leave(own, study))
    clear()
    st.session_state[AFTER] = study.reader.strip()
    st.session_state[TOLD] = True


def _noted(write: Callable[[], object]) -> None:
    try:
        write()
    except XaimedError:
        st.caption("This is not recorded: the folder of the runs cannot be written.")
