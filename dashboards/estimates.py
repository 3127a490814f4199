"""Tables of estimates on the pages: every number with its rule, count and kind of interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from dashboards import downloads
from xaimed.stats import Estimate, Results
from xaimed.store import Run
from xaimed.viz import charts, wording

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Plot:
    """A kind of curve: its title, its chart, the report's drawing of it, and what is said where it is flat."""

    kind: str
    title: str
    chart: Callable[[Results], go.Figure]
    draw: Callable[[Run], Figure] | None = None
    flat: str = ""
    note: str = ""


def table(title: str, estimates: Sequence[Estimate], name: str) -> None:
    """A table with everything that is known of each estimate, and the same as CSV."""
    st.markdown(f"##### {title}")
    if not estimates:
        st.caption("NOT ASSESSED: this run holds no such estimate.")
        return
    found = wording.estimate_table(estimates)
    numbers = {column: st.column_config.NumberColumn(format="%.3f") for column in ("value", "low", "high")}
    st.dataframe(found, hide_index=True, column_config=numbers, key=name, placeholder=wording.MISSING, alt=title)
    downloads.numbers(name, found, f"{title} (CSV)")


def plots(run: Run, wanted: Sequence[Plot]) -> None:
    """The curves that the run has, side by side, each with its numbers to take along."""
    have = [plot for plot in wanted if charts.curves_of(run.results, plot.kind)]
    if not have:
        st.info("NOT ASSESSED: this run holds no such curve.")
    for column, plot in zip(st.columns(max(1, len(have)), gap="medium"), have, strict=False):
        with column:
            _plot(run, plot)


def _plot(run: Run, plot: Plot) -> None:
    st.markdown(f"##### {plot.title}")
    if not charts.drawable(run.results, plot.kind):
        st.info(f"NOT ASSESSED: {plot.flat}")
        return
    st.plotly_chart(plot.chart(run.results), key=plot.kind, config={"displaylogo": False}, alt=plot.title)
    if plot.note:
        st.caption(plot.note)
    downloads.beside(plot.kind, charts.curve_table(run.results, plot.kind), run, plot.draw,
                     f"{plot.title} (CSV)")
