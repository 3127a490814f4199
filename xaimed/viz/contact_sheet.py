"""One picture of an explanation: a row a target, in it the image with its boxes and the map of each method."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from xaimed.types import Attribution, Floats
from xaimed.viz.album import note_of
from xaimed.viz.overlay import Facts, Mark, draw_boxes, fitted, grey, overlay, robust_scale, table

if TYPE_CHECKING:
    from xaimed.explanation import Explanation
    from xaimed.targets import Target

Picture = NDArray[np.uint8]
FONT, SIZE, INK, RULE = cv2.FONT_HERSHEY_SIMPLEX, 0.45, (235, 235, 235), (90, 90, 90)
LINE, MARGIN, KEY, FEWEST = 20, 6, 110, 8  # pixels; the letters that a line has at least


@dataclass(frozen=True, eq=False)
class Panel:
    """A picture (H, W, 3), the text above it, and the map whose colours the key below it tells; None without a key."""

    picture: Picture
    text: str
    values: Floats | None = None


def contact_sheet(found: Explanation, height: int = 640) -> Picture:
    """uint8 (H, W, 3): one row a target; pictures of `height` rows, the image with its boxes, then each method.

    Above each its name and any note, below each map what its colours stand for.
    """
    plain, factor = fitted(grey(found.case.image), height)
    marks = _marks(found)
    first = draw_boxes(plain, list(marks.values()), factor)
    rows = []
    for index, target in enumerate(found.targets):
        own = [mark for name, mark in marks.items() if name == _box(target)]
        row = [Panel(first, target.name if target.name == target.label else f"{target.name}: {target.label}")]
        for made in found.maps:
            laid, _ = fitted(overlay(found.case.image, made.maps[index], opacity=0.6), height)
            row.append(Panel(draw_boxes(laid, own, factor), _title(made, index), made.maps[index]))
        rows.append(_row(row))
    return np.concatenate(rows or [_row([Panel(first, "no target")])], axis=0)


def _title(made: Attribution, index: int) -> str:
    note = note_of(made, index)
    return made.method.replace("_", " ") + (f" ({note})" if note else "")


def _box(target: Target) -> str:
    """The name of the box that a target belongs to: d0 of d0:x0 and of rpn:d0."""
    from xaimed.target_names import box_name

    return box_name(target.name).box


def _marks(found: Explanation) -> dict[str, Mark]:
    """Every box to draw by its name: those at or above the operating point, and those that are explained."""
    shown = {_box(target): target for target in found.targets}
    marks = {d.name: Mark(d.edges, f"{d.label} {d.score:.2f}",
                          "detection" if d.score >= found.operating_point else "below")
             for d in found.prediction.detections if d.score >= found.operating_point or d.name in shown}
    for name, target in shown.items():
        if name not in marks and target.box is not None:
            score = found.prediction.scores.get(name)
            marks[name] = (Mark(target.box, target.label, "truth") if score is None else
                           Mark(target.box, f"{target.label} {score:.2f}", "below"))
    return marks


def _row(panels: Sequence[Panel]) -> Picture:
    texts = [_lines(panel.text, panel.picture.shape[1] - 2 * MARGIN) for panel in panels]
    tall = LINE * max(len(lines) for lines in texts) + MARGIN
    return np.concatenate([
        np.concatenate([_bar(lines, tall, panel), panel.picture, _key(panel)], axis=0)
        for lines, panel in zip(texts, panels, strict=True)], axis=1)


def _bar(lines: Sequence[str], tall: int, panel: Panel) -> Picture:
    bar = np.zeros((tall, panel.picture.shape[1], 3), np.uint8)
    bar[0] = RULE
    for number, line in enumerate(lines, 1):
        _write(bar, line, MARGIN, LINE * number - MARGIN)
    return bar


def _key(panel: Panel) -> Picture:
    """What the colours of a panel's map stand for: a strip between the values at its ends."""
    bar = np.zeros((LINE + MARGIN, panel.picture.shape[1], 3), np.uint8)
    if panel.values is None:
        return bar
    facts, scale = Facts.of(panel.values), f"{robust_scale(panel.values):.3g}"
    if facts.problem:
        _write(bar, facts.problem.lower(), MARGIN, LINE - MARGIN)
        return bar
    low, high = (f"-{scale}", f"+{scale}") if facts.kind == "signed" else ("0", scale)
    left = _write(bar, low, MARGIN, LINE - MARGIN) + MARGIN
    colours = table(facts.kind)[np.linspace(0, 255, KEY).round().astype(int)]
    strip = np.repeat(colours[None], LINE - 2 * MARGIN, axis=0)
    room = bar[MARGIN:MARGIN + len(strip), left:left + KEY]
    room[:] = strip[:, :room.shape[1]]
    end = _write(bar, high, left + KEY + MARGIN, LINE - MARGIN) + 2 * MARGIN
    words = "against | for the target" if facts.kind == "signed" else "brighter: more"
    if end + _wide(words) <= bar.shape[1]:
        _write(bar, words, end, LINE - MARGIN)
    return bar


def _lines(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` pixels, or of the fewest letters where that is wider."""
    most = max(FEWEST, len(text))
    while True:
        lines = textwrap.wrap(text, most) or [""]
        if most == FEWEST or all(_wide(line) <= width for line in lines):
            return lines
        most -= 1


def _wide(text: str) -> int:
    return int(cv2.getTextSize(text, FONT, SIZE, 1)[0][0])


def _write(bar: Picture, text: str, left: int, base: int) -> int:
    """Write a line into `bar`; where it ends, in pixels."""
    cv2.putText(bar, text, (left, base), FONT, SIZE, INK, 1, cv2.LINE_AA)
    return left + _wide(text)
