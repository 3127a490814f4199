"""What every page shares: the choice of the run, messages in one line, text that stays text."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboards.shelf import Found, found_runs, stamp
from xaimed.errors import XaimedError
from xaimed.store import Run
from xaimed.types import NAME
from xaimed.viz import worklist

if TYPE_CHECKING:
    from streamlit.navigation.page import Page as StreamlitPage

PAGES = ("overview", "cases", "case", "performance", "provenance")
MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|$<>~])")
# Streamlit leaves a hand's breadth of empty space around a page; a workstation shows the image there.
STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding: 3.9rem 1.4rem 1.5rem 1.4rem; }
[data-testid="stCaptionContainer"] { line-height: 1.35; }
</style>"""
EMPTY = "No run here yet. Make one with `xaimed audit MODEL --dataset NAME --out {root}/first`, then reload."


def route() -> None:
    """Run the page that the address names."""
    st.set_page_config(page_title="xaimed", page_icon="◐", layout="wide")
    st.html(STYLE)
    st.session_state["routed"] = True
    _navigation().run()


def _navigation() -> StreamlitPage:
    folder = Path(__file__).resolve().parent / "pages"
    pages = [st.Page(folder / f"{name}.py", title=name.capitalize(), url_path=name, default=name == PAGES[0])
             for name in PAGES]
    return st.navigation(pages, position="top")


def show(page: Callable[[Run], None]) -> None:
    """Run a page on the chosen run; a known problem becomes one line and the other pages go on."""
    if not st.session_state.get("routed"):
        # The first address after a start runs its file in pages/ without the router; declaring the
        # navigation makes Streamlit take the router from now on.
        _navigation()
        st.session_state["routed"] = True
        st.rerun()
    run = chosen_run()
    if run is None:
        return
    try:
        page(run)
    except XaimedError as error:
        st.error(plain(" ".join(str(error).split())))


def runs_folder() -> Path:
    """The folder that the command line gave."""
    return Path(os.environ.get("XAIMED_RUNS", "runs"))


def chosen_run() -> Run | None:
    """The run of the address or of the choice at the top, or None after saying why there is none."""
    found = found_runs(runs_folder())
    if not found:
        st.info(EMPTY.format(root=plain(runs_folder().name)))
        return None
    run = _choice(found)
    if run.problem:
        st.error(f"{plain(run.name)}: {plain(run.problem)}")
        return None
    return opened(str(run.path), stamp(run.path))


def _choice(found: tuple[Found, ...]) -> Found:
    names = [run.name for run in found]
    asked = str(st.query_params.get("run") or st.session_state.get("run_name") or "")
    if asked in names:
        st.session_state["run_choice"] = asked
    elif asked:
        told = asked if NAME.match(asked) else "of that name"
        st.warning(f"There is no run {plain(told)} in this folder; another one is shown.")
    left, right = st.columns([3, 1], vertical_alignment="center")
    with right:
        name = st.selectbox("Run", names, key="run_choice", on_change=_run_changed, label_visibility="collapsed",
                            format_func=lambda n: n if not found[names.index(n)].problem else f"{n} (cannot be opened)")
    chosen = found[names.index(name)]
    with left:
        _title(chosen)
    st.session_state["run_name"] = name
    return chosen


def _title(chosen: Found) -> None:
    if chosen.problem:
        st.markdown(f"**{plain(chosen.name)}**")
        return
    meta = opened(str(chosen.path), stamp(chosen.path)).meta
    model, data = meta.get("model", {}), meta.get("data", {})
    told = (f"**{plain(str(model.get('name', 'model')))}** on {plain(str(data.get('title') or data.get('name', '')))}"
            f" · {data.get('cases', '?')} cases of {data.get('patients', '?')} patients"
            f" · {plain(str(data.get('split', '')))}")
    st.markdown(told + ("  :orange-badge[SYNTHETIC DATA]" if data.get("synthetic") else ""))


def _run_changed() -> None:
    st.query_params.clear()
    st.query_params["run"] = st.session_state["run_choice"]
    st.session_state.pop("case_name", None)


@st.cache_resource(max_entries=8, show_spinner=False)
def opened(path: str, stamp: int) -> Run:  # noqa: ARG001 - the stamp makes a run that was written anew a new entry
    """The run, opened once for all sessions; read only."""
    return Run.open(path)


@st.cache_data(max_entries=8, show_spinner="Reading the cases")
def listed(path: str, stamp: int) -> pd.DataFrame:
    """The worklist of a run, made once."""
    return worklist.worklist(opened(path, stamp))


def plain(text: str) -> str:
    """The text with nothing in it that Markdown would act upon: no link, image, icon or emphasis."""
    return MARKUP.sub(r"\\\1", text).replace(":", ":\u200b").replace("\n", " ")
