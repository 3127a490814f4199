"""Study: a blinded reading of cases without and then with the model, and what the multi-reader statistics say."""

from __future__ import annotations

import time

import pandas as pd
import streamlit as st

from dashboards import downloads, estimates, login, shell
from xaimed import reading
from xaimed.errors import XaimedError
from xaimed.reading import Reading, Stage, Study
from xaimed.store import Run
from xaimed.viz import overlay, wording, worklist
from xaimed.viz.overlay import Mark

HOW = ("Each case is read twice in a row: first the image alone, then with the model's boxes and map. An answer cannot "
       "be changed. Cases have no names here, the order is drawn for each reader, and the time of each answer is "
       "recorded. The other pages show the reference: who reads should not have seen these cases there.")


def study(run: Run) -> None:
    if not run.pictured:
        st.info("NOT ASSESSED: this run holds no images that could be read.")
        return
    chosen = _chosen(run)
    if chosen is None:
        return
    following = reading.upcoming(run, chosen)
    if following is None:
        st.success("You have read all cases. Thank you.")
        _results(run, chosen)
    else:
        _read(run, chosen, following)


def _chosen(run: Run) -> Study | None:
    """The study that this session takes part in, or None after asking for it."""
    kept: Study | None = st.session_state.get("study_of", {}).get(run.path.name)
    if kept is not None:
        return kept
    st.caption(HOW)
    with st.form("study_form"):
        known = login.person()
        reader = known or st.text_input("Your name or code", key="study_reader", max_chars=60)
        left, right = st.columns(2)
        seed = left.number_input("Seed", 0, 2**31 - 1, 0, help="Readers of one study give the same seed and number.")
        most = right.number_input("Cases", 1, max(1, len(run.cases)), min(40, max(1, len(run.cases))))
        begin = st.form_submit_button("Begin or go on")
        only = st.form_submit_button("Results only")
    if only:
        _results(run, Study("results", int(seed), int(most)))
    if begin:
        try:
            st.session_state["study_of"] = {run.path.name: Study(reader, int(seed), int(most))}
        except XaimedError as error:
            st.error(shell.plain(" ".join(str(error).split())))
            return None
        st.rerun()
    return None


def _read(run: Run, chosen: Study, following: tuple[str, Stage]) -> None:
    case, stage = following
    cases = chosen.cases(run)
    if st.session_state.get("read_since", ("", "", 0.0))[:2] != following:
        st.session_state["read_since"] = (case, stage, time.monotonic())
    st.markdown(f"**Case {cases.index(case) + 1} of {len(cases)}** · " + (
        "without the model" if stage == "without" else "with the model"))
    left, right = st.columns([2.4, 1], gap="medium")
    with left:
        st.image(_picture(run, case, stage), width="content", alt=f"The image to read, {stage} the model")
    with right:
        if stage == "with":
            st.caption(_told(run, case))
        positive = _positive(run)
        with st.form(f"answer-{cases.index(case)}-{stage}"):
            score = st.slider(f"How likely is it {positive}, in percent?", 0, 100, 50)
            if st.form_submit_button("Record and go on"):
                _record(run, chosen, Reading(case, stage, score, time.monotonic()
                                             - st.session_state["read_since"][2]))


def _record(run: Run, chosen: Study, answer: Reading) -> None:
    try:
        reading.record(run, chosen, answer)
    except XaimedError as error:
        st.error(shell.plain(" ".join(str(error).split())))
        return
    st.rerun()


def _picture(run: Run, case: str, stage: Stage) -> bytes:
    """The image as PNG; with the model, its boxes and the map of its highest detection over it."""
    image = run.image(case)
    if stage == "without":
        return overlay.png(overlay.grey(image))
    picture = overlay.grey(image)
    gates = wording.gates(run.scores)
    entry = next((e for e in run.entries(case) if gates.get(e.method) == "pass" and e.target.startswith("d")), None)
    if entry is not None:
        picture = overlay.overlay(image, run.map(case, entry.target, entry.method))
    return overlay.png(overlay.draw_boxes(picture, _marks(run, case)))


def _marks(run: Run, case: str) -> list[Mark]:
    rows = _said(run, case)
    rows = rows[rows["x0"].notna() & (rows["score"] >= worklist.operating_point(run))]
    return [Mark((row["x0"], row["y0"], row["x1"], row["y1"]), f"{row['label']} {row['score']:.2f}")
            for row in rows.to_dict("records")]


def _said(run: Run, case: str) -> pd.DataFrame:
    return run.predictions[(run.predictions["case"] == case) & (run.predictions["condition"] == "clean")]


def _told(run: Run, case: str) -> str:
    """What the model says of the case, in words."""
    rows = _said(run, case)
    classes = rows[rows["x0"].isna()] if rows["x0"].isna().any() else rows
    best = classes.groupby("label")["score"].max()
    scores = ", ".join(f"{label} {score:.2f}" for label, score in best.items())
    return shell.plain(f"The model's scores: {scores or 'nothing reported'}. Operating point "
                       f"{worklist.operating_point(run):.2f}.")


def _positive(run: Run) -> str:
    return str(run.plan.get("judging", {}).get("positive", "") or "malignant")


def _results(run: Run, chosen: Study) -> None:
    table = reading.readings(run, chosen.seed, chosen.most)
    done = reading.finished(table, len(chosen.cases(run)))
    st.caption(f"{len(done)} readers are through with this study, {table['reader'].nunique()} have begun.")
    try:
        found = reading.results(run, chosen, _positive(run))
    except XaimedError as error:
        st.error(shell.plain(" ".join(str(error).split())))
        return
    if found:
        estimates.table("What the readers show", found, "estimates-study")
    else:
        st.info("NOT ASSESSED: results need two readers who are through, and cases with and without the finding.")
    downloads.numbers("readings", table)


shell.show(study)
