"""Cases: the worklist of one run or of several, filtered, ordered and paged here; a click opens the case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboards import downloads, shell
from dashboards.shelf import stamp
from xaimed import feedback
from xaimed.plural import plural
from xaimed.store import Run
from xaimed.viz import first_measure, trust, wording, worklist
from xaimed.viz.names import pretty

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.elements.lib.mutable_popover_container import PopoverContainer

NAMES = {"case": "Case", "run": "Run", "outcome": "Outcome", "label": "Reference", "says": "Class of the score",
         "score": "Score", **{name: pretty(name) for name in first_measure.FIRST},
         "rank_correlation": "Methods agree", "trust": "Trust in the maps", "feedback": "Feedback",
         "group_site": "Site", "group_view": "View", "group_side": "Side", "group_density": "Density",
         "lesions": "Lesions", "missed": "Missed", "false_positives": "False positives", "energy": "Energy in lesion"}
ORDERS = {"rank_correlation": "how far the methods agree", "energy": "energy in lesion",
          "false_positives": "false positives", "label": "reference"}
SIZES = (25, 50, 100, 200)
# What a dash means in a column of numbers.
DASHES = {"energy": "Mean share of the positive energy of the case's maps that lies inside the reference lesion. "
                    "–: the case has no reference lesion, or no map was made of it.",
          "rank_correlation": "How alike the maps of the methods are: rank correlation, 1 the same, 0 unrelated. –: "
                              "fewer than two methods made a map of the case, or this run did not measure it."}
SCORE = ("One score for a case. Of a detector the score of the whole image for the class to be found, which the AUC is "
         "made of, or that of the highest box where the model gives images none; of other models the highest class.")
# What a run whose answers are in pixels has nothing of, and one without boxes.
DECIDED = ("outcome", "says", "score", "missed", "false_positives")
ROW_PIXELS, FEW, TALLEST = 35, 8, 427  # few rows stand as they are; more fill the window and scroll


def cases(run: Run) -> None:
    slots = st.columns(6, vertical_alignment="bottom")
    # What stands in it is made only while it is open: of a closed one the browser sends back nothing it was told.
    more = slots[5].popover("More filters", width="stretch", key="more_filters", on_change="rerun")
    runs = _runs(run, more)
    table = _listed(runs)
    wanted = _filter(table, slots[:5], more, worklist.gravest_words(run))
    only = bool(st.session_state.get("only_missed")) and bool((table["missed_positive"] > 0).any())
    places = _places(table, worklist.Filter(worklist.MISSED_CANCERS) if only else wanted)
    if len({_data_of(one) for one in runs}) > 1:
        st.warning("These runs are of different data: cases of the same name may be different images.")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if table["counted"].any():
            _missed(table, runs)
        counted = _counted(table, runs)
        st.caption(f"{len(places)} of {plural(len(table), 'case')}. {counted}Click a row to open the case.",
                   help=trust.RULES)
    if not len(places):
        st.info("No case passes these filters.")
        return
    if common := _trust_of_all(table):
        st.caption(shell.plain(f"Trust in the maps, of every case with maps: {'; '.join(common)}. The column says what "
                               "there is besides."))
    _page(table, places, _units(runs))


def _trust_of_all(table: pd.DataFrame) -> list[str]:
    """What is said of the maps of every case that has any, in parts; said once, it leaves room for the rest."""
    told = [str(words).split("; ") for words in table["trust"].unique() if words != trust.NO_MAP]
    return [part for part in told[0] if all(part in parts for parts in told)] if told else []


def _trust_besides(words: str, common: Sequence[str]) -> str:
    """What is said of the maps of a case besides what is said of all."""
    return "; ".join(part for part in words.split("; ") if part not in common) or "nothing more"


def _units(runs: Sequence[Run]) -> dict[str, str]:
    """The titles of the columns of measures of answers in pixels, with their units."""
    found: dict[str, list[str]] = {}
    for run in runs:
        if name := first_measure.name_of(run):
            found.setdefault(name, []).append(first_measure.unit(run, name))
    return {name: f"{pretty(name)} ({', '.join(dict.fromkeys(units))})" if any(units) else pretty(name)
            for name, units in found.items()}


def _counted(table: pd.DataFrame, runs: Sequence[Run]) -> str:
    """How misses and false positives are counted; "" where they are not."""
    firsts = table.drop_duplicates("run")
    kinds = dict(zip(firsts["run"], firsts["counted"], strict=True))
    deciding = [one for one in runs if kinds.get(one.path.name)]
    points = ", ".join(f"{worklist.operating_point(one):.3g}" + (f" ({one.path.name})" if len(runs) > 1 else "")
                       for one in deciding)
    if not points:
        return ""
    hits = f"Hits by {worklist.HIT_RULE}, whatever the class, at" if worklist.BOXES in kinds.values() else "Classes at"
    # A score and a hit can disagree: one is of the image, the other of boxes.
    image = " The score is the image's, not that of a box." if worklist.BOXES in kinds.values() else ""
    return f"{hits} the operating point {points}.{image} "


def _missed(table: pd.DataFrame, runs: Sequence[Run]) -> None:
    """One click to the missed cancers, the gravest first, and one back to where the reader was."""
    words = " or ".join(dict.fromkeys(worklist.missed_words(one) for one in runs))
    count = int((table["missed_positive"] > 0).sum())
    st.toggle(f"{words.capitalize()}: {count}", key="only_missed", disabled=not count,
              help="Only cases in which the model missed a lesion or an image of the class to be found, whatever the "
                   "other filters say.")


def _places(table: pd.DataFrame, wanted: worklist.Filter) -> NDArray[np.int64]:
    """The rows of the worklist to show, in order; found anew only where the list, filter or order changed."""
    by, descending = st.session_state["order_by"], st.session_state["descending"]
    asked = (tuple(table["run"].unique()), len(table), shell.heads(), repr(wanted), by, descending)
    kept = st.session_state.get("kept")
    if kept is None or kept[0] != asked:
        shown = worklist.ordered(worklist.filtered(table, wanted), by, descending != (by in worklist.FALLING))
        kept = st.session_state["kept"] = (asked, shown.index.to_numpy(np.int64))
        st.session_state["order"] = {str(name): own.tolist() for name, own in shown.groupby("run", sort=False)["case"]}
    places: NDArray[np.int64] = kept[1]
    return places


def _runs(run: Run, more: PopoverContainer) -> list[Run]:
    """The runs whose cases are listed: the chosen one, and others that the reader adds."""
    others = [found for found in shell.openable() if found.name != run.path.name]
    if not others:
        return [run]
    names = [found.name for found in others]
    kept = [name for name in st.session_state.get("runs_listed", []) if name in names]
    st.session_state["runs_listed"] = kept
    if more.open:
        kept = more.multiselect("Cases of other runs too", names, key="runs_listed", placeholder="this run only")
    return [run, *(shell.opened(str(one.path), stamp(one.path)) for one in others if one.name in kept)]


def _data_of(run: Run) -> tuple[str, str]:
    data = run.meta.get("data", {})
    return str(data.get("manifest", "")), str(data.get("selection", ""))


def _listed(runs: list[Run]) -> pd.DataFrame:
    """The worklists of the runs under each other, with what readers said."""
    parts = []
    for run in runs:
        table = shell.listed(str(run.path), stamp(run.path))
        said = feedback.by_case(shell.said(run))
        parts.append(table.assign(feedback=table["case"].map(said).fillna("") if len(said) else ""))
    return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)


def _filter(table: pd.DataFrame, slots: Sequence[DeltaGenerator], more: PopoverContainer,
            gravest: str) -> worklist.Filter:
    text = slots[0].text_input("Find a case", key="find", placeholder="name, class, group",
                               help="All the words must occur in a row, in any column: malignant L-CC.")
    kinds = ["", *(kind for kind in worklist.KINDS[1:] if table["counted"].any() or not kind.startswith("false"))]
    if st.session_state.get("kind") not in kinds:
        st.session_state["kind"] = ""
    kind = slots[1].selectbox("Show", kinds, key="kind", format_func=lambda name: name or "all cases")
    outcomes = slots[2].multiselect("Outcome", worklist.outcomes_of(table), key="outcomes", placeholder="all",
                                    disabled=not table["counted"].any())
    labels = slots[3].multiselect("Reference", sorted(table["label"].fillna("not known").unique()), key="labels",
                                  placeholder="all")
    with slots[4]:
        _order(table, gravest)
    chosen = _groups(table, more)
    # Written anew: with the slider its value goes, and what stood there before it would come back.
    energy = st.session_state["energy"] = float(st.session_state.get("energy", 1.0))
    if more.open:
        energy = more.slider("Energy in lesion below", 0.0, 1.0, step=0.05, key="energy",
                             help="Mean share of the map's positive energy inside the reference lesion; "
                                  "1 keeps all cases, those without a lesion or map too.")
    return worklist.Filter(kind, tuple(outcomes), tuple(labels), chosen, energy if energy < 1 else None, text)


def _groups(table: pd.DataFrame, more: PopoverContainer) -> dict[str, list[str]]:
    """For each group column the values that are kept."""
    found = {}
    for name in (name for name in table.columns if name.startswith("group_")):
        values = sorted(table[name].dropna().astype(str).unique())
        found[name] = st.session_state[name] = [one for one in st.session_state.get(name, []) if one in values]
        if more.open:
            found[name] = more.multiselect(_group_name(name), values, key=name, placeholder="all")
    return found


def _order(table: pd.DataFrame, gravest: str) -> None:
    """The order, also set by a click on a column's title; the same title again turns it round."""
    shown = set(_columns(table))
    names = [worklist.GRAVEST, *(name for name in NAMES if name in shown),
             *(name for name in table if name.startswith("group_") and name not in NAMES)]
    asked = st.session_state.pop("asked_order", None)
    if asked in names:
        same = st.session_state.get("order_by") == asked
        st.session_state["descending"] = same and not st.session_state.get("descending", False)
        st.session_state["order_by"] = asked
    if st.session_state.get("order_by") not in names:
        st.session_state["order_by"] = worklist.GRAVEST
    st.selectbox("Order", names, key="order_by", help=gravest,
                 format_func=lambda name: ORDERS.get(name, NAMES.get(name, _group_name(name))).lower())
    st.session_state.setdefault("descending", False)


def _group_name(column: str) -> str:
    return column.removeprefix("group_").replace("_", " ").capitalize()


def _page(table: pd.DataFrame, places: NDArray[np.int64], titles: dict[str, str]) -> None:
    size = int(st.session_state.setdefault("page_size", SIZES[1]))
    here, pages = worklist.page(places, int(st.session_state.get("page_number", 1)), size)
    shown = table.loc[here]
    # The place of the table is above its controls, which decide what it shows.
    common = _trust_of_all(table)
    place = st.container(height=TALLEST, border=False, key="worklist_place") if len(shown) > FEW else st.container()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.session_state["page_number"] = min(int(st.session_state.get("page_number", 1)), pages)
        st.number_input(f"Page, of {pages}", 1, pages, key="page_number", width=150)
        st.selectbox("Rows", SIZES, key="page_size", width=110)
        st.toggle("Reverse order", key="descending")
        # By name: a place in the list would be that of another case after a step or in another order.
        several = table["run"].nunique() > 1
        named = {f"{row.case} ({row.run})" if several else str(row.case): row.Index for row in shown.itertuples()}
        chosen = st.selectbox("Case", list(named), width=280, key="case_to_open")
        if st.button("Open"):
            _open(shown.loc[named[chosen]])
        downloads.numbers("worklist", lambda: table.loc[places], "All of them (CSV)")
    with place:
        besides = shown["trust"].map(lambda words: _trust_besides(str(words), common))
        _table(shown.assign(trust=besides), _columns(table), titles)


def _columns(table: pd.DataFrame) -> list[str]:
    """The columns to show: the same for every page of a list, without measures that no case of it has."""
    counted = set(table["counted"].unique())
    none = set() if counted - {""} else set(DECIDED)
    none |= {"lesions"} if worklist.BOXES not in counted else set()
    none |= {name for name in ("energy", "rank_correlation", *first_measure.FIRST) if name in table
             and table[name].isna().all()}
    none |= {"run"} if table["run"].nunique() < 2 else set()
    order = [name for name in NAMES if name in table and name not in none]
    return order + [name for name in table if name.startswith("group_") and name not in NAMES]


def _table(shown: pd.DataFrame, order: list[str], titles: dict[str, str]) -> None:
    columns = {name: st.column_config.Column(NAMES.get(name, _group_name(name))) for name in order}
    columns["score"] = st.column_config.ProgressColumn("Score", format="%.2f", min_value=0.0, max_value=1.0,
                                                       help=SCORE)
    columns |= {name: st.column_config.NumberColumn(title, format="%.2f") for name, title in titles.items()}
    for name in ("outcome", "feedback"):
        columns[name] = st.column_config.Column(NAMES[name], width="medium")
    for name, why in DASHES.items():
        columns[name] = st.column_config.NumberColumn(NAMES[name], format="%.2f", help=why)
    event = st.dataframe(shown[order].reset_index(drop=True), hide_index=True, column_config=columns, key="worklist",
                         on_select="rerun", selection_mode=["single-row", "single-cell", "single-column"],
                         height="stretch" if len(shown) > FEW else ROW_PIXELS * (len(shown) + 1) + 3,
                         placeholder=wording.MISSING, alt="The worklist: one row for each case")
    picked = event["selection"]["rows"] or [row for row, _ in event["selection"]["cells"]]
    if picked:
        _open(shown.iloc[picked[0]])
    clicked = event["selection"]["columns"]
    if clicked and clicked[0] != st.session_state.get("title_seen"):
        st.session_state["asked_order"] = st.session_state["title_seen"] = clicked[0]
        st.rerun()
    if not clicked:
        st.session_state.pop("title_seen", None)


def _open(row: pd.Series[str]) -> None:
    st.session_state["run_name"] = row["run"]
    st.switch_page("pages/case.py", query_params={"run": row["run"], "case": row["case"]})


shell.show(cases)
