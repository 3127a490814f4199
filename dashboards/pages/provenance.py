"""Provenance: what was audited with what, when and on which machine, and whether the record is whole."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd
import streamlit as st

from dashboards import altered, faults, shell
from xaimed.errors import XaimedError
from xaimed.plural import plural
from xaimed.store import Run
from xaimed.viz import wording


def provenance(run: Run) -> None:
    meta = run.meta
    _report(run)
    left, right = st.columns(2, gap="medium")
    with left:
        _facts("Model", meta.get("model", {}))
        _facts("Data", meta.get("data", {}))
    with right:
        rest = {key: value for key, value in meta.items() if key not in ("model", "data", "files", "timings")}
        _facts("Run", rest)
        _facts("Seconds", meta.get("timings", {}))
    _log(run)
    with st.expander("The plan, every default spelled out"):
        st.code((run.path / "plan.toml").read_text(encoding="utf-8"), language="toml")


def _report(run: Run) -> None:
    report = run.path / "report.pdf"
    if report.is_file():
        st.download_button("Download the report (PDF)", report.read_bytes(),
                           f"{run.path.name}-report.pdf", "application/pdf")
    else:
        st.caption("No report.pdf in this run yet: `xaimed report` writes it.")


def _facts(title: str, facts: Mapping[str, object]) -> None:
    st.markdown(f"##### {title}")
    rows = [(key, text) for name, value in facts.items() for key, text in _flat(name, value)]
    st.dataframe(pd.DataFrame(rows, columns=["what", "value"]), hide_index=True, alt=title,
                 column_config={"what": st.column_config.Column(width="small")})


def _flat(name: str, value: object) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [row for key, item in value.items() for row in _flat(f"{name}.{key}", item)]
    if isinstance(value, list | tuple):
        if any(isinstance(item, Mapping) for item in value):
            return [row for at, item in enumerate(value, 1) for row in _flat(f"{name}.{at}", item)]
        return [(name, ", ".join(map(str, value)))]
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return [(name, wording.MISSING)]
    return [(name, f"{value:.4g}" if isinstance(value, float) else str(value))]


def _log(run: Run) -> None:
    st.markdown("##### Record of what was done")
    try:
        entries = run.log_entries()
    except XaimedError as error:
        st.error(f"The record is not whole: {shell.plain(faults.told(error))}")
        return
    files = ", ".join(altered.altered(run))
    whole = f"of events is whole, but not what it records: {shell.plain(files)}" if files else "is whole"
    st.caption(f"{plural(len(entries), 'event')}; every one carries the hash of the one before it, and the chain "
               f"{whole}. `xaimed verify` checks every file of the run.")
    rows = [(e.time, e.event, ", ".join(f"{k} {v}" for k, v in e.facts.items()), e.hash[:16]) for e in entries]
    st.dataframe(pd.DataFrame(rows, columns=["time (UTC)", "event", "facts", "hash"]), hide_index=True,
                 alt="Events of the run")


shell.show(provenance)
