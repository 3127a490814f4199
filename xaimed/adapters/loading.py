"""From a path, or from a network of one's own, to a model that can be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from xaimed.adapters.model import Model
from xaimed.adapters.modelfile import ModelFile, network_of, read_model
from xaimed.errors import InputError, ModelError, unknown
from xaimed.registry import load, names

ADAPTERS = {
    "detection": "detector", "classification": "classifier", "multilabel": "classifier", "segmentation": "segmenter",
    "anomaly": "autoencoder", "energy": "energy", "generation": "generator", "discrimination": "discriminator",
    "registration": "registration"}
# A task whose classes are not the user's to name.
CLASSES = {"anomaly": ("anomaly",), "energy": ("energy",), "discrimination": ("real",), "generation": (),
           "registration": ()}
# Nothing is done to the image of a foreign network unless its user says so: the steps of a mammogram suit no other.
PLAIN: Mapping[str, Any] = {
    "filters": {"median": 0, "gaussian": 0.0, "bilateral": 0}, "segment": False, "crop": False, "long_side": 0,
    "stretch": None, "multiple": 1}
INPUT = ("mean", "std")


def load_model(
    model: str | Path | nn.Module,
    device: str = "auto",
    task: str | None = None,
    classes: Sequence[str] = (),
    preprocessing: Mapping[str, Any] | None = None,
) -> Model:
    """The model of a model.pt, or of any nn.Module, on a device ("auto", "cpu", "cuda").

    For an nn.Module: task, one of ADAPTERS (default "classification"); classes, without background;
    preprocessing, the fields of xaimed.imaging.preprocessing.Preprocessing and "mean" and "std" (one value or one a
    channel), by default none at all. The module is used itself, in eval mode; with "auto" it stays where it is.
    Raises NotFound, UnsafeFile or ModelError for the file, InputError for a device that is not here.
    """
    if isinstance(model, nn.Module):
        file = file_of(model, task or "classification", classes, preprocessing)
        return adapter_of(file.task)(file, model, _place(model, device))  # type: ignore[no-any-return]
    if task is not None or classes or preprocessing is not None:
        raise InputError(f"task, classes and preprocessing were given for {Path(model).name}, which names its own; "
                         "expected them for an nn.Module alone")
    file = read_model(Path(model))
    if file.task not in ADAPTERS and file.task not in names("adapters"):
        raise ModelError(f"{Path(model).name}: task {file.task!r}; expected one of {', '.join(ADAPTERS)}")
    return adapter_of(file.task)(file, network_of(file), device_of(device))  # type: ignore[no-any-return]


def adapter_of(task: str) -> Any:
    """The adapter's class for a task. Raises NotFound with the nearest names."""
    name = ADAPTERS.get(task, task)
    if name not in names("adapters"):
        raise unknown("task", task, ADAPTERS)
    return load("adapters", name).ADAPTER


def file_of(network: nn.Module, task: str, classes: Sequence[str], preprocessing: Mapping[str, Any] | None = None
            ) -> ModelFile:
    """What a model.pt would say of a network. Raises NotFound for an unknown task, ModelError for missing classes."""
    if task not in ADAPTERS:
        raise unknown("task", task, ADAPTERS)
    steps, normalising = steps_of(preprocessing or {}, channels_of(network))
    name = type(network).__name__
    return ModelFile(name, {}, task, classes_of(task, classes), steps, network.state_dict(), card={"name": name},
                     input=normalising)


def classes_of(task: str, classes: Sequence[str]) -> tuple[str, ...]:
    """The classes of a model. Raises ModelError where a task needs names and has none, or a name comes twice."""
    found = tuple(classes) or CLASSES.get(task)
    if found is None or isinstance(classes, str):
        raise ModelError(f"task {task!r} without classes; expected their names in the order of the outputs, without "
                         "background, such as classes=['benign', 'malignant']")
    if len(set(found)) < len(found):
        raise ModelError(f"classes {', '.join(found)}; expected each name once")
    return found


def steps_of(table: Mapping[str, Any], channels: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The preprocessing of a foreign network, every default spelled out, and its mean and std.

    Raises PlanError for an unknown key, with the nearest name.
    """
    from xaimed.imaging.preprocessing import preprocessing_of

    steps = {**PLAIN, "channels": channels, **{key: value for key, value in table.items() if key not in INPUT}}
    preprocessing_of(steps)
    return steps, {key: _numbers(table[key], key) for key in INPUT if key in table}


def _numbers(value: object, key: str) -> list[float]:
    values = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    numbers = [float(v) for v in values if isinstance(v, int | float)]
    if not numbers or len(numbers) < len(values) or (key == "std" and not all(numbers)):
        raise InputError(f"{key} = {value!r}; expected numbers, one or one a channel{', none 0' * (key == 'std')}")
    return numbers


def channels_of(network: nn.Module) -> int:
    """The channels of the first convolution; 1 where there is none, or where it takes something else than colour."""
    first = next((part for part in network.modules() if isinstance(part, nn.Conv2d | nn.Conv3d)), None)
    return 3 if first is not None and first.in_channels == 3 else 1


def _place(network: nn.Module, device: str) -> str:
    weight = next(network.parameters(), None)
    return weight.device.type if device == "auto" and weight is not None else device_of(device)


def device_of(name: str) -> str:
    """The device to run on: "auto" takes CUDA where there is one."""
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"device {name!r}; expected auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device 'cuda' is not available here; use --device cpu or auto")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
