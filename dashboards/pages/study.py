"""Study: a blinded reading of cases without and then with the model, and what the multi-reader statistics say."""

from __future__ import annotations

import streamlit as st

from dashboards import blinded, downloads, estimates, faults, login, openstudy, shell
from dashboards.blinded import Desk
from xaimed import reading, reading_results
from xaimed.errors import XaimedError
from xaimed.plural import plural
from xaimed.reading import Reading, Study
from xaimed.store import Run
from xaimed.viz import worklist

HOW = ("Each case is read with all its views, twice in a row: first the images alone, then with the model's boxes and "
       "map. The second answer may be the same or another; an answer once recorded stands. Cases have no names here, "
       "the order is drawn for each reader, and the time from the images standing on the screen to the answer is "
       "recorded. Who stops goes on later under the same name. The other pages show the reference: they are closed "
       "while you read, and who reads should not have seen these cases there.")
LEFT = "A case was left out: an image of it is missing or damaged. It is noted, and the results say how many were."
NEEDED = ("NOT ASSESSED: results need two readers who are through, and cases with and without the finding among those "
          "that could be read.")

def study(run: Run) -> None:
    if not run.pictured:
        st.info("NOT ASSESSED: this run holds no images that could be read.")
        return
    chosen = _chosen(run)
    if chosen is None:
        return
    desk = _due(run, chosen)
    if desk is not None and _recorded(run, chosen, desk):
        desk = _due(run, chosen)
    if st.session_state.get("study_left"):
        st.info(LEFT if st.session_state["study_left"] == 1 else f"{st.session_state['study_left']} × {LEFT}")
    if desk is None:
        openstudy.end()
        _through(run, chosen)
    else:
        openstudy.begin(run, chosen)
        blinded.show(run, desk)


def _chosen(run: Run) -> Study | None:
    """The study that this session takes part in, or None after asking for it."""
    kept: Study | None = st.session_state.get("study_of", {}).get(run.path.name)
    if kept is not None:
        return kept
    count, finding = len(reading.exams(run.cases)), worklist.positive(run)
    if finding not in set(run.cases["label"]):
        st.info(f"NOT ASSESSED: no case of this run is labelled “{shell.plain(finding)}”, so that there is nothing to "
                "read against.")
        return None
    st.caption(HOW)
    begun = reading.begun(run)
    for (seed, most), readers in begun.items():
        st.caption(f"There is a study with seed {seed} and {plural(most, 'case')}, begun by "
                   f"{plural(len(readers), 'reader')}.")
    seed, most = list(begun)[-1] if begun else (0, 40)
    with st.form("study_form"):
        known = login.person()
        reader = known or st.text_input("Your name or code", key="study_reader", max_chars=60, autocomplete="off")
        left, right = st.columns(2)
        seed = left.number_input("Seed", 0, 2**31 - 1, seed, help="Readers of one study give the same seed and number.")
        most = right.number_input("Cases", 1, count, min(most, count))
        begin = st.form_submit_button("Begin or go on", type="primary")
        only = st.form_submit_button("Results only")
    if only:
        _results(run, Study("results", int(seed), int(most)))
    if begin:
        _begin(run, (reader, int(seed), int(most)), set(begun))
    return None


def _begin(run: Run, asked: tuple[str, int, int], known: set[tuple[int, int]]) -> None:
    """Take the reader in; asked: name, seed, number. One that is another study than those known is asked for twice."""
    reader, seed, most = asked
    try:
        chosen = Study(reader, seed, most)
    except XaimedError as error:
        _complain(error)
        return
    if known and (seed, most) not in known and st.session_state.get("study_other") != asked:
        st.session_state["study_other"] = asked
        st.warning(f"Seed {seed} with {plural(most, 'case')} is another study than those above: its readers are not "
                   "compared with theirs. To begin it, press “Begin or go on” once more; to take part in one that "
                   "exists, give its seed and number.")
        return
    st.session_state["study_of"] = {run.path.name: chosen}
    st.rerun()


def _due(run: Run, chosen: Study) -> Desk | None:
    """What the reader reads next; exams that cannot be shown are left out on the way, and noted."""
    exams = chosen.exams(run)
    while (following := reading.upcoming(run, chosen)) is not None:
        exam, stage = following
        first = reading.first_answer(run, chosen, exam.name)
        desk = Desk(exam, exams.index(exam) + 1, len(exams), stage, worklist.positive(run), first)
        if blinded.readable(run, desk):
            return desk
        reading.leave_out(run, chosen, exam)
        st.session_state["study_left"] = st.session_state.get("study_left", 0) + 1
    return None


def _recorded(run: Run, chosen: Study, desk: Desk) -> bool:
    """Whether an answer to what is due was given and now stands in the journal."""
    answer = blinded.given(desk)
    if answer is None:
        return False
    try:
        reading.record(run, chosen, Reading(desk.exam.name, desk.stage, *answer))
    except XaimedError as error:
        _complain(error)
        return False
    st.session_state.pop("study_left", None)
    return True


def _complain(error: XaimedError) -> None:
    st.error(shell.plain(faults.told(error)))


def _through(run: Run, chosen: Study) -> None:
    st.success("You have read all cases. Thank you.")
    if login.person():
        st.caption("For the next reader: log out, and log in under their name.")
    st.button("Next reader", on_click=openstudy.clear, type="primary")
    _results(run, chosen)


def _results(run: Run, chosen: Study) -> None:
    table, done, _, left = reading_results.shared(run, chosen)
    begun = table["reader"].nunique()
    st.caption(f"Readers who are through with this study: {len(done)}, of {begun} who began."
               + (f" Cases left out, as an image could not be read: {len(left)}." if left else ""))
    _looked(run, chosen)
    try:
        found = reading_results.results(run, chosen, worklist.positive(run))
    except XaimedError as error:
        _complain(error)
        found = []
    if found:
        for reason in dict.fromkeys(e.interval for e in found if e.interval.startswith("NOT ASSESSED")):
            st.info(shell.plain(f"{reason}. The values below describe these readers and cases only."))
        estimates.table("What the readers show", found, "estimates-study")
    else:
        st.info(NEEDED)
    downloads.numbers("readings", table, "All answers (CSV)")


def _looked(run: Run, chosen: Study) -> None:
    """Say who looked at other pages before their last answer: those show the reference."""
    for reader, (pages, kept) in reading.looked(run, chosen).items():
        seen = f"saw {', '.join(dict.fromkeys(pages))}, which may have shown the reference" if pages else ""
        back = f"asked for {plural(kept, 'page')} that stayed closed" if kept else ""
        st.warning(shell.plain(f"{reader} {' and '.join(filter(None, (seen, back)))}, before their last answer."))


shell.show(study)
