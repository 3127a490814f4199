"""Explainability against accuracy: one point a method, of this run or of several; a click tells what it is made of."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboards import downloads, shell
from dashboards.shelf import stamp
from xaimed.metrics.axis import CONTROLS, case_skills, skill_table
from xaimed.plural import plural
from xaimed.store import Run
from xaimed.viz import charts, figures, wording
from xaimed.viz.charts import interval_text, plain_name
from xaimed.viz.names import pretty

WORST, WIDEST = 8, 1680
GATED = "measured, but not counted: the gate failed"
HOW = ("Hollow: the method did not pass the randomisation gate on this model; if it failed, it has no number. Bars are "
       "95 % intervals, the ellipse is the joint 95 % region of both (normal approximation from the shared bootstrap "
       "draws). Grey: the faithfulness metrics disagree. Crosses are controls. Click a point, or choose below.")


def explainability(run: Run) -> None:
    runs = _runs(run)
    table = pd.concat([_axis(one, len(runs) > 1) for one in runs], ignore_index=True)
    if table.empty:
        st.info("NOT ASSESSED: no explainability was measured in this run; it has no maps, or no method was judged.")
        return
    for one in runs:
        if one.axis.empty:
            st.info(shell.plain(f"Not in the plot: {one.path.name}. No method of that run was judged."))
    placed = _placed(table)
    with st.container(width=WIDEST):
        event = st.plotly_chart(charts.axis_chart(placed), key="axis", config={"displaylogo": False},
                                on_select="rerun", selection_mode="points",
                                alt="Explainability against accuracy, one point for each method")
    st.caption(HOW)
    for one in runs:
        if told := wording.room(one.axis):
            st.caption(shell.plain(f"{one.path.name}: {told}" if len(runs) > 1 else told))
    downloads.beside("explainability", table, run, lambda _: figures.axis_figure_of(placed),
                     "Explainability against accuracy (CSV)")
    left, right = st.columns(2, gap="medium")
    with left:
        _chosen(runs, table, event["selection"]["points"])
    with right:
        _plausibility(table)


def _placed(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that have a place in the plot, after saying why others have none; all where none has an accuracy."""
    without = table[table["accuracy"].isna()]
    if without.empty or len(without) == len(table):
        return table
    names = " and ".join(dict.fromkeys(without["run"].astype(str)))
    st.info(shell.plain(f"Not in the plot: the methods of {names}, as no accuracy of that model was measured. They are "
                        "in the table, and can be chosen below."))
    return table[table["accuracy"].notna()]


def _runs(run: Run) -> list[Run]:
    """The chosen run, and others beside it to compare models."""
    others = {found.name: found for found in shell.openable() if found.name != run.path.name}
    if not others:
        return [run]
    names = st.multiselect("Compare with", list(others), key="compared", placeholder="this run only")
    runs = [run, *(shell.opened(str(others[name].path), stamp(others[name].path)) for name in names)]
    data = {(str(one.meta.get("data", {}).get("manifest")), str(one.meta.get("data", {}).get("selection")))
            for one in runs}
    if len(data) > 1:
        st.warning("These runs are of different data, so the distance of two points is no comparison of two models.")
    return runs


def _axis(run: Run, several: bool) -> pd.DataFrame:
    model = str(run.meta.get("model", {}).get("name", "model"))
    axis = run.axis.assign(run=run.path.name)
    if "control" in axis:
        axis = axis.sort_values("control", kind="stable")
    name = model if model == run.path.name else f"{model} ({run.path.name})"
    return axis.assign(model=name) if several else axis


def _chosen(runs: list[Run], table: pd.DataFrame, points: list[dict[str, object]]) -> None:
    """What the chosen point is made of: components, cases, report."""
    names = [f"{plain_name(str(row['method']))}" + (f", {row['run']}" if len(runs) > 1 else "")
             for row in table.to_dict("records")]
    clicked = next((_clicked(table, point) for point in points), None)
    if clicked is not None and st.session_state.get("axis_clicked") != clicked:
        st.session_state["axis_clicked"] = st.session_state["axis_row"] = clicked
    if int(st.session_state.get("axis_row") or 0) >= len(names):
        st.session_state["axis_row"] = 0
    at = st.selectbox("Method", range(len(names)), key="axis_row", format_func=lambda place: names[place])
    row = {str(key): value for key, value in table.iloc[at].to_dict().items()}
    run = next(one for one in runs if one.path.name == row["run"])
    skill = GATED if _failed(row) else interval_text(row, "explainability")
    st.caption(shell.plain(f"Explainability {skill}, {row['accuracy_name']} "
                           f"{interval_text(row, 'accuracy')}, {plural(float(str(row['cases'])), 'case')}, "
                           f"randomisation gate {row['gate']}."))
    told = "" if row["method"] in CONTROLS else wording.warning(str(row["method"]), str(row["gate"]), "")
    if told:
        (st.error if row["gate"] == "fail" else st.warning)(shell.plain(told))
    if _failed(row):
        st.caption(f"What follows was {GATED}. It tells how the maps do, not that they explain the model.")
    _components(run, str(row["method"]))
    _cases(run, str(row["method"]))
    _report(run)


def _failed(row: dict[str, object]) -> bool:
    """Whether the row has no number because its gate failed; a control is no explanation, whatever its gate."""
    return row["gate"] == "fail" and row["method"] not in CONTROLS


def _clicked(table: pd.DataFrame, point: dict[str, object]) -> int | None:
    """The row of the table that a clicked point stands for."""
    told = point.get("customdata")
    if not isinstance(told, list | tuple) or len(told) < 2:
        return None
    models = table["model"].fillna("") if "model" in table else pd.Series("", index=table.index)
    fits = table.index[(table["method"] == told[0]) & (models == told[1])]
    return int(fits[0]) if len(fits) else None


def _components(run: Run, method: str) -> None:
    st.markdown("##### What it is made of")
    skills = skill_table(run.scores)
    own = skills[skills["method"] == method]
    found = own.groupby("metric")["skill"].agg(["mean", "count"]).reset_index()
    if found.empty:
        st.caption("No faithfulness metric was measured for this method.")
        return
    found.columns = ["faithfulness metric", "mean skill", "maps"]
    found["faithfulness metric"] = found["faithfulness metric"].map(pretty)
    widths = {"faithfulness metric": st.column_config.TextColumn(width="large"),
              "mean skill": st.column_config.NumberColumn(format="%.3f", width="small"),
              "maps": st.column_config.NumberColumn(width="small")}
    st.dataframe(found, hide_index=True, alt="Skill by faithfulness metric", placeholder=wording.MISSING,
                 column_config=widths)
    st.caption("Skill: 0 is the method's own map of another patient, 1 a greedy search of the model itself.")
    downloads.numbers(f"skills-{method}", own, "Skills of this method (CSV)")


def _cases(run: Run, method: str) -> None:
    skills = case_skills(run.scores)
    own = skills[skills["method"] == method].sort_values("skill").head(WORST)
    if own.empty:
        return
    st.markdown("##### Where it does worst")
    worst = _worst_targets(run, method)
    for row in own.to_dict("records"):
        st.page_link("pages/case.py", label=shell.plain(f"{row['case']}: skill {row['skill']:.2f}"),
                     query_params={"run": run.path.name, "case": str(row["case"]), "target": worst[row["case"]],
                                   "method": method})


def _worst_targets(run: Run, method: str) -> dict[str, str]:
    """For each case the target whose map by this method does worst."""
    skills = skill_table(run.scores)
    means = skills[skills["method"] == method].groupby(["case", "target"])["skill"].mean().dropna().sort_values()
    return {str(case): str(target) for case, target in reversed(list(means.index))}


def _report(run: Run) -> None:
    report = run.path / "report.pdf"
    if report.is_file():
        st.download_button("Download the report (PDF)", report.read_bytes, "report.pdf", "application/pdf",
                           on_click="ignore")


def _plausibility(table: pd.DataFrame) -> None:
    st.markdown("##### Plausibility")
    if "plausibility" not in table or not table["plausibility"].notna().any():
        st.caption("NOT ASSESSED: no reference lesion that a map could meet.")
        return
    st.plotly_chart(charts.plausibility_chart(table), key="plausibility", config={"displaylogo": False},
                    alt="How well the maps of each method meet the lesion")
    st.caption("It stands apart: how well a map meets the lesion moves with accuracy by construction.")


shell.show(explainability)
