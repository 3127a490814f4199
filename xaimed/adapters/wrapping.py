"""Foreign weights into a model.pt: read without running code, tried in their architecture, written whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from xaimed.adapters.archive import check_tensors, load_tensors
from xaimed.adapters.building import misfits
from xaimed.adapters.factory import PREFIX, run_factory
from xaimed.adapters.loading import ADAPTERS, adapter_of, channels_of, classes_of, steps_of
from xaimed.adapters.modelfile import FORMAT, ModelFile, built, write_model
from xaimed.errors import ModelError, unknown

HOLDERS = ("state_dict", "model_state_dict", "model", "net", "weights")
PREFIXES = ("module.", "_orig_mod.")
SHOWN = 5


@dataclass(frozen=True)
class Wrapping:
    """What is wrapped: weights, and the architecture (or a factory "package.module:function") that they belong to.

    options: further arguments of the architecture. preprocessing: as for load_model, with mean and std.
    """

    weights: Path
    architecture: str
    classes: Sequence[str]
    task: str
    factory: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    operating_point: float = 0.5
    half: bool = True


def wrap(asked: Wrapping, out: Path) -> ModelFile:
    """The file that was written to `out`.

    Raises UnsafeFile for weights that hold code, ModelError for weights that do not fit the architecture, NotFound
    for an unknown architecture or task, PlanError for unknown preprocessing.
    """
    if asked.task not in ADAPTERS:
        raise unknown("task", asked.task, ADAPTERS)
    classes = classes_of(asked.task, asked.classes)
    state = state_of(load_tensors(asked.weights, old=True), asked.weights.name)
    check_tensors(asked.weights.name, state)
    architecture, arguments = _arguments(asked, classes, state)
    # The user named the factory just now, so its code may run; a model.pt that names one has to ask again.
    network = run_factory(asked.architecture, arguments) if asked.factory else built(architecture, arguments)
    _fit(network, state, architecture)
    steps, normalising = steps_of(asked.preprocessing, channels_of(network))
    file = ModelFile(architecture, arguments, asked.task, classes, steps, state, asked.operating_point,
                     card={"name": out.stem if out.stem != "model" else out.resolve().parent.name},
                     training={"weights": asked.weights.name}, input=normalising)
    adapter_of(asked.task)(file, network, "cpu")  # refuses a network that cannot serve the task
    write_model(out, file, asked.half)
    return file


def state_of(content: object, name: str) -> dict[str, Tensor]:
    """The tensors of a state_dict, bare or under a usual key, without the prefixes of parallel or compiled modules.

    Raises ModelError for anything else.
    """
    if isinstance(content, Mapping) and content.get("format") == FORMAT:
        raise ModelError(f"{name} is a model.pt already; expected plain weights: use it as it is")
    found: object = content
    while isinstance(found, Mapping) and not _is_state(found):
        key = next((key for key in HOLDERS if isinstance(found.get(key), Mapping)), None)
        found = found[key] if key else None
    if not isinstance(found, Mapping):
        keys = f"a table of {', '.join(map(str, list(content)[:SHOWN]))}" if isinstance(content, Mapping) else (
            type(content).__name__)
        raise ModelError(f"{name} holds {keys}; expected a state_dict of tensors, bare or under one of "
                         f"{', '.join(HOLDERS)}")
    state = {str(key): value for key, value in found.items()}
    for prefix in PREFIXES:
        if all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def _is_state(table: Mapping[Any, Any]) -> bool:
    return bool(table) and all(isinstance(value, Tensor) for value in table.values())


def _arguments(asked: Wrapping, classes: Sequence[str], state: Mapping[str, Tensor]) -> tuple[str, dict[str, Any]]:
    if asked.factory:
        return PREFIX + asked.architecture, dict(asked.options)
    if "/" not in asked.architecture:
        return asked.architecture, dict(asked.options)
    from xaimed.architectures.zoo import kind_of

    kind = kind_of(asked.architecture)
    outputs = len(classes) + (kind in ("detection", "segmentation"))
    options = dict(asked.options)
    if kind == "segmentation" and any(key.startswith("aux_classifier.") for key in state):
        options.setdefault("aux_loss", True)
    return asked.architecture, {"outputs": outputs, **({"options": options} if options else {})}


def _fit(network: nn.Module, state: Mapping[str, Tensor], architecture: str) -> None:
    parts = misfits(network, state)
    if parts:
        sizes = any("of another size" in part for part in parts)
        hint = ("the size of the last layer is the number of classes: give as many with --classes" if sizes else
                "name the architecture that was trained")
        raise ModelError(f"weights do not fit {architecture!r}: {'; '.join(parts)}; {hint}")
    network.load_state_dict(dict(state))
    network.eval()
