"""Optional packages: imported where they are used, with the command that installs what is missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from xaimed.errors import MissingExtra


def need(module: str, extra: str, purpose: str) -> ModuleType:
    """The imported module. Raises MissingExtra with the pip command if its package is not installed.

    module: dotted name. extra: the extra of xaimed that brings it. purpose: "to read JPEG 2000".
    An ImportError inside an installed package is not hidden.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or module.partition(".")[0] != error.name.partition(".")[0]:
            raise
        raise MissingExtra(f"{error.name} is not installed; it is needed {purpose}: "
                           f"pip install 'xaimed[{extra}]'") from error
