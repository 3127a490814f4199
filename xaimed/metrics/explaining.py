"""All explanation metrics of all maps of one scene, with what they share computed once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import numpy as np

from xaimed.curvefile import KeptCurve
from xaimed.errors import InputError, PlanError, unknown
from xaimed.metrics.again import Explainer
from xaimed.metrics.deletion import Deletion
from xaimed.metrics.explained import Explained, ExplanationMetric
from xaimed.registry import load, names
from xaimed.types import Floats, Mask, Score

if TYPE_CHECKING:
    from xaimed.metrics.removal import Removal
    from xaimed.scene import Scene

NONE: Mapping[str, Mapping[str, object]] = MappingProxyType({})
FIXED = frozenset({"name", "kind", "better", "range", "reference"})


class Explanation(Protocol):
    """A method's map: values float32 (h, w), signed, on the scene's grid, and its facts."""

    @property
    def values(self) -> Floats: ...  # noqa: D102
    @property
    def facts(self) -> Mapping[str, float]: ...  # noqa: D102


def explanation_metrics(chosen: Sequence[str] | None = None, parameters: Mapping[str, Mapping[str, object]] = NONE,
                        ) -> tuple[ExplanationMetric, ...]:
    """The metrics of these plug-in names ("deletion", ...), or all explanation metrics.

    parameters: fields of a metric by its plug-in name, such as {"deletion": {"steps": 8, "fills": ["blur"]}}.
    Raises NotFound for an unknown name, InputError for a metric of a model, PlanError for an unknown field.
    """
    found = {name: _explanation_metric(name) for name in (names("metrics") if chosen is None else chosen)}
    models = [name for name, metric in found.items() if metric is None]
    if models and chosen is not None:
        raise InputError(f"{', '.join(models)} measures a model, not a map; expected some of "
                         f"{', '.join(n for n in names('metrics') if _explanation_metric(n))}")
    return tuple(_with_fields(name, metric, parameters.get(name, {}))
                 for name, metric in found.items() if metric is not None)


def _with_fields(name: str, metric: ExplanationMetric, given: Mapping[str, object]) -> ExplanationMetric:
    if not given:
        return metric
    known = {field.name for field in fields(metric)} - FIXED
    if not known.issuperset(given):
        raise PlanError(str(unknown(f"field of metric {name}", min(set(given) - known), known)))
    return replace(metric, **{key: tuple(v) if isinstance(v, list) else v for key, v in given.items()})


def _explanation_metric(name: str) -> ExplanationMetric | None:
    metric: ExplanationMetric | None = getattr(load("metrics", name), "METRIC", None)
    return metric if metric is not None and metric.kind == "explanation" else None


def measure(scene: Scene, maps: Mapping[str, Explanation], truth: Mask | None, tissue: Mask,
            metrics: Sequence[ExplanationMetric] | None = None) -> list[Score]:
    """One Score for each map (by method name) and value of each metric; all explanation metrics if None.

    truth: bool (H, W), the reference lesion that belongs to the target, or None. tissue: bool (H, W). Both
    in original pixels. Fills and the untouched scene run through the model once, not once a map.
    """
    return measure_on(scene, maps, Ground(truth, tissue), explanation_metrics() if metrics is None else metrics)


@dataclass(frozen=True, eq=False)
class Ground:
    """What is known of the image and of the maps: bool (H, W) in original pixels, None where it is not known.

    truth: the reference lesion of the target; others: the lesions of the other targets; markers: burned-in ones.
    methods: what made each map, by name; without it metrics that make a map again are not applicable.
    """

    truth: Mask | None
    tissue: Mask
    others: Mask | None = None
    markers: Mask | None = None
    methods: Mapping[str, Explainer] = field(default_factory=dict)


def measure_on(scene: Scene, maps: Mapping[str, Explanation], ground: Ground, metrics: Sequence[ExplanationMetric],
               removal: Removal | None = None) -> list[Score]:
    """As `measure`, with all that can be known of the image; removal: of the scene, to be asked for curves later."""
    from xaimed.metrics.removal import Removal

    shared = removal or Removal(scene)
    scores: list[Score] = []
    for method, found in maps.items():
        full = np.asarray(scene.place(found.values), np.float32)
        view = Explained(scene, found.values, found.facts, full, ground.truth, ground.tissue, shared, ground.markers,
                         ground.others, ground.methods.get(method), method)
        scores.extend(Score(scene.case, scene.target, method, name, value)
                      for name, value in _values(view, metrics))
    return scores


def deletion_curves(removal: Removal, maps: Mapping[str, Explanation], metrics: Sequence[ExplanationMetric]
                    ) -> list[KeptCurve]:
    """The curve behind each deletion area of `measure_on` with the same `removal`, which no longer runs the model.

    None for a map without one: no tissue, no prediction to lose, values that are not finite.
    """
    sweeps = [sweep for metric in metrics if isinstance(metric, Deletion) for sweep in metric.sweeps]
    scene = removal.scene
    walked = ((method, sweep, removal.deletion(found.values, sweep)) for method, found in maps.items()
              for sweep in sweeps)
    return [KeptCurve(scene.case, scene.target, method, f"deletion[{sweep.fill}]",
                      tuple(map(float, curve.fraction.round(5))), tuple(map(float, curve.left.round(5))))
            for method, sweep, curve in walked if bool(np.isfinite(curve.left).all())]


def _values(view: Explained, metrics: Sequence[ExplanationMetric]) -> Iterator[tuple[str, float]]:
    for metric in metrics:
        for suffix, value in metric(view).items():
            yield metric.name + suffix, value
