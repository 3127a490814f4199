"""Case: the image beside the map over it, why the map may or may not be trusted, and its numbers."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from dashboards import pictures, shell
from dashboards.pictures import Look
from dashboards.shelf import stamp
from xaimed.errors import XaimedError
from xaimed.mapfile import MapEntry
from xaimed.store import Run
from xaimed.types import NAME
from xaimed.viz import overlay, wording
from xaimed.viz.charts import plain_name


def case(run: Run) -> None:
    name = _chosen(run)
    if not name:
        return
    if not run.pictured:
        _outputs(run, name)
        return
    entries = run.entries(name)
    views, panel = st.columns([2.35, 1], gap="medium")
    with panel:
        target = _target(entries)
        shown = _method(run, [e for e in entries if target and e.target == target.target])
        look, beside = _look()
    boxes = pictures.marks(run, name, look, target)
    with views:
        if shown and beside:
            _all_methods(run, name, [e for e in entries if e.target == shown.target], look)
        else:
            _pair(run, name, shown, look)
    with panel:
        if shown:
            _numbers(run, name, shown)
        _download(run, name)
    if len(boxes) == 0:
        views.caption("No box to draw: no detection above the operating point and no reference box.")


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
    order = [name for name in st.session_state.get("order", []) if name in set(known)] or known
    asked = st.query_params.get("case") or st.session_state.get("case_name")
    if asked and asked not in known:
        told = asked if NAME.match(asked) else "of that name"
        st.warning(f"There is no case {shell.plain(told)} in this run; another one is shown.")
    name = str(asked) if asked in known else str(order[0])
    st.session_state["case_name"] = name
    if st.query_params.get("case") != name:
        st.query_params.update({"run": run.path.name, "case": name})
    _steps(run, name, order)
    return name


def _steps(run: Run, name: str, order: list[str]) -> None:
    at = order.index(name) if name in order else -1
    row = run.cases[run.cases["case"] == name].iloc[0]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _step("Previous", "Left", order[at - 1] if at > 0 else "")
        _step("Next", "Right", order[at + 1] if at + 1 < len(order) else "")
        _step("Next miss", "M", _next_miss(run, order[at + 1:]))
        _told(row, f"{at + 1} of {len(order)} in the list")


def _step(label: str, key: str, name: str) -> None:
    st.button(label, disabled=not name, on_click=_go, args=(name,), shortcut=key)


def _next_miss(run: Run, rest: list[str]) -> str:
    table = shell.listed(str(run.path), stamp(run.path))
    wrong = set(table["case"][(table["missed"] > 0) | (table["outcome"] == "wrong class")])
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


def _target(entries: tuple[MapEntry, ...]) -> MapEntry | None:
    targets = {entry.target: entry for entry in reversed(entries)}
    if not targets:
        st.info("No map here: the model reports nothing above its operating point in this case, and missed nothing.")
        return None
    names = sorted(targets)
    name = st.selectbox("What is explained", names, key="target", format_func=lambda n: _target_text(targets[n]))
    return targets[name]


def _target_text(entry: MapEntry) -> str:
    score = f" {entry.score:.2f}" if math.isfinite(entry.score) else ""
    if entry.target.startswith("m") and entry.target[1:].isdigit():
        return f"missed lesion: {entry.label} (score there{score or ' not known'})"
    if entry.box is None:
        return f"class {entry.target}{score}"
    return f"detection {entry.target}: {entry.label}{score}"


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


def _look() -> tuple[Look, bool]:
    first, second = st.columns(2)
    opacity = first.slider("Opacity", 0.0, 1.0, 0.5, 0.05, key="opacity")
    threshold = second.slider("Hide below", 0.0, 1.0, 0.0, 0.05, key="threshold", help="Share of full colour")
    detections = first.checkbox("Detections", value=True, key="detections")
    truth = second.checkbox("Reference boxes", value=True, key="truth")
    beside = first.checkbox("Methods side by side", key="beside")
    with second.popover("More", width="stretch"):
        below = st.checkbox("Boxes below the operating point", key="below")
        colormap = st.selectbox("Colours", overlay.COLORMAPS, key="colormap")
        height = st.slider("Image height", 300, 1600, 540, 20, key="height")
    return Look(opacity, threshold, str(colormap), detections, below, truth, height), beside


def _pair(run: Run, name: str, shown: MapEntry | None, look: Look) -> None:
    left, right = st.columns(2, gap="small")
    boxes = pictures.marks(run, name, look, shown)
    with left:
        _shown(pictures.plain_picture(run, name, look, boxes), pictures.width(run, name, look),
               f"Image of case {name}")
        st.caption("Image. Green: what the model found. Magenta, dashed: the reference.")
    with right:
        if shown is None:
            st.caption("No map for this case.")
        else:
            _map(run, name, shown, look)


def _map(run: Run, name: str, entry: MapEntry, look: Look, brief: bool = False) -> None:
    """One map over the image with its caption; brief: with what speaks against it in a sentence."""
    try:
        boxes = pictures.marks(run, name, look, entry)
        picture, caption = pictures.map_picture(run, name, entry, look, boxes)
    except XaimedError as error:
        st.error(shell.plain(" ".join(str(error).split())))
        return
    _shown(picture, pictures.width(run, name, look), f"{plain_name(entry.method)} over case {name}")
    st.caption(f"{plain_name(entry.method)}. {shell.plain(caption.partition(',')[0] if brief else caption)}")
    gate = wording.gates(run.scores).get(entry.method, "")
    told = wording.warning(entry.method, gate, entry.note)
    if brief and told:
        colour = "red" if gate == "fail" else "orange"
        st.markdown(f":small[:{colour}[{shell.plain(told.partition('. ')[0])}]]")


def _shown(picture: bytes, width: int, alt: str) -> None:
    # Given a width, st.image would scale the picture down; left to choose, it would encode it as JPEG.
    with st.container(width=width):
        st.image(picture, width="stretch", output_format="PNG", alt=alt)


def _all_methods(run: Run, name: str, entries: list[MapEntry], look: Look) -> None:
    columns = 2 if len(entries) <= 2 else 3
    small = Look(look.opacity, look.threshold, look.colormap, look.detections, look.below, look.truth,
                 max(200, round(look.height * 0.45)))
    slots = [slot for _ in range(-(-(len(entries) + 1) // columns)) for slot in st.columns(columns, gap="small")]
    with slots[0]:
        _shown(pictures.plain_picture(run, name, small, pictures.marks(run, name, small, entries[0])),
               pictures.width(run, name, small), f"Image of case {name}")
        st.caption("Image")
    for slot, entry in zip(slots[1:], entries, strict=False):
        with slot:
            _map(run, name, entry, small, brief=True)


def _numbers(run: Run, name: str, shown: MapEntry) -> None:
    table = wording.score_table(run.scores, name, shown.target)
    mine = plain_name(shown.method)
    if mine in table.columns:
        rest = [column for column in table.columns if column not in ("metric", mine)]
        numbers = {column: st.column_config.NumberColumn(format="%.3f") for column in [mine, *rest]}
        st.dataframe(table[["metric", mine, *rest]], hide_index=True, column_config=numbers, height=250, key="scores",
                     alt="Explanation metrics of this target")
    else:
        st.caption("No explanation metric was measured for this target.")
    facts = [(key, value) for key, value in shown.facts.items() if math.isfinite(value)]
    if facts:
        with st.expander("How this map was made"):
            st.dataframe(pd.DataFrame(facts, columns=["fact", "value"]), hide_index=True, alt="Facts of this map")


def _download(run: Run, name: str) -> None:
    file = run.path / "cases" / f"{name}.pdf"
    if file.is_file():
        st.download_button("Download this case (PDF)", file.read_bytes(), file.name, "application/pdf")
    else:
        st.caption("No PDF of this case in the run; `xaimed report` writes it.")


shell.show(case)
