"""A network built by a function of the user's own: the one place where code outside xaimed runs, and it says so."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from xaimed.errors import ModelError, NotFound, UnsafeFile

PREFIX = "factory:"
CONSENT = "XAIMED_FACTORY"


def build_by_factory(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """The network of the function "package.module:function" that a model.pt names.

    A file must not choose which code runs: the environment variable XAIMED_FACTORY has to hold the name (several with
    commas). Raises UnsafeFile where it does not.
    """
    allowed = [part.strip() for part in os.environ.get(CONSENT, "").split(",")]
    if name not in allowed:
        raise UnsafeFile(f"the model file is built by running {name!r}, code that is not part of xaimed, and was not "
                         f"loaded; if you trust that code, set {CONSENT}={name}")
    return run_factory(name, arguments)


def run_factory(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """What the function returns for the arguments, once stderr was told. The current folder may hold the module.

    Raises NotFound for no such function, ModelError for one that gives no network.
    """
    print(f"xaimed: running code that is not part of xaimed: {name}", file=sys.stderr)
    with _current_folder():
        function = _function(name)
        try:
            network = function(**arguments)
        except TypeError as error:
            raise ModelError(f"factory {name!r}: {error}; expected a function of the given arguments") from error
    if not isinstance(network, nn.Module):
        raise ModelError(f"factory {name!r} gives {type(network).__name__}; expected a torch.nn.Module")
    return network


def _function(name: str) -> Callable[..., object]:
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute.isidentifier():
        raise NotFound(f"factory {name!r}; expected package.module:function")
    try:
        function: Callable[..., object] | None = getattr(importlib.import_module(module_name), attribute, None)
    except ImportError as error:
        raise NotFound(f"factory {name!r}: {error}; expected package.module:function that can be imported from "
                       "here") from error
    if not callable(function):
        raise NotFound(f"factory {name!r}: module {module_name} has no function {attribute!r}")
    return function


@contextmanager
def _current_folder() -> Iterator[None]:
    here = str(Path.cwd())
    if here in sys.path:
        yield
        return
    sys.path.append(here)
    try:
        yield
    finally:
        sys.path.remove(here)
