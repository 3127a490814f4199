"""What a user types as a target, such as "malignant-benign", "probability:malignant@3" or "dx:120,80", taken apart.

    CLASS            its logit (a classifier), the sum over its predicted mask (a segmenter)
    CLASS-CLASS      the first rather than the second
    odds:CLASS       log p / (1 - p);  probability:CLASS  p itself
    ...@STEP         at one time step or slice of an output that has them; negative counts from the end
    KIND:NUMBERS     a place in original pixels: mean:x0,y0,x1,y1  dx:x,y
    d0, m0           the class score of a detector's box (a detection, a missed lesion)
    d0:x0            an edge of that box in original pixels: x0, y0, x1 or y1
    rpn:d0           the objectness of the anchor behind that box
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xaimed.errors import TargetError, unknown

CLASS_KINDS = ("logit", "probability", "odds")
SIDES = ("x0", "y0", "x1", "y1")
PROPOSING = "rpn"
STEP = re.compile(r"^(?P<rest>.+)@(?P<step>-?\d+)$")


@dataclass(frozen=True)
class ClassName:
    """A target of a classifier: kind "logit", "probability", "odds" or "contrast"; the other class; the time step."""

    kind: str
    label: str
    other: str = ""
    step: int | None = None


@dataclass(frozen=True)
class PlaceName:
    """A target with a place: kind, such as "mean" or "dx", and its numbers in original pixels."""

    kind: str
    numbers: tuple[float, ...] = ()


@dataclass(frozen=True)
class BoxName:
    """A target of a detector: kind "score", "edge" or "objectness"; box, such as "d0"; side, the edge's number."""

    kind: str
    box: str
    side: int = 0

    def renamed(self, box: str) -> str:
        """The target's name with another box's name."""
        return {"score": box, "edge": f"{box}:{SIDES[self.side]}", "objectness": f"{PROPOSING}:{box}"}[self.kind]


def box_name(name: str) -> BoxName:
    """The parts of a detector's target; what is no edge and no objectness is the score of a box."""
    first, _, last = name.rpartition(":")
    if first == PROPOSING:
        return BoxName("objectness", last)
    return BoxName("edge", first, SIDES.index(last)) if first and last in SIDES else BoxName("score", name)


def class_name(name: str, classes: Sequence[str]) -> ClassName:
    """The parts of a classifier's target. Raises TargetError with the nearest known targets."""
    whole, step = _stepped(name, classes)
    kind, colon, label = whole.partition(":")
    if colon and kind in CLASS_KINDS and label in classes:
        return ClassName(kind, label, step=step)
    if whole in classes:
        return ClassName("logit", whole, step=step)
    for cut in (i for i, letter in enumerate(whole) if letter == "-"):
        # Class names may hold hyphens themselves, so every one is tried.
        first, second = whole[:cut], whole[cut + 1:]
        if first in classes and second in classes and first != second:
            return ClassName("contrast", first, second, step)
    raise no_target(name, class_targets(classes))


def class_targets(classes: Sequence[str]) -> list[str]:
    """What a classifier can be asked for, without time steps."""
    pairs = [f"{a}-{b}" for a in classes for b in classes if a != b] if len(classes) <= 4 else []
    return [*classes, *pairs, *(f"{kind}:{name}" for kind in ("probability", "odds") for name in classes)]


def _stepped(name: str, classes: Sequence[str]) -> tuple[str, int | None]:
    match = None if name in classes else STEP.match(name)
    return (match["rest"], int(match["step"])) if match else (name, None)


def place_name(name: str, kinds: Sequence[str], counts: Iterable[int]) -> PlaceName:
    """The parts of a target with a place. kinds: known ones; counts: how many numbers may follow.

    Raises TargetError for another kind, for what is no number, or for too few or too many.
    """
    kind, _, rest = name.partition(":")
    allowed = sorted(counts)
    if kind not in kinds:
        raise no_target(name, kinds)
    try:
        numbers = tuple(float(part) for part in rest.split(",") if part.strip())
    except ValueError:
        numbers = (float("nan"),) * (allowed[-1] + 1)
    if len(numbers) not in allowed:
        shapes = " or ".join(_shape(kind, count) for count in allowed)
        raise TargetError(f"target {name!r}; expected {shapes}, with numbers in pixels of the original image")
    return PlaceName(kind, numbers)


def _shape(kind: str, count: int) -> str:
    return {0: kind, 2: f"{kind}:x,y", 4: f"{kind}:x0,y0,x1,y1"}[count]


def no_target(name: str, known: Iterable[str], where: str = "") -> TargetError:
    """A TargetError that names the nearest known targets. where: such as "case p1: "."""
    return TargetError(f"{where}{unknown('target', name, known)}")
