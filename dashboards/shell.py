"""What every page shares: who may look, the choice of the run, messages in one line, text that stays text."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboards import altered, faults, login, openstudy, visits
from dashboards.shelf import NOT_A_RUN, Found, found_runs, other_folders, stamp
from xaimed import feedback
from xaimed.errors import XaimedError
from xaimed.journal import Journal
from xaimed.plural import plural
from xaimed.store import Run
from xaimed.types import NAME
from xaimed.viz import worklist

if TYPE_CHECKING:
    from streamlit.navigation.page import Page as StreamlitPage

PAGES = ("overview", "cases", "case", "explainability", "performance", "calibration", "subgroups", "robustness",
         "failures", "feedback", "provenance", "study")
# Choices that outlive the page that asks for them; a widget's own state ends with its page.
KEPT = ("find", "kind", "only_missed", "outcomes", "labels", "energy", "order_by", "descending", "page_size", "reader",
        "runs_listed")
MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|$<>~])")
# Streamlit leaves a hand's breadth of empty space around a page; a workstation shows the image there.
STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding: 3.9rem 1.4rem 1.5rem 1.4rem; }
[data-testid="stCaptionContainer"] { line-height: 1.35; opacity: 0.82 !important; }
button[data-variant="segmented_control"][aria-checked="true"] { color: inherit !important; font-weight: 600; }
a:focus-visible { outline: 2px solid currentColor !important; outline-offset: 2px; }
.st-key-steps { flex-wrap: nowrap; } .st-key-steps > [data-testid="stElementContainer"]:last-child { min-width: 0; }
div:has(> .st-key-worklist_place) { flex: 0 0 max(330px, 100vh - 342px) !important; }
div:has(> .st-key-findings) { flex: 0 0 max(420px, 100vh - 430px) !important; }
.st-key-worklist_place > div, .st-key-worklist_place [data-testid="stFullScreenFrame"],
.st-key-worklist_place [data-testid="stDataFrame"] { height: 100% !important; }
</style>"""
EMPTY = "No run here yet. Make one with `xaimed audit MODEL --dataset NAME --out {root}/first`, then reload."
MOST_OTHERS = 20  # folders without a run that the choice names


def route() -> None:
    """Run the page that the address names."""
    st.set_page_config(page_title="xaimed", page_icon="◐", layout="wide")
    st.html(STYLE)
    st.session_state["routed"] = True
    if login.admitted():
        page = _navigation()
        # The page's name first, so that tabs are told apart; never a case or a patient.
        st.set_page_config(page_title=f"{page.title} · xaimed")
        page.run()


def _keep_choices(page: str) -> None:
    """Bring back the choices of a page that the reader left; Streamlit forgets them with the page."""
    turned = st.session_state.get("page_shown") != page
    st.session_state["page_shown"] = page
    kept: dict[str, object] = st.session_state.setdefault("choices", {})
    kept |= {str(name): st.session_state[name] for name in st.session_state
             if name in KEPT or str(name).startswith("group_")}
    for name, value in kept.items():
        # On another page they are written anew: what stood there before the reader's choice would come back.
        if turned or name not in st.session_state:
            st.session_state[name] = value


def _navigation() -> StreamlitPage:
    folder = Path(__file__).resolve().parent / "pages"
    pages = [st.Page(folder / f"{name}.py", title=name.capitalize(), url_path=name) for name in PAGES[1:]]
    # The first page stands at the bare address, whatever it is called; its name leads to it too.
    first = folder / f"{PAGES[0]}.py"
    pages = [st.Page(first, title=PAGES[0].capitalize(), url_path="start", default=True), *pages,
             st.Page(first, title=PAGES[0].capitalize(), url_path=PAGES[0], visibility="hidden")]
    return st.navigation(pages, position="top")


def show(page: Callable[[Run], None]) -> None:
    """Run a page on the chosen run; a known problem becomes one line and the other pages go on."""
    if not st.session_state.get("routed"):
        # The first address after a start runs its file in pages/ without the router; declaring the
        # navigation makes Streamlit take the router from now on.
        _navigation()
        st.session_state["routed"] = True
        st.rerun()
    if not login.admitted():
        return
    _keep_choices(page.__name__)
    run = chosen_run()
    if run is None:
        return
    if not openstudy.may_show(run, page.__name__):
        return
    visits.note(run, page.__name__)
    if changed := altered.told(run):
        st.warning(plain(changed))
    try:
        page(run)
    except XaimedError as error:
        st.error(plain(faults.told(error)))


def runs_folder() -> Path:
    """The folder that the command line gave."""
    return Path(os.environ.get("XAIMED_RUNS", "runs"))


def chosen_run() -> Run | None:
    """The run of the address or of the choice at the top, or None after saying why there is none."""
    folder = runs_folder()
    found = found_runs(folder)
    if not found:
        _no_run(folder)
        return None
    run = _choice(found, other_folders(folder)[:MOST_OTHERS])
    if run.problem:
        st.error(plain(run.problem if run.name in run.problem else f"{run.name}: {run.problem}"))
        return None
    return opened(str(run.path), stamp(run.path))


def _no_run(folder: Path) -> None:
    """Say what is there instead of a run."""
    if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        st.warning(f"{plain(folder.name)}: {NOT_A_RUN}")
    st.info(EMPTY.format(root=plain(folder.name)))


def _choice(runs: tuple[Found, ...], others: tuple[Found, ...]) -> Found:
    found = (*runs, *others)
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
                            format_func=lambda n: f"{n} ({state})" if (state := found[names.index(n)].state) else n)
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
            f" · {_counted(data.get('cases'), 'case')} of {_counted(data.get('patients'), 'patient')}"
            f" · {plain(str(data.get('split', '')))}")
    st.markdown(told + ("  :orange-badge[SYNTHETIC DATA]" if data.get("synthetic") else ""))


def _counted(count: object, noun: str) -> str:
    return plural(count, noun) if isinstance(count, int) else f"an unknown number of {noun}s"


def _run_changed() -> None:
    st.query_params.clear()
    st.query_params["run"] = st.session_state["run_choice"]
    st.session_state.pop("case_name", None)


@st.cache_resource(max_entries=8, show_spinner=False)
def opened(path: str, stamp: int) -> Run:  # noqa: ARG001 - the stamp makes a run that was written anew a new entry
    """The run, opened once for all sessions; read only."""
    return Run.open(path)


# A resource, not data: the table of a large run is shared and read only, and is not copied at every look.
@st.cache_resource(max_entries=8, show_spinner="Reading the cases")
def listed(path: str, stamp: int) -> pd.DataFrame:
    """The worklist of a run, made once."""
    return worklist.worklist(opened(path, stamp))


@st.cache_resource(max_entries=8, show_spinner=False)
def gravest_first(path: str, stamp: int) -> list[str]:
    """The cases of a run as its worklist lists them at first."""
    return list(map(str, worklist.ordered(listed(path, stamp))["case"]))


def said(run: Run) -> pd.DataFrame:
    """What readers said of the maps of a run; empty after saying why the journal cannot be read."""
    try:
        return _said(str(run.path), stamp(run.path), feedback.journal_of(run).head)
    except XaimedError as error:
        st.warning(plain(faults.told(error)))
        return pd.DataFrame(columns=list(feedback.COLUMNS))


@st.cache_data(max_entries=8, show_spinner=False)
def _said(path: str, stamp: int, head: str) -> pd.DataFrame:  # noqa: ARG001 - the head makes new feedback a new entry
    return feedback.opinions(opened(path, stamp))


def journal_folder() -> Path:
    """Where the journal stands: beside the runs, also where the folder that was given is one run."""
    folder = runs_folder().absolute()
    return folder.parent if (folder / "run.json").is_file() else folder


def heads() -> str:
    """What changes whenever something is written into the journal of the folder; "" where it cannot be read."""
    try:
        return Journal(journal_folder()).head
    except XaimedError:
        return ""


def openable() -> list[Found]:
    """The runs of the folder that can be opened, newest first."""
    return [run for run in found_runs(runs_folder()) if not run.problem]


def plain(text: str) -> str:
    """The text with nothing in it that Markdown would act upon: no link, image, icon or emphasis."""
    return MARKUP.sub(r"\\\1", text).replace(":", ":\u200b").replace("\n", " ")
