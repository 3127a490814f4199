"""Explainability and auditing for medical imaging models.

The public names are loaded on first use, so that `import xaimed` needs neither torch nor pandas.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["__version__", "explain", "load_model", "open_dataset"]

if TYPE_CHECKING:
    from xaimed.adapters.loading import load_model
    from xaimed.data.dataset import open_dataset
    from xaimed.explain import explain

_HOMES = {"load_model": "xaimed.adapters.loading", "open_dataset": "xaimed.data.dataset"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'xaimed' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    # Importing the module xaimed.explain binds it to the name `explain` of this package, which is
    # the function's. A property keeps the name for the function, whoever imports what first.
    @property
    def explain(self) -> object:
        """The function xaimed.explain.explain."""
        value: object = importlib.import_module("xaimed.explain").explain
        return value

    @explain.setter
    def explain(self, module: object) -> None:
        """Leave the name as it is."""


sys.modules[__name__].__class__ = _Package
