"""Robustness: what changes when the image is disturbed, and whether a map stays when nothing that matters does."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboards import downloads, shell
from xaimed.store import Run
from xaimed.viz import conditions, forest, probes


def robustness(run: Run) -> None:
    _model(run)
    _maps(run)


def _model(run: Run) -> None:
    st.markdown("##### The model under other conditions")
    table = probes.measures(run)
    if not table.empty:
        _measures(run, table)
    elif probes.conditions(run):
        _scores(run)
    else:
        st.info("NOT ASSESSED: this audit measured the model on the images as they are, under no other condition.")
        return
    _asked(run)


def _measures(run: Run, table: pd.DataFrame) -> None:
    """The change of one measure under every probe, as the report draws it, then the answers and maps that moved."""
    known = {name + (f" ({rule})" if rule else ""): (name, rule)
             for name, rule in zip(table["measure"], table["rule"], strict=True)}
    measure = known[st.selectbox("Measure", list(known), key="probe_measure")]
    rows = probes.changes_of(table, measure)
    st.plotly_chart(forest.forest_chart(rows, 0.0, f"change in {measure[0]}"), key="probes",
                    config={"displaylogo": False}, alt=f"Change in {measure[0]} under each probe with its interval")
    st.caption("Under the probe minus clean, on the same cases; 95 % interval of the paired patient bootstrap. Dotted: "
               "no change. A control (random weights) has to fall to chance: it shows that harm would be seen. "
               "Intervals are not corrected for the number of probes.")
    own = table[(table["measure"] == measure[0]) & (table["rule"] == measure[1])]
    hidden = ["condition", "measure", "rule", "control", "interval"]
    _table(own.drop(columns=hidden), f"{measure[0]} under each probe")
    downloads.beside("probes", table, run, probes.probe_figure)
    shares = probes.shares(run)
    if not shares.empty:
        st.markdown("##### Answers and maps that moved")
        st.caption("Shares of images and detections whose answer is another under the probe; rank correlation, and "
                   "overlap of the highest tenth, of maps whose prediction still matches (same map: 1; nothing in "
                   "common: 0 and 0.1).")
        _table(shares.drop(columns=["condition", "interval"]), "Answers and maps under each probe")
        downloads.numbers("probe-shares", shares)


def _scores(run: Run) -> None:
    """Of a run that stored scores under probes and no measure of them: how far the scores moved."""
    table = conditions.changes(run)
    st.plotly_chart(forest.forest_chart(table, 0.0, "mean change of a case's highest score"), key="conditions",
                    config={"displaylogo": False}, alt="Mean change of the score under each condition")
    st.caption("Each case's highest score under the condition less that on the image as it is; 95 % interval by "
               "patient bootstrap. Flipped: cases that cross the operating point.")
    st.dataframe(table, hide_index=True, alt="Changes under each condition")
    downloads.numbers("conditions", table)


def _asked(run: Run) -> None:
    table = probes.asked(run)
    with st.expander("What each condition is, and which cases it could not serve"):
        st.dataframe(table.drop(columns=["condition"]), hide_index=True, alt="The conditions")


def _maps(run: Run) -> None:
    st.markdown("##### The explanations")
    table = conditions.map_robustness(run)
    if table.empty:
        st.info("NOT ASSESSED: this audit did not measure whether maps repeat, or hold under small disturbance.")
        return
    numbers = {name: st.column_config.NumberColumn(format="%.3f") for name in ("median", "low quartile",
                                                                             "high quartile")}
    st.dataframe(table, hide_index=True, column_config=numbers, alt="Robustness of the maps by method")
    downloads.numbers("map-robustness", table)


def _table(table: pd.DataFrame, alt: str) -> None:
    numbers = {str(name): st.column_config.NumberColumn(format="%.3f") for name in table.columns
               if name in ("clean", "value", "low", "high", "change", "change_low", "change_high")}
    st.dataframe(table, hide_index=True, column_config=numbers, alt=alt)


shell.show(robustness)
