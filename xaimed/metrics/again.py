"""Maps made again by the same method: under another seed, with more samples, or of a changed image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from xaimed.errors import InputError
from xaimed.types import Floats, Mask

if TYPE_CHECKING:
    from torch import Tensor

    from xaimed.metrics.explained import Explained
    from xaimed.scene import Scene

# What a method spends; the map is to converge as they grow.
EFFORT = ("steps", "max_steps", "samples", "evaluations", "masks", "permutations")


class Found(Protocol):
    """The map of a scene: values float32 (h, w), signed."""

    @property
    def values(self) -> Floats: ...  # noqa: D102


class Explainer(Protocol):
    """A method: it makes the map of one scene and leaves no trace."""

    def attribute(self, scene: Scene) -> Found:
        """The map of one scene."""


def reseeded(method: Explainer, seed: int) -> Explainer | None:
    """The method with another seed, or None for one that draws nothing."""
    return _with(method, {"seed": seed}) if "seed" in _own(method) else None


def finer(method: Explainer, factor: int = 2) -> Explainer | None:
    """The method with `factor` times its samples or steps, or None for one that has none."""
    more = {name: value * factor for name, value in _own(method).items() if name in EFFORT and isinstance(value, int)}
    return _with(method, more) if more else None


def _own(method: Explainer) -> dict[str, Any]:
    known: Any = method
    return {f.name: getattr(known, f.name) for f in fields(known)} if is_dataclass(known) else {}


def _with(method: Any, changes: dict[str, Any]) -> Explainer:
    changed: Explainer = replace(method, **changes)
    return changed


def remade(view: Explained, image: Tensor) -> Floats:
    """float32 (h, w): the map of the same target with another image (1, C, h, w) in place of the scene's.

    Raises InputError if the view does not know its method.
    """
    if view.method is None:
        raise InputError(f"{view.where}: the method is not known, so its map cannot be made again; give Ground.methods")
    # A joint holds several targets of one image, so a changed image stands alone.
    return view.method.attribute(replace(view.scene, image=image, joint=None)).values


def distance(first: Floats, second: Floats) -> float:
    """The norm of the difference of two maps over that of the first; NaN where that is 0 or not finite."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    size = float(np.sqrt((a**2).sum()))
    return float(np.sqrt(((a - b) ** 2).sum())) / size if size > 0 else float("nan")


def rank_correlation(first: Floats, second: Floats, tissue: Mask) -> float:
    """Spearman's rho in [-1, 1] of two maps on the tissue; NaN where one is constant there or not finite."""
    from xaimed.likeness import spearman

    a, b = (np.asarray(v[tissue], np.float64) for v in (first, second))
    varied = len(a) > 1 and all(bool(np.isfinite(v).all()) and float(np.ptp(v)) > 0 for v in (a, b))
    return spearman(a, b) if varied else float("nan")


def correlation_of(a: Sequence[float], b: Sequence[float]) -> float:
    """Pearson's correlation over the pairs that are both finite; NaN with fewer than 3 or no spread."""
    first, second = (np.asarray(v, np.float64) for v in (a, b))
    kept = np.isfinite(first) & np.isfinite(second)
    if kept.sum() < 3 or min(float(np.ptp(first[kept])), float(np.ptp(second[kept]))) == 0:
        return float("nan")
    return float(np.corrcoef(first[kept], second[kept])[0, 1])
