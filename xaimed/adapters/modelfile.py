"""model.pt: a plain dictionary that `torch.load(weights_only=True)` reads; nothing in it can run code."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from xaimed.adapters.archive import check_tensors, load_tensors
from xaimed.adapters.building import check_arguments, fitted
from xaimed.adapters.factory import PREFIX, build_by_factory
from xaimed.errors import ModelError, unknown

FORMAT = "xaimed-model/1"
AGAIN = "write the file again with xaimed.adapters.modelfile.write_model"
Table = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class ModelFile:
    """What a model.pt holds. operating_point: threshold set on validation. digest: sha256 of the tensors.

    input: "mean" and "std", one value or one a channel, that the network wants its images normalised by.
    """

    architecture: str
    arguments: Table
    task: str
    classes: tuple[str, ...]
    preprocessing: Table
    state: Mapping[str, Tensor]
    operating_point: float = 0.5
    calibration: Table = field(default_factory=dict)
    training: Table = field(default_factory=dict)
    card: Table = field(default_factory=dict)
    input: Table = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """sha256 (hex) over the names, types, shapes and bytes of all tensors."""
        whole = hashlib.sha256()
        for name in sorted(self.state):
            tensor = self.state[name].detach().cpu()
            whole.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}".encode())
            # NumPy has no bfloat16; single precision holds its every value.
            plain = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
            whole.update(plain.numpy().tobytes())
        return whole.hexdigest()


def read_model(path: Path) -> ModelFile:
    """The content of a model.pt.

    Raises NotFound for no file, UnsafeFile for a pickle with code, ModelError for anything else that is no model.
    """
    content = load_tensors(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else type(content).__name__
        (name, _, version), (own, _, newest) = str(found).partition("/"), FORMAT.partition("/")
        if name == own and version.isdigit() and int(version) > int(newest):
            raise ModelError(f"{path.name}: format {found!r}, newer than {FORMAT!r}, the newest that this version "
                             "reads; expected one of those: update xaimed")
        raise ModelError(f"{path.name}: format {found!r}; expected {FORMAT!r}: make one "
                         "from plain weights with 'xaimed wrap' or xaimed.adapters.modelfile.write_model")
    needed = ("architecture", "arguments", "task", "classes", "preprocessing", "state_dict")
    missing = [key for key in needed if key not in content]
    if missing:
        raise ModelError(f"{path.name}: {', '.join(missing)} missing; expected {', '.join(needed)}: {AGAIN}")
    _check_kinds(path, content)
    return ModelFile(
        architecture=content["architecture"], arguments=content["arguments"], task=content["task"],
        classes=tuple(content["classes"]), preprocessing=content["preprocessing"], state=content["state_dict"],
        operating_point=float(content.get("operating_point", 0.5)), calibration=content.get("calibration", {}),
        training=content.get("training", {}), card=content.get("card", {}), input=content.get("input", {}))


KINDS: Mapping[str, type | tuple[type, ...]] = {
    "architecture": str, "arguments": dict, "task": str, "classes": (list, tuple), "preprocessing": dict,
    "state_dict": dict, "operating_point": (int, float), "calibration": dict, "training": dict, "card": dict,
    "input": dict}


def _check_kinds(path: Path, content: Table) -> None:
    for key, kind in KINDS.items():
        if key in content and not isinstance(content[key], kind):
            names = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
            raise ModelError(f"{path.name}: {key} is {type(content[key]).__name__}; expected {names}: {AGAIN}")
    strange = [name for name, value in content["state_dict"].items()
               if not isinstance(value, Tensor) or not isinstance(name, str)]
    if strange:
        raise ModelError(f"{path.name}: state_dict holds {strange[0]!r}, which is no tensor with a name; expected "
                         f"tensors alone: {AGAIN}")
    check_tensors(path.name, content["state_dict"])


def write_model(path: Path, file: ModelFile, half: bool = True) -> None:
    """Write model.pt, under a temporary name that is renamed when complete.

    half: weights of single precision in half precision, but for those whose range it does not hold.
    """
    state = {key: _halved(value) if half else value for key, value in file.state.items()}
    content = {
        "format": FORMAT, "architecture": file.architecture, "arguments": dict(file.arguments), "task": file.task,
        "classes": list(file.classes), "preprocessing": dict(file.preprocessing), "state_dict": state,
        "operating_point": file.operating_point, "calibration": dict(file.calibration),
        "training": dict(file.training), "card": dict(file.card), "input": dict(file.input)}
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        torch.save(content, fresh)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _halved(value: Tensor) -> Tensor:
    if value.dtype != torch.float32:
        return value
    small = value.half()
    return small if torch.equal(torch.isfinite(small), torch.isfinite(value)) else value


def network_of(file: ModelFile) -> nn.Module:
    """The network in eval mode with its weights in single precision.

    Raises ModelError where they do not fit, and before memory is taken that they do not justify.
    """
    check_arguments(file.arguments)
    state = {key: value.float() if value.dtype == torch.float16 else value for key, value in file.state.items()}
    network = fitted(lambda: built(file.architecture, file.arguments), state, repr(file.architecture),
                     once=file.architecture.startswith(PREFIX))
    network.eval()
    return network


def built(architecture: str, arguments: Table) -> nn.Module:
    """The network of an architecture's name: a plug-in, "torchvision/NAME", "timm/NAME" or "factory:MODULE:FUNCTION".

    Raises NotFound with the nearest names, ModelError for arguments that it does not have.
    """
    from xaimed.registry import load, names

    if architecture.startswith(PREFIX):
        return build_by_factory(architecture.removeprefix(PREFIX), arguments)
    named = {"model": architecture} if "/" in architecture else {}
    if not named and architecture.replace("-", "_") not in names("architectures"):
        from xaimed.architectures.zoo import names as foreign

        raise unknown("architecture", architecture, [name for name in names("architectures") if name != "zoo"],
                      foreign())
    module = load("architectures", "zoo" if named else architecture)
    try:
        return module.build(**named, **arguments)  # type: ignore[no-any-return]
    except TypeError as error:
        raise ModelError(f"architecture {architecture!r}: {error}; expected its own arguments: "
                         f"{_signature(module.build, named)}") from error


def _signature(build: Callable[..., object], named: Table) -> str:
    """The arguments of a function with their defaults, without those that are given by name already."""
    parameters = signature(build).parameters.values()
    return ", ".join(f"{p.name} = {p.default!r}" if p.default is not p.empty else p.name for p in parameters
                     if p.name not in named)
