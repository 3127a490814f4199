"""Case: the views on a workstation, why a map may or may not be trusted, and its numbers."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from dashboards import exam, faults, leaves, opinion, parts, shell, steps, viewer, visits, without
from dashboards.exam import Choice
from dashboards.shelf import stamp
from xaimed.errors import XaimedError
from xaimed.mapfile import MapEntry
from xaimed.report.measures import measure_title
from xaimed.store import Run
from xaimed.types import NAME
from xaimed.viz import marks, wording
from xaimed.viz.charts import plain_name

TRUST = {"pass": 0, "fail": 2}  # a method that passed its gate is shown first, one that failed it last


def case(run: Run) -> None:
    name = steps.chosen(run)
    if not name:
        return
    visits.note(run, "case", name)
    if not run.pictured:
        _outputs(run, name)
        return
    entries = _entries(run, name)
    views, panel = st.columns([3.4, 1], gap="small")
    with panel:
        target = _target(run, name, entries)
        shown = _method(run, [e for e in entries if target and e.target == target.target])
    choice = Choice(name, shown.target if shown else "", shown.method if shown else "")
    # The image before all else: what stands beside it is sent while the browser fetches the pixels.
    with views:
        viewer.show(run, choice)
        # As wide as the views: the methods stand beside each other in it.
        numbers = st.container()
    with panel:
        # Beside the image and above all that is longer than the screen: a reader says it while looking.
        if _seen(run, name, shown):
            opinion.ask(run, choice, _what(choice, shown))
        _download(run, name)
        if shown:
            without.show(run, name, shown)
            _made(shown)
    if shown:
        with numbers:
            _numbers(run, name, shown)


def _entries(run: Run, name: str) -> tuple[MapEntry, ...]:
    try:
        return run.entries(name)
    except XaimedError as error:
        st.error(shell.plain(faults.told(error)))
        return ()


def _outputs(run: Run, name: str) -> None:
    """What stands in place of pictures where only tables of outputs were given."""
    st.info("No image was given: this audit was made from tables of outputs alone, so there is no picture and no map. "
            "Below is what was said of this case.")
    left, right = st.columns([2, 1], gap="medium")
    found = run.predictions[run.predictions["case"] == name].copy()
    first = str(run.meta.get("model", {}).get("name", "the model"))
    found.insert(0, "from", found["condition"].map(lambda told: first if told == "clean" else told[len("model "):]))
    with left:
        _rows("Outputs", found.drop(columns=["case", "condition", "target"]))
        _download(run, name)
    with right:
        _rows("Reference", run.truth[run.truth["case"] == name].drop(columns=["case"]))


def _rows(title: str, rows: pd.DataFrame) -> None:
    st.markdown(f"##### {title}")
    if rows.empty:
        st.caption("None.")
    else:
        st.dataframe(rows.dropna(axis="columns", how="all"), hide_index=True, placeholder=wording.MISSING,
                     alt=f"{title} of this case")


def _target(run: Run, name: str, entries: tuple[MapEntry, ...]) -> MapEntry | None:
    targets = {entry.target: entry for entry in reversed(entries)}
    if not targets:
        st.info(exam.no_map(run, name))
        return None
    names = sorted(targets, key=lambda n: (not marks.is_missed(targets[n]), n))
    texts = {n: exam.target_words(run, name, targets[n]) for n in names}
    return targets[_select("What is explained", "target", texts, names[0])]


def _select(label: str, key: str, texts: dict[str, str], first: str) -> str:
    """A choice that stands in the address too: what was chosen in the viewer, here, in the address, or the first."""
    wanted = (st.session_state.pop(f"asked_{key}", None), st.session_state.get(key), st.query_params.get(key), first)
    st.session_state[key] = next(name for name in wanted if name in texts)
    if wanted[2] and wanted[2] not in texts and st.session_state[key] != wanted[1]:
        told = wanted[2] if NAME.match(wanted[2]) else "of that name"
        st.warning(f"There is no {key} {shell.plain(told)} here; another one is shown.")
    chosen = str(st.selectbox(label, list(texts), key=key, format_func=lambda name: texts[name]))
    if st.query_params.get(key) != chosen:
        st.query_params[key] = chosen
    return chosen


def _method(run: Run, entries: list[MapEntry]) -> MapEntry | None:
    """The method whose map is shown: at first one that passed its gate. What speaks against it stands on the map."""
    if not entries:
        return None
    known = {entry.method: entry for entry in entries}
    gates = wording.gates(run.scores)
    texts = {name: _method_text(name, gates) for name in known}
    first = min(known, key=lambda name: TRUST.get(gates.get(name, ""), 1))
    return known[_select("Method", "method", texts, first)]


def _method_text(method: str, gates: dict[str, str]) -> str:
    mark = {"pass": "gate passed", "fail": "GATE FAILED"}.get(gates.get(method, ""), "gate not assessed")
    return f"{plain_name(method)} — {mark}"


def _seen(run: Run, name: str, shown: MapEntry | None) -> bool:
    """Whether image and map can be shown; says why not, which the viewer says too, in their place."""
    place = (str(run.path), stamp(run.path))
    keys: list[parts.Key] = [("image", name)]
    if shown:
        keys.append(("map", name, shown.target, shown.method, "auto"))
    problems = [problem for key in keys if (problem := parts.problem(place, key))]
    for problem in problems:
        st.error(shell.plain(problem))
    if problems:
        st.info("No opinion can be given on what cannot be seen.")
    return not problems


def _what(choice: Choice, shown: MapEntry | None) -> str:
    """What the opinion is of, in the words of the choices above it."""
    if shown is None:
        return "what the model says of this case"
    return f"the map of {plain_name(choice.method)} for {exam.target_text(shown)}"


def _numbers(run: Run, name: str, shown: MapEntry) -> None:
    table = wording.score_table(run.scores, name, shown.target)
    mine = plain_name(shown.method)
    if mine in table.columns:
        rest = [column for column in table.columns if column not in ("metric", mine)]
        shown_first = table[["metric", mine, *rest]].assign(metric=table["metric"].map(measure_title))
        leaves.table(shown_first, "Explanation metrics of this target")
    else:
        st.caption("No explanation metric was measured for this target.")


def _made(shown: MapEntry) -> None:
    facts = [(key, value) for key, value in shown.facts.items() if math.isfinite(value)]
    if facts:
        with st.expander("How this map was made"):
            leaves.table(pd.DataFrame(facts, columns=["fact", "value"]), "Facts of this map")


def _download(run: Run, name: str) -> None:
    file = run.path / "cases" / f"{name}.pdf"
    if file.is_file():
        st.download_button("Download this case (PDF)", file.read_bytes(), file.name, "application/pdf")
    else:
        st.caption("No PDF of this case in the run; `xaimed report` writes it.")


shell.show(case)
