"""What an explanation metric is given, and what it is; torch is imported when a metric runs a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from xaimed.errors import InputError
from xaimed.types import Floats, Mask

if TYPE_CHECKING:
    from xaimed.metrics.again import Explainer
    from xaimed.metrics.removal import Removal
    from xaimed.scene import Scene


class ExplanationMetric(Protocol):
    """A measure of one map. A plug-in's METRIC is an instance; its fields are the metric's parameters.

    name: as in scores.parquet. kind: "explanation". better: "higher", "lower" or, for a description, "neither".
    range: the least and the greatest possible value. reference: the paper.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def better(self) -> str: ...  # noqa: D102
    @property
    def range(self) -> tuple[float, float]: ...  # noqa: D102
    @property
    def reference(self) -> str: ...  # noqa: D102

    def __call__(self, view: Explained) -> dict[str, float]:
        """The values by suffix of the metric's name ("" for a single one); NaN means not applicable."""


@dataclass(frozen=True, eq=False)
class Explained:
    """One map of one scene, with what is known about the image.

    values: float32 (h, w), signed, on the scene's grid. facts: the method's numbers. full: the same map,
    float32 (H, W), in original pixels, 0 outside the scene's window. truth: bool (H, W), the reference
    lesion, or None. tissue_full: bool (H, W). markers, others: bool (H, W), burned-in markers and the lesions of the
    other targets, or None where they are not known. method: what made the map, for metrics that make it again;
    name: what it is called.
    Raises InputError if the sizes do not fit.
    """

    scene: Scene
    values: Floats
    facts: Mapping[str, float]
    full: Floats
    truth: Mask | None
    tissue_full: Mask
    shared: Removal | None = field(default=None, repr=False)
    markers: Mask | None = None
    others: Mask | None = None
    method: Explainer | None = None
    name: str = ""

    def __post_init__(self) -> None:
        window = tuple(self.scene.tissue.shape)
        if self.values.shape != window:
            raise InputError(f"{self.where}: map {self.values.shape}; expected the scene's {window}")
        if self.full.ndim != 2 or self.tissue_full.shape != self.full.shape:
            raise InputError(f"{self.where}: map {self.full.shape} with tissue {self.tissue_full.shape}; "
                             "expected both (H, W) in original pixels")
        for name, mask in (("lesion", self.truth), ("markers", self.markers), ("other lesions", self.others)):
            if mask is not None and mask.shape != self.full.shape:
                raise InputError(f"{self.where}: {name} {mask.shape} on a map {self.full.shape}; "
                                 "expected one size, in original pixels")

    @property
    def where(self) -> str:
        """The case and target, for messages."""
        return f"case {self.scene.case}, target {self.scene.target}"

    @property
    def finite(self) -> bool:
        """Whether every value of the map is finite."""
        return bool(np.isfinite(self.values).all() and np.isfinite(self.full).all())

    @property
    def lesion(self) -> Mask | None:
        """bool (H, W), or None where there is no reference lesion or its mask is empty."""
        return self.truth if self.truth is not None and bool(self.truth.any()) else None

    @cached_property
    def energy(self) -> NDArray[np.float64]:
        """float64 (H, W): the positive part of the map in original pixels; all 0 if it is not finite."""
        if not self.finite:
            return np.zeros(self.full.shape, np.float64)
        return np.maximum(self.full, 0).astype(np.float64)

    @cached_property
    def window(self) -> Mask:
        """bool (H, W): the original pixels that lie in the scene's window."""
        return np.asarray(self.scene.place(np.ones(self.values.shape, np.float32)) > 0.5)

    @cached_property
    def removal(self) -> Removal:
        """The similarities under removal; shared by all maps of a scene where `shared` is given."""
        from xaimed.metrics.removal import Removal

        return self.shared or Removal(self.scene)
