"""The panel "Without this region" of the case page: the deletion curves of the map that is shown."""

from __future__ import annotations

import math

import streamlit as st

from dashboards import downloads, shell, viewer
from dashboards.exam import told
from xaimed.errors import XaimedError
from xaimed.mapfile import MapEntry
from xaimed.store import Run
from xaimed.viz import without

HOW = ("The audit asked the model again while the pixels that this map ranks highest were replaced step by step. Left, "
       "as a share of that on the whole image: for a detection its overlap times objectness times likeness of classes, "
       "for a class how alike the answer is. A replaced region is no healthy tissue: what is left depends on what "
       "replaces it.")
ONLY_AREA = ("The steps are not stored in this run: it was made by a version of xaimed that kept only the area under "
             "each curve. Mean share of the answer left while the highest-ranked pixels are replaced, by what replaces "
             "them: ")
NOTHING = "NOT ASSESSED: this audit measured no deletion for this map, so what the model would say is not known."


def show(run: Run, case: str, entry: MapEntry) -> None:
    """The curves with their words; or why there are none."""
    with st.expander("Without this region", expanded=True):
        try:
            found = without.curves_of(run.curves(case), entry.target, entry.method)
        except XaimedError as error:
            st.error(shell.plain(told(error)))
            return
        if not found:
            st.caption(_instead(run, case, entry))
            return
        viewer.draw(without.chart(found), "without")
        st.caption(shell.plain(without.told(found)), help=HOW)
        downloads.numbers("without-this-region", without.table(found), "Without this region (CSV)")


def _instead(run: Run, case: str, entry: MapEntry) -> str:
    rows = run.scores[(run.scores["case"] == case) & (run.scores["target"] == entry.target)
                      & (run.scores["method"] == entry.method) & (run.scores["condition"] == "clean")
                      & run.scores["metric"].astype(str).str.startswith("deletion_auc[")]
    areas = "; ".join(f"{str(row['metric'])[13:-1].replace('_', ' ')} {row['value']:.2f}"
                      for _, row in rows.iterrows() if math.isfinite(row["value"]))
    return f"{ONLY_AREA}{areas}." if areas else NOTHING
