"""Failures: where the model fails, in which groups more often, and the gravest cases first."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from dashboards import downloads, shell
from dashboards.shelf import stamp
from xaimed.plural import plural
from xaimed.store import Run
from xaimed.viz import failures as where
from xaimed.viz import forest, wording, worklist

MOST = 12


def failures(run: Run) -> None:
    table = shell.listed(str(run.path), stamp(run.path))
    if not len(table) or (table["outcome"] == "not counted").all():
        st.info("NOT ASSESSED: what counts as a failure of a single case is not defined for this task.")
        return
    wrong = table[where.failed(table)]
    left, right = st.columns([1.1, 1], gap="medium")
    with left:
        _groups(table)
    with right:
        _gravest(run, table, wrong)


def _groups(table: pd.DataFrame) -> None:
    st.markdown("##### How often, by group")
    rows = where.by_group(table)
    if rows.empty:
        st.caption("NOT ASSESSED: the data name no groups such as site, view or density.")
        return
    whole = float(where.failed(table).mean())
    st.plotly_chart(forest.forest_chart(rows, whole, "share of cases with a failure"), key="failed",
                    config={"displaylogo": False}, alt="Share of cases with a failure in each group")
    st.caption("A failure is a missed lesion, a false positive or a wrong class, of an image or of a found "
               "lesion, at the operating point. Dotted: all cases. Wilson's intervals take images as independent. "
               "Explored after the fact: a hint, no test.")
    downloads.numbers("failures-by-group", rows, "Groups (CSV)")


def _gravest(run: Run, table: pd.DataFrame, wrong: pd.DataFrame) -> None:
    missed, false = int((table["missed"] > 0).sum()), int((table["false_positives"] > 0).sum())
    grave = int((table["missed_positive"] > 0).sum())
    st.markdown(f"##### {len(wrong)} of {plural(len(table), 'case')}")
    named = int((table["other_class"] > 0).sum())
    st.caption(f"{missed} with something missed ({worklist.missed_words(run)}: {grave}), {false} with a false "
               f"positive{f', {named} with a found lesion called another class' if named else ''}.",
               help=worklist.gravest_words(run))
    if wrong.empty:
        st.caption("No case failed at the operating point.")
    for row in worklist.ordered(wrong).head(MOST).to_dict("records"):
        groups = [f"{name.removeprefix('group_')} {row[name]}" for name in ("group_site", "group_view", "group_density")
                  if isinstance(row.get(name), str)]
        score = f"score {wording.score_text(row['score'])}" if math.isfinite(row["score"]) else "no score"
        told = " · ".join([f"{row['case']}: {row['outcome']}", score, *groups])
        st.page_link("pages/case.py", label=shell.plain(told),
                     query_params={"run": run.path.name, "case": str(row["case"])})
    if len(wrong) > MOST:
        more = len(wrong) - MOST
        st.caption(f"{more} more {'is' if more == 1 else 'are'} in the worklist.")
    downloads.numbers("failures", wrong, "Failed cases (CSV)")


shell.show(failures)
