"""Overview: the verdict, the main numbers, explainability against accuracy, the findings."""

from __future__ import annotations

import math

import streamlit as st

from dashboards import shell
from xaimed.metrics.criteria import verdict
from xaimed.store import Run
from xaimed.types import Finding
from xaimed.viz import charts, first_measure, wording

COLOURS = {"fail": "red", "concern": "orange", "pass": "green"}


def overview(run: Run) -> None:
    _verdict(run)
    _numbers(run)
    left, right = st.columns([1.15, 1], gap="medium")
    with left:
        _axis(run)
    with right:
        _findings(run)


def _verdict(run: Run) -> None:
    found = verdict(run)
    box = {"bad": st.error, "warn": st.warning, "good": st.success}[found.tone]
    data = run.meta.get("data", {})
    slots = st.columns(2 if data.get("synthetic") else 1)
    with slots[0]:
        box(f"**{shell.plain(found.title)}** — {shell.plain(found.checks)}")
    if data.get("synthetic"):
        slots[1].warning("**SYNTHETIC DATA** — a program made these images. Nothing here is evidence about patients.")
    for line in found.lines:
        st.caption(f"Criterion {shell.plain(line)}")
    _warnings([shell.plain(str(warning)) for warning in data.get("warnings", [])])


def _warnings(told: list[str]) -> None:
    """What is to be known of the data: the first line, the others when asked for, so that the numbers stay in sight."""
    if told:
        st.caption(f"Data: {told[0]}")
    if told[1:]:
        with st.expander(f"{len(told) - 1} more to know of the data"):
            for warning in told[1:]:
                st.caption(f"Data: {warning}")


def _numbers(run: Run) -> None:
    found = wording.key_estimates(run.results)
    if not found:
        st.info("This run holds no estimate of the model's accuracy.")
        return
    for column, estimate in zip(st.columns(len(found), gap="small"), found, strict=True):
        value, under = wording.estimate_text(estimate, first_measure.unit(run, estimate.name))
        measured = math.isfinite(estimate.value)
        # Words instead of a number are no head line.
        number, _, interval = value.partition(" ") if measured else ("–", "", value)
        with column.container(border=True, height="stretch", gap=None):
            st.markdown(f"**{shell.plain(estimate.name)}**")
            st.markdown(f"### {shell.plain(number)} :small[{shell.plain(interval)}]")
            st.caption(shell.plain(under))


def _axis(run: Run) -> None:
    st.markdown("##### Explainability against accuracy")
    if run.axis.empty:
        st.info("No explainability was measured in this run: it has no maps, or no method was judged.")
        return
    st.plotly_chart(charts.axis_chart(run.axis), key="axis", config={"displaylogo": False},
                    alt="Explainability against accuracy, one point for each method")
    st.caption("Hollow: the method did not pass the randomisation gate on this model; if it failed, it has no number. "
               "Bars are 95 % intervals. Grey: the faithfulness metrics disagree. Crosses are controls.")
    if "plausibility" in run.axis and run.axis["plausibility"].notna().any():
        st.plotly_chart(charts.plausibility_chart(run.axis), key="plausibility", config={"displaylogo": False},
                        alt="How well the maps of each method meet the lesion")
        st.caption("Plausibility stands apart: it moves with accuracy by construction.")


def _findings(run: Run) -> None:
    st.markdown("##### Findings")
    if not run.findings:
        st.info("No check was run.")
    with st.container(height=420, border=False, key="findings"):
        for finding in wording.ordered(run.findings):
            _finding(finding)


def _finding(finding: Finding) -> None:
    badge = f":{COLOURS.get(finding.outcome, 'gray')}-badge[{finding.outcome.upper()}]"
    with st.container(border=True, gap=None):
        st.markdown(f"{badge} **{shell.plain(finding.title)}**")
        st.caption(f"{shell.plain(finding.statement)} ({finding.code}, severity {finding.severity})")


shell.show(overview)
