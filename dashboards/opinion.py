"""What a reader says of a map: the form on the case page, and what was said there before."""

from __future__ import annotations

import streamlit as st

from dashboards import faults, login, shell
from dashboards.exam import Choice
from xaimed import feedback
from xaimed.errors import XaimedError
from xaimed.feedback import VERDICTS, Opinion
from xaimed.store import Run
from xaimed.viz.charts import plain_name

# Of the session: how many were recorded; what became of the last; where the form stands; what was left unrecorded.
GIVEN, TOLD, DRAFT, LEFT = "opinions_given", "opinion_told", "opinion_draft", "opinion_left"


def ask(run: Run, shown: Choice, what: str) -> None:
    """The form, empty for each new case, target and method and after each record; under it what readers said.

    what: what the opinion is of, in words.
    """
    place = _place(run, shown)
    _left(place, f"{what} in {shown.case}")
    # No form: what stands in one is not known here until it is sent, so it would be lost without a word.
    with st.container(border=True):
        st.radio(f"Your opinion of {shell.plain(what)}", VERDICTS, index=None, key=f"verdict {place}", horizontal=True)
        st.text_area("Comment", key=f"comment {place}", max_chars=feedback.LONGEST["comment"], height=68,
                     help="It is kept for good and stands in the report: no names of patients.")
        if not login.person():
            st.text_input("Your name or code", key="reader", max_chars=feedback.LONGEST["reader"])
        st.button("Record", on_click=_record, args=(run, shown, what))
    _answer(place)
    _said(run, shown)


def _left(place: str, what: str) -> None:
    """Say what the reader left without recording it, once another case, target or method is shown."""
    before, of = st.session_state.get(DRAFT) or ("", "")
    if before and before != place:
        verdict, comment = (st.session_state.get(f"{name} {before}") for name in ("verdict", "comment"))
        words = [*([verdict] if verdict else []), *([f"\u201c{comment}\u201d"] if comment else [])]
        st.session_state[LEFT] = (place, f"Not recorded: {', '.join(words)}, of {of}.") if words else None
    st.session_state[DRAFT] = (place, what)
    at, text = st.session_state.get(LEFT) or ("", "")
    if at == place:
        st.warning(shell.plain(text))


def _place(run: Run, shown: Choice) -> str:
    """What the words in the form belong to; new after each record, so that nothing is carry-over."""
    return " ".join((run.path.name, shown.case, shown.target, shown.method, str(st.session_state.get(GIVEN, 0))))


def _record(run: Run, shown: Choice, what: str) -> None:
    """Record what stands in the form of the case that was on the screen when the reader sent it."""
    place = _place(run, shown)
    verdict, comment = (str(st.session_state.get(f"{name} {place}") or "") for name in ("verdict", "comment"))
    reader = login.person() or str(st.session_state.get("reader") or "")
    if not verdict or not reader.strip():
        st.session_state[TOLD] = (place, False, "Nothing recorded: choose an opinion and give your name or code.")
        return
    try:
        feedback.give(run, Opinion(shown.case, shown.target, shown.method, verdict, reader, comment))
    except XaimedError as error:
        st.session_state[TOLD] = (place, False, f"Nothing recorded: {faults.told(error)}")
        return
    st.session_state[DRAFT] = st.session_state[LEFT] = None
    st.session_state[GIVEN] = int(st.session_state.get(GIVEN, 0)) + 1
    said = f"{verdict}, with your comment" if comment.strip() else verdict
    told = f"Recorded: {said}, for {what} in {shown.case}, by {reader.strip()}."
    st.session_state[TOLD] = (_place(run, shown), True, told)


def _answer(place: str) -> None:
    """What became of the last record, as long as its case, target and method are shown."""
    of, done, text = st.session_state.get(TOLD, ("", True, ""))
    if of == place:
        (st.success if done else st.error)(shell.plain(text))


def _said(run: Run, shown: Choice) -> None:
    table = shell.said(run)
    own = feedback.last_words(table[table["case"] == shown.case])
    for row in own.sort_values("line", ascending=False).to_dict("records"):
        method = f" of {plain_name(str(row['method']))}" if row["method"] else ""
        comment = f": {row['comment']}" if row["comment"] else ""
        st.caption(shell.plain(f"{row['reader']}, {str(row['time'])[:16].replace('T', ' ')} UTC{method} — "
                               f"{row['verdict']}{comment}"))
