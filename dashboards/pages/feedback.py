"""Feedback: all that readers said of the maps of this model, counted, and to take along as CSV."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboards import downloads, shell
from xaimed import feedback as journal
from xaimed.feedback import VERDICTS
from xaimed.plural import plural
from xaimed.store import Run
from xaimed.viz.charts import plain_name

SHOWN = ("time", "reader", "case", "target", "method", "verdict", "comment", "run")
NAMES = {"time": "Time (UTC)", "reader": "Reader", "case": "Case", "target": "Target", "method": "Method",
         "verdict": "Opinion", "comment": "Comment", "run": "Said in run"}
NONE = "No reader has said anything of this model's maps yet: open a case and record an opinion there."


def feedback(run: Run) -> None:
    table = shell.said(run)
    if table.empty:
        st.info(NONE)
        return
    last = journal.last_words(table)
    _counts(last)
    st.markdown("##### What was said")
    every = st.toggle("Earlier words too", key="earlier_words", help="A reader who changes their mind says it again; "
                      "the last word of each reader on a map counts, and the earlier ones stay.")
    _rows(run, (table if every else last).sort_values("line", ascending=False))
    # Everything with its digests and hashes: the file is for evidence, the page for reading.
    downloads.numbers("feedback", table, "All of it (CSV)")
    st.caption("The CSV holds every line with the digests of model and image and the hash of its line in the journal; "
               "`xaimed verify` checks the journal's chain.")


def _counts(last: pd.DataFrame) -> None:
    """The last words by method, a column for each opinion."""
    counts = last.groupby(["method", "verdict"], sort=False).size().unstack(fill_value=0)
    counts = counts.reindex(columns=list(VERDICTS), fill_value=0)
    counts.insert(0, "all", counts.sum(axis=1))
    counts.index = pd.Index([plain_name(str(name)) or "no map" for name in counts.index], name="method")
    st.markdown(f"##### {plural(len(last), 'opinion')} of {plural(last['reader'].nunique(), 'reader')} on "
                f"{plural(last['case'].nunique(), 'case')}")
    st.dataframe(counts.reset_index(), hide_index=True, alt="Opinions by method")


def _rows(run: Run, rows: pd.DataFrame) -> None:
    shown = rows[list(SHOWN)].assign(time=rows["time"].str[:16].str.replace("T", " "),
                                     method=rows["method"].map(plain_name)).reset_index(drop=True)
    event = st.dataframe(shown, hide_index=True, on_select="rerun", selection_mode="single-row", key="feedback_rows",
                         column_config=NAMES, alt="What readers said, newest first")
    if event["selection"]["rows"]:
        case = str(shown["case"].iloc[event["selection"]["rows"][0]])
        st.switch_page("pages/case.py", query_params={"run": run.path.name, "case": case})


shell.show(feedback)
