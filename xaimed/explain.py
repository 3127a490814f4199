"""Explanations by one call: several methods over the cases of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from xaimed.errors import InputError, PlanError
from xaimed.registry import load
from xaimed.types import Attribution, Floats

if TYPE_CHECKING:
    from xaimed.attribution.method import Map, Method
    from xaimed.attribution.scenes import Cases, Explained, Targets
    from xaimed.scene import Scene

DEFAULT = ("grad_cam", "integrated_gradients")
Progress = Callable[[int, int], None]


def explain(
    model: Explained,
    cases: Cases,
    methods: Sequence[str | Method] = DEFAULT,
    targets: Targets = None,
    progress: Progress | None = None,
) -> list[Attribution]:
    """One Attribution a method, in the order of `methods`, each with one map a case and target.

    model, cases, targets: as for a method's call. methods: names ("grad_cam") or instances, such as
    GradCAM(relu=False). progress: called with the number of cases done and of all cases. Raises NotFound with
    the nearest names for an unknown method.
    """
    from xaimed.attribution.method import attribution
    from xaimed.attribution.scenes import count, grouped

    chosen = [method_of(method) for method in _several(methods)]
    found: list[list[tuple[Map, Scene, Floats]]] = [[] for _ in chosen]
    for index, pairs in grouped(model, cases, targets):
        scenes = [scene for scene, _ in pairs]
        for method, rows in zip(chosen, found, strict=True):
            maps = method.attribute_all(scenes)
            rows += [(map_, *pair) for map_, pair in zip(maps, pairs, strict=True)]
        if progress is not None:
            progress(index + 1, count(cases))
    return [attribution(method, rows) for method, rows in zip(chosen, found, strict=True)]


def maps_of(scenes: Sequence[Scene], methods: Sequence[str | Method]) -> list[dict[str, Map]]:
    """For each scene of one image the map of each method, by its name. Raises PlanError if two share a name."""
    chosen = [method_of(method) for method in _several(methods)]
    names = [method.name for method in chosen]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PlanError(f"method {twice[0]} is given twice; expected each once")
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
