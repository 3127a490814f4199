"""From a path to a model that can be asked."""

from __future__ import annotations

from pathlib import Path

import torch

from xaimed.adapters.model import Model
from xaimed.adapters.modelfile import network_of, read_model
from xaimed.errors import InputError, ModelError
from xaimed.registry import load, names

ADAPTERS = {"detection": "detector"}


def load_model(path: str | Path, device: str = "auto") -> Model:
    """The model of a model.pt on a device ("auto", "cpu", "cuda").

    Raises NotFound, UnsafeFile or ModelError for the file, InputError for a device that is not here.
    """
    file = read_model(Path(path))
    name = ADAPTERS.get(file.task, file.task)
    if name not in names("adapters"):
        raise ModelError(f"{Path(path).name}: task {file.task!r}; expected one of {', '.join(ADAPTERS)}")
    adapter = load("adapters", name).ADAPTER
    return adapter(file, network_of(file), device_of(device))  # type: ignore[no-any-return]


def device_of(name: str) -> str:
    """The device to run on: "auto" takes CUDA where there is one."""
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"device {name!r}; expected auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device 'cuda' is not available here; use --device cpu or auto")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
