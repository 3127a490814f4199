"""Explanations by one call: several methods over the cases of a model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING

from xaimed.errors import InputError, ModelError, PlanError, TargetError
from xaimed.optional import need
from xaimed.registry import load
from xaimed.types import Attribution, Floats

if TYPE_CHECKING:
    from xaimed.attribution.method import Map, Method
    from xaimed.attribution.scenes import Cases, Explained, Targets
    from xaimed.scene import Scene

DEFAULT = ("grad_cam", "integrated_gradients")
# The package that an extra of xaimed brings.
PACKAGES = {"lrp": "zennit"}
Progress = Callable[[int, int], None]


def explain(
    model: Explained,
    cases: Cases,
    methods: Sequence[str | Method] | None = None,
    targets: Targets = None,
    progress: Progress | None = None,
) -> list[Attribution]:
    """One Attribution a method, in the order of `methods`, each with one map a case and target.

    model, cases, targets: as for a method's call. methods: names ("grad_cam") or instances, such as
    GradCAM(relu=False); None: those of DEFAULT that can explain the model, with a warning that names the others.
    progress: called with the number of cases done and of all cases. Raises NotFound with the nearest names for an
    unknown method, ModelError or TargetError for a given one that cannot explain the model.
    """
    from xaimed.attribution.method import attribution
    from xaimed.attribution.scenes import count, grouped

    chosen = [method_of(method) for method in _several(DEFAULT if methods is None else methods)]
    found: list[list[tuple[Map, Scene, Floats]]] = [[] for _ in chosen]
    refused: dict[str, str] = {}
    for index, pairs in grouped(model, cases, targets):
        for method, rows in zip(chosen, found, strict=True):
            if method.name not in refused:
                maps = served(method, [scene for scene, _ in pairs], None if rows or methods is not None else refused)
                rows += [(map_, *pair) for map_, pair in zip(maps, pairs, strict=method.name not in refused)]
        check_served(chosen, refused)
        if progress is not None:
            progress(index + 1, count(cases))
    for name, why in refused.items():
        warnings.warn(f"{name} is left out: {why}", stacklevel=2)
    return [attribution(method, rows) for method, rows in zip(chosen, found, strict=True)
            if method.name not in refused]


def served(method: Method, scenes: Sequence[Scene], refused: MutableMapping[str, str] | None) -> list[Map]:
    """The maps of scenes of one image; none, and in `refused` the reason, of a method that cannot explain the model.

    Raises ModelError or TargetError for such a method where `refused` is None.
    """
    try:
        return method.attribute_all(scenes)
    except (ModelError, TargetError) as error:
        if refused is None:
            raise
        refused[method.name] = str(error)
        return []


def check_served(methods: Sequence[Method], refused: MutableMapping[str, str]) -> None:
    """Raise ModelError, with the reasons, if all of the methods cannot explain the model."""
    if methods and len(refused) == len(methods):
        told = "; ".join(f"{name}: {why}" for name, why in refused.items())
        raise ModelError(f"none of {', '.join(refused)} can explain this model ({told}); expected one that can: name "
                         "it, such as occlusion")


def check_methods(methods: Sequence[str]) -> None:
    """Raise unless every name is a method once, with the package it needs.

    PlanError for none or one given twice, NotFound for an unknown one, MissingExtra for a package not installed.
    """
    if not methods:
        raise PlanError("no method; expected the name of one or more, such as grad_cam")
    _check_once(methods)
    for made in map(method_of, methods):
        if made.extra in PACKAGES:
            need(PACKAGES[made.extra], made.extra, f"for {made.name}")


def _check_once(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PlanError(f"method {twice[0]} is given twice; expected each once")


def maps_of(scenes: Sequence[Scene], methods: Sequence[str | Method]) -> list[dict[str, Map]]:
    """For each scene of one image the map of each method, by its name. Raises PlanError if two share a name."""
    chosen = [method_of(method) for method in _several(methods)]
    _check_once([method.name for method in chosen])
    columns = {method.name: method.attribute_all(scenes) for method in chosen}
    return [{name: maps[index] for name, maps in columns.items()} for index in range(len(scenes))]


def method_of(method: str | Method) -> Method:
    """The method of a name, with its default parameters; an instance as it is.

    Raises NotFound with the nearest names for an unknown name, InputError for anything else.
    """
    from xaimed.attribution.method import Method as Engine

    if isinstance(method, Engine):
        return method
    if not isinstance(method, str):
        raise InputError(f"method {method!r}; expected a name ('grad_cam') or an instance (GradCAM())")
    made = load("attribution", method).METHOD()
    if not isinstance(made, Engine):
        raise InputError(
            f"METHOD of {method} is {type(made).__name__}; expected a subclass of xaimed.attribution.Method"
        )
    return made


def _several(methods: Sequence[str | Method]) -> Sequence[str | Method]:
    return [methods] if isinstance(methods, str) else methods
