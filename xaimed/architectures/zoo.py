"""The networks of torchvision and timm by name, such as torchvision/resnet18, without weights: none is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from xaimed.errors import MissingExtra, ModelError, NotFound, near, unknown

LIBRARIES = ("torchvision", "timm")


def build(model: str = "torchvision/resnet18", outputs: int = 2, options: Mapping[str, Any] | None = None) -> nn.Module:
    """The network with `outputs` classes, background included where the network has one, and random weights.

    options: further arguments of its own constructor, such as aux_loss or min_size. Raises NotFound with the nearest
    names, MissingExtra without timm, ModelError for an option that the network does not take.
    """
    library, _, name = model.partition("/")
    if library not in LIBRARIES:
        raise unknown("library of architectures", library, LIBRARIES)
    make = _torchvision if library == "torchvision" else _timm
    try:
        return make(name, outputs, dict(options or {}))
    except (TypeError, ValueError) as error:
        raise ModelError(f"architecture {model!r}: {' '.join(str(error).split())[:200]}; expected options of its own "
                         "constructor") from error


def names() -> list[str]:
    """The networks that torchvision has here, as torchvision/NAME."""
    from torchvision.models import list_models

    return [f"torchvision/{name}" for name in list_models() if not name.startswith("quantized_")]


def kind_of(model: str) -> str:
    """The task of a network of the zoo: "classification", "detection", "segmentation" or "video"."""
    from torchvision.models import get_model_builder

    library, _, name = model.partition("/")
    if library != "torchvision" or model not in names():
        return "classification"
    part = str(get_model_builder(name).__module__).removeprefix("torchvision.models.").partition(".")[0]
    return part if part in ("detection", "segmentation", "video") else "classification"


def _torchvision(name: str, outputs: int, options: dict[str, Any]) -> nn.Module:
    import inspect

    from torchvision.models import get_model_builder

    if f"torchvision/{name}" not in names():
        raise _unknown(f"torchvision/{name}", names())
    builder = get_model_builder(name)
    given: dict[str, Any] = {"weights": None, "num_classes": outputs, **options}
    if "weights_backbone" in inspect.signature(builder).parameters:
        given["weights_backbone"] = None
    if name in ("googlenet", "inception_v3"):
        # Both warn of a slow initialisation that weights from a file make needless.
        given.setdefault("init_weights", False)
    return builder(**given)  # type: ignore[no-any-return]


def _unknown(model: str, known: list[str]) -> NotFound:
    found = near(model.rpartition("/")[2], known, 3)
    hint = f"did you mean {' or '.join(repr(name) for name in found)}?" if found else "no name is near."
    return NotFound(f"unknown architecture {model!r}; {hint} {len(known)} are known here: xaimed.architectures.zoo")


def _timm(name: str, outputs: int, options: dict[str, Any]) -> nn.Module:
    import importlib

    try:
        timm = importlib.import_module("timm")
    except ModuleNotFoundError as error:
        raise MissingExtra(f"timm is not installed; it is needed to build timm/{name}: pip install timm") from error
    if not timm.is_model(name):
        raise _unknown(f"timm/{name}", [f"timm/{known}" for known in timm.list_models()])
    return timm.create_model(name, pretrained=False, num_classes=outputs, **options)  # type: ignore[no-any-return]
