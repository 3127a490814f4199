"""The explanation of one case as files: a picture with every method side by side, and the maps as NPZ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from xaimed.errors import InputError
from xaimed.types import Attribution, Case, Prediction

if TYPE_CHECKING:
    from xaimed.adapters.model import Model
    from xaimed.attribution.method import Method
    from xaimed.scene import Scene
    from xaimed.targets import Target

METHODS = ("grad_cam", "integrated_gradients", "gradient_shap", "kernel_shap")


@runtime_checkable
class NamesBoxes(Protocol):
    """A model whose targets are boxes, and which knows the box of a name."""

    def target(self, case: Case, name: str) -> Target:
        """The target of a name with its class and box."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """A case, what the model says of it, what was explained, and one Attribution a method.

    boxed: the model finds boxes, rather than a class or a number of the whole image. left_out: for each method that
    cannot explain the model the reason.
    """

    case: Case
    prediction: Prediction
    targets: tuple[Target, ...]
    maps: tuple[Attribution, ...]
    operating_point: float
    boxed: bool = True
    left_out: Mapping[str, str] = field(default_factory=dict)

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


def explain_case(model: Model, case: Case, methods: Sequence[str] | None = None, most: int = 3,
                 names: Sequence[str] = ()) -> Explanation:
    """The maps of the targets of these names, else of the best `most` targets of a case.

    methods: None stands for those of METHODS that can explain the model. Where no box reaches the operating point its
    single best box is explained. Raises InputError for `most` below 1, TargetError, with the known ones, for a name
    that the model does not know, ModelError or TargetError for a given method that cannot explain the model.
    """
    from xaimed.explain import check_served, method_of

    if most < 1:
        raise InputError(f"at most {most} targets; expected 1 or more")
    prediction = model.predict([case])[0]
    targets = tuple(dict.fromkeys(_told(model, case, prediction, name) for name in names)) or tuple(
        model.targets(case, prediction)[:most])
    if not targets and prediction.detections:
        targets = (_told(model, case, prediction, prediction.detections[0].name),)
    scenes = model.scenes(case, [target.name for target in targets] if names else targets) if targets else []
    chosen = [method_of(name) for name in (METHODS if methods is None else methods)]
    left_out: dict[str, str] = {}
    made = [_made(method, case, scenes, left_out if methods is None else None) for method in chosen if scenes]
    check_served(chosen, left_out)
    boxed = bool(prediction.detections) or model.task in ("detector", "segmenter")
    return Explanation(case, prediction, targets, tuple(one for one in made if len(one)), model.file.operating_point,
                       boxed, left_out)


def _told(model: Model, case: Case, prediction: Prediction, name: str) -> Target:
    from xaimed.targets import Target

    if isinstance(model, NamesBoxes):
        return model.target(case, name)
    found = next((d for d in prediction.detections if d.name == name), None)
    return Target(name, found.label, found.edges) if found else Target(name, name)


def _made(method: Method, case: Case, scenes: Sequence[Scene], left_out: dict[str, str] | None) -> Attribution:
    from xaimed.attribution.method import attribution
    from xaimed.explain import served

    maps = served(method, scenes, left_out)
    return attribution(method, [(map_, scene, case.image) for map_, scene in zip(maps, scenes, strict=False)])


def write_explanation(found: Explanation, out: Path) -> Path:
    """The picture `out/<case>.png`; beside it `out/<case>.npz` with the maps under "method/target".

    The NPZ also holds "about", the caption, note and facts of each map, as `viz.album.about` gives it.
    """
    from PIL import Image

    from xaimed.imaging.export import replacing
    from xaimed.viz.album import about
    from xaimed.viz.contact_sheet import contact_sheet

    out.mkdir(parents=True, exist_ok=True)
    picture = out / f"{found.case.id}.png"
    named = {f"{one.method}/{target}": (one, index) for one in found.maps for index, target in enumerate(one.targets)}
    arrays = {name: one.maps[index] for name, (one, index) in named.items()}
    with replacing(picture.with_suffix(".npz")) as file:
        np.savez_compressed(file, about=about(named), **arrays)  # type: ignore[arg-type]
    with replacing(picture) as file:
        Image.fromarray(contact_sheet(found)).save(file, "png")
    return picture
