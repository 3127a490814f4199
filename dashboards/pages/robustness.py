"""Robustness: what changes when the image is disturbed, and whether a map stays when nothing that matters does."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboards import downloads, shell
from xaimed.store import Run
from xaimed.viz import conditions, forest


def robustness(run: Run) -> None:
    _model(run)
    _maps(run)


def _model(run: Run) -> None:
    st.markdown("##### The model under other conditions")
    table = conditions.changes(run)
    if table.empty:
        st.info("NOT ASSESSED: this audit measured the model on the images as they are, under no other condition.")
        return
    st.plotly_chart(forest.forest_chart(table, 0.0, "mean change of a case's highest score"), key="conditions",
                    config={"displaylogo": False}, alt="Mean change of the score under each condition")
    st.caption("Each case's highest score under the condition less that on the image as it is; 95 % interval by "
               "patient bootstrap. Flipped: cases that cross the operating point.")
    st.dataframe(table, hide_index=True, alt="Changes under each condition")
    downloads.numbers("conditions", table)


def _maps(run: Run) -> None:
    st.markdown("##### The explanations")
    table = conditions.map_robustness(run)
    if table.empty:
        st.info("NOT ASSESSED: this audit did not measure whether maps repeat, or hold under small disturbance.")
        return
    _shown(table)


def _shown(table: pd.DataFrame) -> None:
    numbers = {name: st.column_config.NumberColumn(format="%.3f") for name in ("median", "low quartile",
                                                                             "high quartile")}
    st.dataframe(table, hide_index=True, column_config=numbers, alt="Robustness of the maps by method")
    downloads.numbers("map-robustness", table)


shell.show(robustness)
