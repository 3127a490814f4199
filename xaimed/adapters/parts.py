"""What the parts of a classifier add to its answer: prototypes, features of a linear layer, questions of a tree.

Rows of scores without a method; they belong to the model and not to a map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from xaimed.adapters.classifier import Classifier
from xaimed.adapters.whole import Seen, outward
from xaimed.answers import EDGES, MATCH, PART, QUESTION, REST
from xaimed.target_names import class_name
from xaimed.targets import Target
from xaimed.types import Score

PLACED = 3  # prototypes of a case whose best match is kept


@runtime_checkable
class Summed(Protocol):
    """A network whose logits are sums: parts (B, outputs, n) of images and, beside them, at most a bias."""

    @property
    def part_names(self) -> Sequence[str]: ...  # noqa: D102
    def parts(self, images: Tensor) -> Tensor: ...  # noqa: D102


@runtime_checkable
class Matched(Protocol):
    """A network whose parts belong to a class (n,) and are found at a place: similarity_maps (B, n, h', w')."""

    @property
    def classes(self) -> Tensor: ...  # noqa: D102
    def similarity_maps(self, images: Tensor) -> Tensor: ...  # noqa: D102


@runtime_checkable
class Asking(Protocol):
    """A network that asks one question after the other: of one image their features and by how much each is above."""

    def questions(self, images: Tensor) -> Sequence[tuple[str, float]]: ...  # noqa: D102


def by_part(model: Classifier, seen: Seen, targets: Sequence[Target]) -> list[Score]:
    """What each part adds to a target's logit, in logits, the rest of it, and where its first parts were found.

    The parts and the rest sum to the logit. Of a tree by how many deviations each feature that it asked for lies above
    the threshold. Nothing for another network, and for a target that is no logit and no difference of two.
    """
    if isinstance(model.network, Asking):
        with torch.no_grad():
            asked = model.network.questions(model.normalised(seen.image))
        return [Score(seen.case.id, target.name, "", f"{QUESTION}{place} {name}", value)
                for target in targets for place, (name, value) in enumerate(asked, start=1)]
    if not isinstance(model.network, Summed):
        return []
    with torch.no_grad():
        added = model.network.parts(model.normalised(seen.image))[0]
        planes, whole = model.logits(added.T).double(), model.logits(seen.output)[0].double()
    rows, names = [], [*_names(model), REST]
    for target in targets:
        column = _column(model, target, torch.cat([planes, (whole - planes.sum(dim=0))[None]]))
        rows += [Score(seen.case.id, target.name, "", f"{PART}{name}", value)
                 for name, value in zip(names, column, strict=bool(column))]
        rows += _matches(model, seen, target, column[:-1])
    return rows


def _names(model: Classifier) -> list[str]:
    """The parts' names; that of a prototype with its class."""
    network = model.network
    names = list(network.part_names) if isinstance(network, Summed) else []
    if not isinstance(network, Matched):
        return names
    return [f"{name} of {model.classes[index]}" for name, index in zip(names, network.classes.tolist(), strict=True)]


def _column(model: Classifier, target: Target, planes: Tensor) -> list[float]:
    """What each row (n, classes) adds to the target: a logit, or one less another; nothing for what is neither."""
    asked = class_name(target.name, model.classes)
    if asked.kind not in ("logit", "contrast") or asked.step is not None:
        return []
    found = planes[:, model.classes.index(asked.label)]
    values: list[float] = (found - planes[:, model.classes.index(asked.other)] if asked.other else found).tolist()
    return values


def _matches(model: Classifier, seen: Seen, target: Target, added: Sequence[float]) -> list[Score]:
    """The box, in original pixels, of the cell that is most like each of the PLACED parts that add most."""
    network, names = model.network, _names(model)
    if not added or not isinstance(network, Matched):
        return []
    with torch.no_grad():
        maps = network.similarity_maps(model.normalised(seen.image))[0]
    tall, wide = (int(side) / int(cells) for side, cells in zip(seen.image.shape[-2:], maps.shape[-2:], strict=True))
    rows: list[Score] = []
    for part in sorted(range(len(added)), key=lambda index: -added[index])[:PLACED]:
        row, column = divmod(int(maps[part].argmax()), int(maps.shape[-1]))
        box = (column * wide, row * tall, (column + 1) * wide, (row + 1) * tall)
        rows += [Score(seen.case.id, target.name, "", f"{MATCH}{names[part]} {edge}", value)
                 for edge, value in zip(EDGES, outward(seen.prepared, [box])[0], strict=True)]
    return rows
