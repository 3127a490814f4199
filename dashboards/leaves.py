"""Small tables as plain HTML: Streamlit's grid is a large program, and a case is to open fast."""

from __future__ import annotations

import math
from html import escape

import pandas as pd
import streamlit as st

STYLE = """<style>.leaf { overflow-x: auto; max-height: 460px; overflow-y: auto; }
.leaf table { border-collapse: collapse; font-size: 0.88rem; width: 100%; }
.leaf th, .leaf td { padding: 2px 8px 2px 0; text-align: right; vertical-align: top; white-space: nowrap;
  border-bottom: 1px solid rgb(128 128 128 / 0.25); font-variant-numeric: tabular-nums; font-weight: 400; }
.leaf th:first-child { text-align: left; white-space: normal; min-width: 8.5rem; }
.leaf thead th { font-weight: 600; } .leaf .first { font-weight: 600; }</style>"""


def table(rows: pd.DataFrame, title: str) -> None:
    """Show the rows: the first column names each, the second stands out, numbers have three figures."""
    head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in rows.columns)
    body = "".join(_row(list(row)) for row in rows.itertuples(index=False, name=None))
    st.html(f'{STYLE}<div class="leaf" role="region" aria-label="{escape(title)}" tabindex="0"><table><thead><tr>{head}'
            f"</tr></thead><tbody>{body}</tbody></table></div>")


def _row(cells: list[object]) -> str:
    first, *rest = (escape(_text(cell)) for cell in cells)
    return f'<tr><th scope="row">{first}</th>' + "".join(
        f'<td{" class=first" if i == 0 else ""}>{cell}</td>' for i, cell in enumerate(rest)) + "</tr>"


def _text(cell: object) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:.3g}" if math.isfinite(cell) else "–"
