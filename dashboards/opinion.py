"""What a reader says of a map: the form on the case page, and what was said there before."""

from __future__ import annotations

import streamlit as st

from dashboards import login, shell
from dashboards.exam import Choice
from xaimed import feedback
from xaimed.errors import XaimedError
from xaimed.feedback import VERDICTS, Opinion
from xaimed.store import Run
from xaimed.viz.charts import plain_name


def ask(run: Run, shown: Choice) -> None:
    """The form, and under it what readers said of this case."""
    what = f"this map of {plain_name(shown.method)}" if shown.method else "what the model says of this case"
    with st.form("opinion", clear_on_submit=False, border=True):
        verdict = st.radio(f"Your opinion of {what}", VERDICTS, index=None, key="verdict")
        comment = st.text_area("Comment", key="comment", max_chars=feedback.LONGEST["comment"], height=68,
                               help="It is kept for good and stands in the report: no names of patients.")
        known = login.person()
        reader = known or st.text_input("Your name or code", key="reader", max_chars=feedback.LONGEST["reader"])
        sent = st.form_submit_button("Record")
    if sent:
        _record(run, shown, (verdict or "", reader, comment))
    _said(run, shown)


def _record(run: Run, shown: Choice, given: tuple[str, str, str]) -> None:
    verdict, reader, comment = given
    if not verdict or not reader.strip():
        st.error("Choose an opinion and give your name or code.")
        return
    try:
        feedback.give(run, Opinion(shown.case, shown.target, shown.method, verdict, reader, comment))
    except XaimedError as error:
        st.error(shell.plain(" ".join(str(error).split())))
        return
    st.success("Recorded.")


def _said(run: Run, shown: Choice) -> None:
    table = shell.said(run)
    own = feedback.last_words(table[table["case"] == shown.case])
    for row in own.sort_values("line", ascending=False).to_dict("records"):
        method = f" of {plain_name(str(row['method']))}" if row["method"] else ""
        comment = f": {row['comment']}" if row["comment"] else ""
        st.caption(shell.plain(f"{row['reader']}, {str(row['time'])[:16].replace('T', ' ')} UTC{method} — "
                               f"{row['verdict']}{comment}"))
