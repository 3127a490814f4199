"""Case: the views on a workstation, why a map may or may not be trusted, and its numbers."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from dashboards import exam, leaves, opinion, parts, shell, viewer, visits, without
from dashboards.exam import Choice
from dashboards.shelf import stamp
from xaimed.errors import XaimedError
from xaimed.mapfile import MapEntry
from xaimed.report.measures import measure_title
from xaimed.store import Run
from xaimed.types import NAME
from xaimed.viz import marks, wording, worklist
from xaimed.viz.charts import plain_name


def case(run: Run) -> None:
    name = _chosen(run)
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
    with panel:
        if shown:
            _damage(run, name, shown)
            without.show(run, name, shown)
            _numbers(run, name, shown)
        opinion.ask(run, choice)
        _download(run, name)


def _entries(run: Run, name: str) -> tuple[MapEntry, ...]:
    try:
        return run.entries(name)
    except XaimedError as error:
        st.error(shell.plain(exam.told(error)))
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
        st.dataframe(rows.dropna(axis="columns", how="all"), hide_index=True, alt=f"{title} of this case")


def _chosen(run: Run) -> str:
    """The case of the address, of the session, or the first one; with the buttons that go on."""
    known = list(run.cases["case"])
    if not known:
        st.info("This run holds no case.")
        return ""
    have = set(known)
    order = [name for name in st.session_state.get("order", {}).get(run.path.name, []) if name in have] or known
    picked = st.session_state.pop("asked_case", None)
    asked = picked or st.query_params.get("case") or st.session_state.get("case_name")
    if asked and asked not in known:
        told = asked if NAME.match(asked) else "of that name"
        st.warning(f"There is no case {shell.plain(told)} in this run; another one is shown.")
    name = str(asked) if asked in known else _gravest(run, order)
    st.session_state["case_name"] = name
    if st.query_params.get("case") != name:
        st.query_params.update({"run": run.path.name, "case": name})
    _steps(run, name, order)
    return name


def _gravest(run: Run, order: list[str]) -> str:
    """The case of the list to look at first: a missed lesion before all else."""
    table = shell.listed(str(run.path), stamp(run.path))
    return worklist.gravest(table[table["case"].isin(order)]) or order[0]


def _steps(run: Run, name: str, order: list[str]) -> None:
    at = order.index(name) if name in order else -1
    row = run.cases[run.cases["case"] == name].iloc[0]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _step("Previous", "P", order[at - 1] if at > 0 else "")
        _step("Next", "N", order[at + 1] if at + 1 < len(order) else "")
        _step("Next miss", "M", _next_miss(run, order[at + 1:] + order[:max(at, 0)]))
        _told(row, f"{at + 1} of {len(order)} in the list")


def _step(label: str, key: str, name: str) -> None:
    st.button(label, disabled=not name, on_click=_go, args=(name,), shortcut=key)


def _next_miss(run: Run, rest: list[str]) -> str:
    """The next case of the list that went wrong, from its end on to its start."""
    table = shell.listed(str(run.path), stamp(run.path))
    wrong = set(table["case"][(table["missed"] > 0) | table["outcome"].str.startswith("wrong class")])
    return next((name for name in rest if name in wrong), "")


def _told(row: pd.Series[str], place: str) -> None:
    groups = [f"{column.removeprefix('group_')} {row[column]}" for column in row.index
              if column.startswith("group_")]
    size = f"{row['width']} × {row['height']} px" if int(row["width"]) and int(row["height"]) else "size not given"
    known = math.isfinite(float(row["spacing_mm"]))
    spacing = f"{float(row['spacing_mm']):g} mm a pixel" if known else "size of a pixel not known"
    told = [f"reference {row['label']}", *groups, size, spacing, place]
    st.markdown(f"**{shell.plain(str(row['case']))}** · {shell.plain(' · '.join(told))}")


def _go(name: str) -> None:
    st.query_params["case"] = name
    st.session_state["case_name"] = name


def _target(run: Run, name: str, entries: tuple[MapEntry, ...]) -> MapEntry | None:
    targets = {entry.target: entry for entry in reversed(entries)}
    if not targets:
        st.info(exam.no_map(run, name))
        return None
    names = sorted(targets, key=lambda n: (not marks.is_missed(targets[n]), n))
    _take_over("target", names)
    chosen = st.selectbox("What is explained", names, key="target",
                        format_func=lambda n: exam.target_text(targets[n]))
    return targets[chosen]


def _take_over(key: str, names: list[str]) -> None:
    """Let a choice made in the viewer be that of the widget."""
    asked = st.session_state.pop(f"asked_{key}", None)
    if asked in names:
        st.session_state[key] = asked


def _method(run: Run, entries: list[MapEntry]) -> MapEntry | None:
    if not entries:
        return None
    known = {entry.method: entry for entry in entries}
    gates = wording.gates(run.scores)
    name = st.selectbox("Method", list(known), key="method", format_func=lambda m: _method_text(m, gates))
    told = wording.warning(name, gates.get(name, ""), known[name].note)
    if told:
        (st.error if gates.get(name) == "fail" else st.warning)(shell.plain(told))
    return known[name]


def _method_text(method: str, gates: dict[str, str]) -> str:
    mark = {"pass": "gate passed", "fail": "GATE FAILED"}.get(gates.get(method, ""), "gate not assessed")
    return f"{plain_name(method)} — {mark}"


def _damage(run: Run, name: str, shown: MapEntry) -> None:
    """Say why the map or the image cannot be shown; the viewer says it too, in its place."""
    place = (str(run.path), stamp(run.path))
    for key in (("image", name), ("map", name, shown.target, shown.method, "auto")):
        problem = parts.problem(place, key)
        if problem:
            st.error(shell.plain(problem))


def _numbers(run: Run, name: str, shown: MapEntry) -> None:
    table = wording.score_table(run.scores, name, shown.target)
    mine = plain_name(shown.method)
    if mine in table.columns:
        rest = [column for column in table.columns if column not in ("metric", mine)]
        shown_first = table[["metric", mine, *rest]].assign(metric=table["metric"].map(measure_title))
        leaves.table(shown_first, "Explanation metrics of this target")
    else:
        st.caption("No explanation metric was measured for this target.")
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
