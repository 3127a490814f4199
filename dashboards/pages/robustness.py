"""Robustness: what changes when the image is disturbed, and whether a map stays when nothing that matters does."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboards import downloads, shell
from xaimed.store import Run
from xaimed.viz import conditions, forest, probes, wording

# What stands over the columns of the tables of xaimed.viz; one that has no heading is not shown.
HEADS = {"name": "Condition", "share": "What moved", "metric": "Metric", "method": "Method", "better": "Better",
         "clean": "Without it", "value": "Under it", "low": "from", "high": "to", "change": "Change",
         "change_low": "Change from", "change_high": "Change to", "numerator": "Moved", "count": "Counted",
         "unit": "Unit", "flipped": "Cases that cross", "says": "What it does", "level": "Level",
         "served": "Cases served", "refused": "Not served", "median": "Median", "low quartile": "Low quartile",
         "high quartile": "High quartile", "maps": "Maps", "interval": "Interval by",
         "why": "Why no number or interval"}


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
    st.caption("Under the probe minus clean, on the same cases; how each 95 % interval was made stands in the table: "
               "where hardly an answer changed, few patients leave it wide. Dotted: no change. A control (random "
               "weights) has to fall to chance: it shows that harm would be seen. Intervals are not corrected for the "
               "number of probes.")
    own = table[(table["measure"] == measure[0]) & (table["rule"] == measure[1])]
    _table(own, f"{measure[0]} under each probe")
    downloads.beside("probes", table, run, probes.probe_figure, "Changes (CSV)")
    shares = probes.shares(run)
    if not shares.empty:
        st.markdown("##### Answers and maps that moved")
        st.caption("Shares of images and detections whose answer is another under the probe; rank correlation, and "
                   "overlap of the highest tenth, of maps whose prediction still matches (same map: 1; nothing in "
                   "common: 0 and 0.1).")
        _table(shares, "Answers and maps under each probe")
        downloads.numbers("probe-shares", shares, "Answers and maps (CSV)")


def _scores(run: Run) -> None:
    """Of a run that stored scores under probes and no measure of them: how far the scores moved."""
    table = conditions.changes(run)
    st.plotly_chart(forest.forest_chart(table, 0.0, "mean change of a case's highest score"), key="conditions",
                    config={"displaylogo": False}, alt="Mean change of the score under each condition")
    st.caption("Each case's highest score under the condition less that on the image as it is; 95 % interval by "
               "patient bootstrap. Flipped: cases that cross the operating point.")
    _table(table, "Changes under each condition")
    downloads.numbers("conditions", table, "Changes of the score (CSV)")


def _asked(run: Run) -> None:
    table = probes.asked(run)
    with st.expander("What each condition is, and which cases it could not serve"):
        _table(table, "The conditions")


def _maps(run: Run) -> None:
    st.markdown("##### The explanations")
    table = conditions.map_robustness(run)
    if table.empty:
        st.info("NOT ASSESSED: this audit did not measure whether maps repeat, or hold under small disturbance.")
        return
    _table(table, "Robustness of the maps by method")
    downloads.numbers("map-robustness", table, "Robustness of the maps (CSV)")


def _table(table: pd.DataFrame, alt: str) -> None:
    """The columns that say something, under their headings in words."""
    said = [name for name in table if name in HEADS and not table[name].isin(["", None]).all()]
    shown = table[said].rename(columns=HEADS)
    numbers = {name: st.column_config.NumberColumn(format="%.3f") for name in shown.select_dtypes("float")
               if name not in ("Counted", "Moved")}
    st.dataframe(shown, hide_index=True, column_config=numbers, placeholder=wording.MISSING, alt=alt)


shell.show(robustness)
