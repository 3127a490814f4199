"""Performance: FROC, ROC and calibration, and every estimate with its rule, count and interval."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from dashboards import shell
from xaimed.stats import Results
from xaimed.store import Run
from xaimed.viz import charts, wording

if TYPE_CHECKING:
    import plotly.graph_objects as go

FIGURES: dict[str, tuple[str, Callable[[Results], go.Figure]]] = {
    "froc": ("Lesions found against false positives", charts.froc_chart),
    "roc": ("Images told apart", charts.roc_chart),
    "reliability": ("Calibration", charts.reliability_chart),
}


def performance(run: Run) -> None:
    drawn = [kind for kind in FIGURES if charts.curves_of(run.results, kind)]
    if not drawn:
        st.info("This run holds no curve.")
    for column, kind in zip(st.columns(max(1, len(drawn)), gap="medium"), drawn, strict=False):
        title, figure = FIGURES[kind]
        with column:
            st.markdown(f"##### {title}")
            st.plotly_chart(figure(run.results), key=kind, config={"displaylogo": False}, alt=title)
    _estimates(run)


def _estimates(run: Run) -> None:
    st.markdown("##### All estimates")
    groups = sorted({e.group for e in run.results.estimates}, key=lambda group: (group != "all", group))
    wanted = st.multiselect("Group", groups, default=groups[:1], key="groups", placeholder="all groups")
    table = wording.estimate_table([e for e in run.results.estimates if not wanted or e.group in wanted])
    numbers = {name: st.column_config.NumberColumn(format="%.3f") for name in ("value", "low", "high")}
    st.dataframe(table, hide_index=True, column_config=numbers, key="estimates", alt="All estimates")


shell.show(performance)
