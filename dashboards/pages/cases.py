"""Cases: the worklist with its filters; a click opens the case."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboards import shell
from dashboards.shelf import stamp
from xaimed.store import Run
from xaimed.viz import worklist

NAMES = {"case": "Case", "label": "Reference", "outcome": "Outcome", "score": "Score", "says": "Highest class",
         "lesions": "Lesions", "missed": "Missed", "false_positives": "False positives", "energy": "Energy in lesion"}


def cases(run: Run) -> None:
    table = shell.listed(str(run.path), stamp(run.path))
    kept = worklist.filtered(table, _filter(table))
    st.session_state["order"] = list(kept["case"])
    st.caption(f"{len(kept)} of {len(table)} cases. Hits by {worklist.HIT_RULE}, whatever the class, at the "
               f"operating point {worklist.operating_point(run):.3g}. Click a row to open the case.")
    if kept.empty:
        st.info("No case passes these filters.")
        return
    _table(run, kept)


def _filter(table: pd.DataFrame) -> worklist.Filter:
    groups = [name for name in table.columns if name.startswith("group_")]
    many = len(groups) > 3
    slots = st.columns(4 if many else 4 + len(groups), vertical_alignment="bottom")
    places = st.columns(len(groups)) if many else slots[4:]
    text = slots[0].text_input("Find a case", key="find", placeholder="name")
    outcomes = slots[1].multiselect("Outcome", worklist.outcomes_of(table), key="outcomes", placeholder="all")
    labels = slots[2].multiselect("Reference", sorted(table["label"].fillna("not known").unique()), key="labels",
                                  placeholder="all")
    chosen = {name: place.multiselect(_group_name(name), sorted(table[name].dropna().unique()), key=name,
                                      placeholder="all")
              for name, place in zip(groups, places, strict=True)}
    energy = slots[3].slider("Energy in lesion below", 0.0, 1.0, 1.0, 0.05, key="energy",
                             help="Mean share of the map's positive energy inside the reference lesion; "
                                  "1 keeps all cases, those without a lesion or map too.")
    return worklist.Filter(tuple(outcomes), tuple(labels), chosen, energy if energy < 1 else None, text)


def _group_name(column: str) -> str:
    return column.removeprefix("group_").replace("_", " ").capitalize()


def _table(run: Run, kept: pd.DataFrame) -> None:
    columns = {name: st.column_config.Column(title) for name, title in NAMES.items()}
    columns |= {name: st.column_config.Column(_group_name(name)) for name in kept.columns if "group_" in name}
    columns["score"] = st.column_config.ProgressColumn("Score", format="%.2f", min_value=0.0, max_value=1.0)
    columns["energy"] = st.column_config.NumberColumn("Energy in lesion", format="%.2f")
    event = st.dataframe(kept.reset_index(drop=True), hide_index=True, column_config=columns, key="worklist",
                         on_select="rerun", selection_mode=["single-row", "single-cell"], height=520,
                         alt="The worklist: one row for each case")
    picked = event["selection"]["rows"] or [row for row, _ in event["selection"]["cells"]]
    if picked:
        st.switch_page("pages/case.py", query_params={"run": run.path.name, "case": kept["case"].iloc[picked[0]]})


shell.show(cases)
