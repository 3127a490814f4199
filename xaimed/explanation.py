"""The explanation of one case as files: a picture with every method side by side, and the maps as NPZ."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xaimed.types import Attribution, Case, Prediction

if TYPE_CHECKING:
    from xaimed.adapters.model import Model
    from xaimed.scene import Scene
    from xaimed.targets import Target
    from xaimed.viz.overlay import Mark

Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Explanation:
    """A case, what the model says of it, what was explained, and one Attribution a method."""

    case: Case
    prediction: Prediction
    targets: tuple[Target, ...]
    maps: tuple[Attribution, ...]
    operating_point: float

    @property
    def summary(self) -> str:
        """The detections in words, with the operating point."""
        above = [d for d in self.prediction.detections if d.score >= self.operating_point]
        boxes = ", ".join(f"{d.name} {d.label} {d.score:.2f}" for d in above) or "no box"
        shown = "" if above or not self.targets else f"; explained the best one below it: {self.targets[0].name}"
        return f"{boxes} at or above the operating point {self.operating_point:.2f}{shown}"


def explain_case(model: Model, case: Case, methods: Sequence[str], most: int = 3) -> Explanation:
    """The maps of the best `most` targets of a case; of its single best box where none reaches the operating point."""
    from xaimed.explain import explain

    prediction = model.predict([case])[0]
    targets = tuple(model.targets(case, prediction)[:most])
    if not targets and prediction.detections:
        targets = (_best(prediction),)
    maps = explain(_Asked(model, targets), [case], methods) if targets else []
    return Explanation(case, prediction, targets, tuple(maps), model.file.operating_point)


def _best(prediction: Prediction) -> Target:
    from xaimed.targets import Target

    first = prediction.detections[0]
    return Target(first.name, first.label, first.edges)


class _Asked:
    """A model whose targets were chosen already."""

    def __init__(self, model: Model, targets: Sequence[Target]) -> None:
        self.model, self.targets = model, targets

    def scenes(self, case: Case, targets: Sequence[Target | str] | None = None) -> list[Scene]:
        """The scenes of the chosen targets."""
        del targets
        return self.model.scenes(case, self.targets)


def write_explanation(found: Explanation, out: Path) -> Path:
    """The picture `out/<case>.png`; beside it `out/<case>.npz` with the maps, the methods and the targets."""
    out.mkdir(parents=True, exist_ok=True)
    picture, table = out / f"{found.case.id}.png", out / f"{found.case.id}.npz"
    arrays = {f"{a.method}/{target}": a.maps[i] for a in found.maps for i, target in enumerate(a.targets)}
    fresh = table.with_name(f".{table.stem}.{os.getpid()}.npz")
    try:
        np.savez_compressed(fresh, **arrays)  # type: ignore[arg-type]
        fresh.replace(table)
    finally:
        fresh.unlink(missing_ok=True)
    _write_picture(found, picture)
    return picture


def _write_picture(found: Explanation, path: Path) -> None:
    from PIL import Image

    fresh = path.with_name(f".{path.stem}.{os.getpid()}.png")
    try:
        Image.fromarray(contact_sheet(found)).save(fresh)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def contact_sheet(found: Explanation, height: int = 640) -> Picture:
    """uint8 (rows * height, columns * width, 3): one row a target; the image with its boxes, then each method."""
    from xaimed.viz.overlay import draw_boxes, fitted, grey, overlay

    plain, factor = fitted(grey(found.case.image), height)
    first = draw_boxes(plain, list(_marks(found).values()), factor)
    rows = []
    for index, target in enumerate(found.targets):
        row = [_titled(first, f"{target.name}: {target.label}")]
        for attribution in found.maps:
            laid, _ = fitted(overlay(found.case.image, attribution.maps[index], opacity=0.6), height)
            note = f" ({attribution.notes[index]})" if attribution.notes[index] else ""
            own = [mark for name, mark in _marks(found).items() if name == target.name]
            row.append(_titled(draw_boxes(laid, own, factor), attribution.method.replace("_", " ") + note))
        rows.append(row)
    whole = rows or [[_titled(first, "no detection")]]
    return np.concatenate([np.concatenate(row, axis=1) for row in whole], axis=0)


def _marks(found: Explanation) -> dict[str, Mark]:
    from xaimed.viz.overlay import Mark

    shown = {t.name for t in found.targets}
    return {d.name: Mark(d.edges, f"{d.label} {d.score:.2f}",
                         "detection" if d.score >= found.operating_point else "below")
            for d in found.prediction.detections if d.score >= found.operating_point or d.name in shown}


def _titled(picture: Picture, text: str) -> Picture:
    import cv2

    bar = np.zeros((28, picture.shape[1], 3), np.uint8)
    cv2.putText(bar, text, (6, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (235, 235, 235), 1, cv2.LINE_AA)
    return np.concatenate([bar, picture], axis=0)
