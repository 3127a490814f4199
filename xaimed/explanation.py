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
    """A case, what the model says of it, what was explained, and one Attribution a method.

    boxed: the model finds boxes, rather than a class or a number of the whole image.
    """

    case: Case
    prediction: Prediction
    targets: tuple[Target, ...]
    maps: tuple[Attribution, ...]
    operating_point: float
    boxed: bool = True

    @property
    def summary(self) -> str:
        """What the model says in words: its detections with the operating point, or its class scores."""
        if not self.boxed:
            scores = sorted(self.prediction.scores.items(), key=lambda pair: -pair[1])[:5]
            told = ", ".join(f"{name} {score:.2f}" for name, score in scores)
            return f"{told}{'; ' if told else ''}explained: {', '.join(t.name for t in self.targets) or 'nothing'}"
        above = [d for d in self.prediction.detections if d.score >= self.operating_point]
        boxes = ", ".join(f"{d.name} {d.label} {d.score:.2f}" for d in above) or "no box"
        names = [target.name for target in self.targets]
        best = not above and names == [d.name for d in self.prediction.detections[:1]]
        told = f"; explained {'the best one below it: ' if best else ''}{', '.join(names)}"
        shown = told if names and (best or names != [d.name for d in above[:len(names)]]) else ""
        return f"{boxes} at or above the operating point {self.operating_point:.2f}{shown}"


def explain_case(model: Model, case: Case, methods: Sequence[str], most: int = 3, names: Sequence[str] = ()
                 ) -> Explanation:
    """The maps of the targets of these names, else of the best `most` targets of a case.

    Where no box reaches the operating point its single best box is explained. Raises TargetError, with the known
    ones, for a name that the model does not know.
    """
    from xaimed.explain import explain

    prediction = model.predict([case])[0]
    targets = tuple(_told(prediction, name) for name in names) or tuple(model.targets(case, prediction)[:most])
    if not targets and prediction.detections:
        targets = (_told(prediction, prediction.detections[0].name),)
    asked = _Asked(model, names or targets)
    maps = explain(asked, [case], methods) if targets else []
    boxed = bool(prediction.detections) or model.task in ("detector", "segmenter")
    return Explanation(case, prediction, targets, tuple(maps), model.file.operating_point, boxed)


def _told(prediction: Prediction, name: str) -> Target:
    from xaimed.targets import Target

    found = next((d for d in prediction.detections if d.name == name), None)
    return Target(name, found.label, found.edges) if found else Target(name, name)


class _Asked:
    """A model whose targets were chosen already."""

    def __init__(self, model: Model, targets: Sequence[Target | str]) -> None:
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
        row = [_titled(first, target.name if target.name == target.label else f"{target.name}: {target.label}")]
        for attribution in found.maps:
            laid, _ = fitted(overlay(found.case.image, attribution.maps[index], opacity=0.6), height)
            note = f" ({attribution.notes[index]})" if attribution.notes[index] else ""
            own = [mark for name, mark in _marks(found).items() if name == target.name]
            row.append(_titled(draw_boxes(laid, own, factor), attribution.method.replace("_", " ") + note))
        rows.append(row)
    whole = rows or [[_titled(first, "no target")]]
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
