"""A segmentation on the page of a case: the found outline over the reference, and how far the two agree."""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from xaimed.answers import Outlined, outlined
from xaimed.report.blocks import Column, Panel, Picture, Table
from xaimed.report.panels import LARGE, View
from xaimed.report.wording import listed, number, percent
from xaimed.types import Floats, Mask
from xaimed.viz import overlay
from xaimed.viz.names import pretty
from xaimed.viz.overlay import GREEN, MAGENTA

Values = Mapping[tuple[str, str, str], float]
MEASURES = ("Dice", "IoU", "HD95", "V_rand", "V_info")
TINT = 0.45  # opacity of the reference
LINE = 2  # pixels of a picture of LARGE rows


def mask_panels(view: View, planes: Mapping[str, Floats]) -> list[Panel]:
    """A picture for each class: the reference filled in magenta, the outline of what was found in green."""
    return [Panel(f"{pretty(one.name)}: found (green outline), reference (magenta)", _drawn(view, one))
            for one in outlined(planes)]


def _drawn(view: View, one: Outlined) -> Picture:
    rgb, _ = overlay.fitted(overlay.grey(view.cut(view.image)), LARGE)
    if one.reference is not None:
        inside = _grown(view, one.reference, rgb)
        rgb[inside] = np.round((1 - TINT) * rgb[inside] + TINT * np.array(MAGENTA)).astype(np.uint8)
    if one.found is not None:
        lines, _ = cv2.findContours(_grown(view, one.found, rgb).astype(np.uint8), cv2.RETR_LIST,
                                    cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(rgb, lines, -1, GREEN, LINE)
    alt = (f"{pretty(one.name)} of case {view.case}: found {_share(one.found)} of the image, reference "
           f"{_share(one.reference)}")
    return Picture(overlay.png(rgb), alt, "png")


def _grown(view: View, mask: Mask, rgb: NDArray[np.uint8]) -> Mask:
    cut = view.cut(mask.astype(np.float32))
    grown = cv2.resize(cut, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(grown > 0.5)


def _share(mask: Mask | None) -> str:
    return "nothing" if mask is None or not mask.any() else percent(float(mask.mean()))


def mask_words(values: Values) -> str:
    """The Dice coefficient of each class in a sentence."""
    found = [f"{pretty(target)} {number(value, 2)}" for (target, method, metric), value in values.items()
             if (method, metric) == ("", "Dice") and math.isfinite(value)]
    return (f"The model outlines parts of the image. Agreement with the reference (Dice): {listed(found)}." if found
            else "The model outlines parts of the image. No reference in pixels belongs to this case.")


def mask_table(values: Values) -> list[Table]:
    """A row a class, a column a measure; none without a reference."""
    own = {(target, metric): value for (target, method, metric), value in values.items()
           if not method and metric in MEASURES}
    measures = [m for m in MEASURES if any(metric == m for _, metric in own)]
    rows = tuple((pretty(target), *(number(own.get((target, m), math.nan), 3) for m in measures))
                 for target in dict.fromkeys(target for target, _ in own))
    columns = (Column("Class", share=1.4), *(Column(m, "right") for m in measures))
    note = ("HD95 in mm, or in pixels where the spacing is not known."
            if "HD95" in measures else "")
    return [Table("Agreement with the reference", columns, rows, note)] if rows else []
