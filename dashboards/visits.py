"""The record of what was looked at: each page and case of a session once in a row, in the journal's hash chain."""

from __future__ import annotations

import streamlit as st

from dashboards import login, openstudy
from xaimed import feedback
from xaimed.errors import XaimedError
from xaimed.store import Run

KIND = "view"


def note(run: Run, page: str, case: str = "") -> None:
    """Write down that this page, or this case on it, is looked at; say so where that cannot be written."""
    here = (str(run.path), page, case)
    if (page == "case" and not case) or st.session_state.get("seen") == here:
        return
    st.session_state["seen"] = here
    facts = {"run": run.path.name, "page": page, "case": case, "reader": openstudy.reader() or login.person()}
    try:
        feedback.journal_of(run).append(KIND, feedback.model_of(run), facts)
    except XaimedError:
        st.caption("Views of these pages are not recorded: the folder of the runs cannot be written.")
