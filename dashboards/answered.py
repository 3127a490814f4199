"""What a model answered in pixels, above the viewer of the case: the report's pictures and words of it."""

from __future__ import annotations

import base64
import math
from html import escape

import cv2
import numpy as np
import streamlit as st

from dashboards import faults, shell
from dashboards.shelf import stamp
from xaimed.answers import FOUND, outlined
from xaimed.errors import XaimedError
from xaimed.report.answers import DRAWN, answer_gallery, answer_words
from xaimed.report.blocks import Panel, Picture
from xaimed.report.masks import mask_words
from xaimed.report.panels import View
from xaimed.store import Run
from xaimed.types import Mask
from xaimed.viz import overlay

ERROR = f"{FOUND}error"
OUTLINED = "segmentation"
ROUGH = 0.4  # pixels by which an outline may leave the mask's edge
STYLE = """<style>.answered { display: flex; gap: 6px; } .answered figure { margin: 0; flex: 1 1 0; min-width: 0; }
.answered img { width: 100%; height: min(26vh, 250px); object-fit: contain; background: #000; display: block; }
.answered figcaption { font-size: 12px; overflow-wrap: anywhere; }</style>"""


def show(run: Run, case: str) -> None:
    """The pictures of the answer side by side and what was measured on it; nothing for classes and boxes."""
    try:
        words, pictures = _told(str(run.path), stamp(run.path), case)
    except XaimedError as error:
        st.error(shell.plain(faults.told(error)))
        return
    if pictures:
        st.html(STYLE + f'<div class="answered">{pictures}</div>')
    if words:
        st.caption(shell.plain(words))


@st.cache_data(max_entries=32, show_spinner=False)
def _told(path: str, at: int, case: str) -> tuple[str, str]:
    """Words and pictures (HTML) of the answer to a case."""
    run = shell.opened(path, at)
    task = str(run.meta.get("model", {}).get("task", ""))
    planes = run.planes(case)
    if not planes:
        return "", ""
    rows = run.scores[(run.scores["case"] == case) & (run.scores["condition"] == "clean")
                      & (run.scores["method"] == "")]
    values = {(str(row["target"]), "", str(row["metric"])): float(row["value"]) for row in rows.to_dict("records")}
    if task == OUTLINED:
        return mask_words(values), ""
    image, spacing = run.image(case), float(run.cases.set_index("case").at[case, "spacing_mm"])
    view = View(run, case, image, (0, 0, image.shape[-1], image.shape[-2]), spacing)
    gallery = answer_gallery(view, task)
    if gallery is not None:
        words = answer_words(values, task, math.isfinite(spacing)) if task in DRAWN else ""
        return words, "".join(map(_figure, gallery.panels))
    return ("", "".join(map(_figure, _residual(view, case)))) if ERROR in planes else ("", "")


def _residual(view: View, case: str) -> tuple[Panel, ...]:
    """The image and, over it, how far each of its pixels is from the model's own picture of it."""
    error = view.run.planes(case)[ERROR]
    title = f"Residual, largest {float(np.nanmax(error)):.3g} (brighter is further from what the model rebuilds)"
    drawn = ((f"Image of case {case}", overlay.grey(view.image)),
             (title, overlay.overlay(view.image, error, 1.0, colormap="positive")))
    return tuple(Panel(text, Picture(overlay.png(rgb), text, "png")) for text, rgb in drawn)


def _figure(panel: Panel) -> str:
    data = base64.b64encode(panel.picture.data).decode()
    return (f'<figure><img alt="{escape(panel.picture.alt)}" src="data:image/png;base64,{data}">'
            f"<figcaption>{escape(panel.title)}</figcaption></figure>")


def outlines(run: Run, case: str) -> list[dict[str, object]]:
    """The edges of what a segmentation found and of its reference: name, kind, lines of x, y in original pixels."""
    if run.meta.get("model", {}).get("task") != OUTLINED:
        return []
    return [{"name": one.name, "kind": kind, "lines": lines_of(mask)} for one in outlined(run.planes(case))
            for kind, mask in (("found", one.found), ("reference", one.reference)) if mask is not None]


def lines_of(mask: Mask) -> list[list[float]]:
    """Each closed edge of a mask, of holes too, as x, y, x, y ... of the middles of its pixels."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    return [(cv2.approxPolyDP(line, ROUGH, True).reshape(-1) + 0.5).tolist() for line in found]
