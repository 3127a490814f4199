"""What stands behind a figure, to take along: its numbers as CSV and the report's own drawing of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from xaimed.report.attachments import scores_csv
from xaimed.store import Run
from xaimed.viz import figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def numbers(name: str, table: pd.DataFrame | Callable[[], pd.DataFrame], label: str = "Data (CSV)") -> None:
    """A button that gives the table as CSV, in which no text is a formula; a large one is made when asked for."""
    st.download_button(label, data=lambda: scores_csv(table() if callable(table) else table),
                       file_name=_file(name, "csv"), mime="text/csv", key=f"csv-{name}", on_click="ignore",
                       type="tertiary")


def _file(name: str, kind: str) -> str:
    """The name of the file, with that of the run that is shown before it."""
    return "-".join(filter(None, (str(st.session_state.get("run_name", "")), f"{name}.{kind}")))


def drawing(name: str, run: Run, draw: Callable[[Run], Figure]) -> None:
    """A button that gives the figure as the PDF report draws it."""
    st.download_button("As in the report (SVG)", data=lambda: figures.svg(draw(run)), file_name=_file(name, "svg"),
                       mime="image/svg+xml", key=f"svg-{name}", on_click="ignore", type="tertiary")


def beside(name: str, table: pd.DataFrame, run: Run | None = None, draw: Callable[[Run], Figure] | None = None,
           label: str = "Data (CSV)") -> None:
    """The buttons of one figure in a row; label: of the first, so that two figures of a page are told apart."""
    with st.container(horizontal=True, gap="small"):
        numbers(name, table, label)
        if run is not None and draw is not None:
            drawing(name, run, draw)
