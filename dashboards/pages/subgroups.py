"""Subgroups: the headline measures in each group, with cells that are too small left empty and said so."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from dashboards import downloads, estimates, shell
from xaimed.report.families import members
from xaimed.stats import Estimate
from xaimed.store import Run
from xaimed.viz import forest, wording


def subgroups(run: Run) -> None:
    found = [e for e in members(run, "subgroups") if e.group != "all"]
    gaps = [e for e in members(run, "subgroups") if e.group == "all"]
    if not found:
        st.info("NOT ASSESSED: the data name no groups such as site, view or density, or only one of each.")
        return
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    measures = list(dict.fromkeys((e.name, e.rule) for e in found))
    kinds = list(dict.fromkeys(e.group.partition("=")[0] for e in found))
    measure = left.selectbox("Measure", measures, key="measure", format_func=lambda m: m[0] + (m[1] and f" ({m[1]})"))
    kind = right.segmented_control("Groups by", ["all", *kinds], default="all", key="group_by") or "all"
    rows = _rows(found, measure, kind)
    whole = next((e for e in run.results.estimates if e.group == "all" and (e.name, e.rule) == measure), None)
    value = whole.value if whole else math.nan
    st.plotly_chart(forest.forest_chart(rows, value, measure[0]), key="groups", config={"displaylogo": False},
                    alt=f"{measure[0]} in each group with its interval")
    told = f"Dotted: all cases, {wording.estimate_text(whole)[0]}. " if whole else ""
    st.caption(f"{shell.plain(told)}Groups overlap in patients and are not independent; intervals are not corrected "
               "for their number.")
    downloads.numbers("subgroups", rows, "This figure (CSV)")
    if gaps:
        estimates.table("Gaps between the best and the worst group", gaps, "estimates-gaps")
    estimates.table("All groups", found, "estimates-groups")


def _rows(found: list[Estimate], measure: tuple[str, str], kind: str) -> pd.DataFrame:
    chosen = [e for e in found if (e.name, e.rule) == measure and (kind == "all" or e.group.startswith(f"{kind}="))]
    rows = [(e.group.replace("=", " "), e.value, e.low, e.high, wording.count_text(e),
             "" if math.isfinite(e.value) else e.interval) for e in chosen]
    return pd.DataFrame(rows, columns=["name", "value", "low", "high", "count", "why"])


shell.show(subgroups)
