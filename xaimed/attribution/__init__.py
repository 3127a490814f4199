"""Attribution: one class a method, imported on use.

>>> from xaimed.attribution import GradCAM  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xaimed.attribution.grad_cam import GradCAM as GradCAM
    from xaimed.attribution.gradient_shap import GradientSHAP as GradientSHAP
    from xaimed.attribution.integrated_gradients import IntegratedGradients as IntegratedGradients
    from xaimed.attribution.kernel_shap import KernelSHAP as KernelSHAP
    from xaimed.attribution.method import Map as Map
    from xaimed.attribution.method import Method as Method
    from xaimed.attribution.random_map import RandomMap as RandomMap
    from xaimed.attribution.saliency import Saliency as Saliency
    from xaimed.attribution.sobel import Sobel as Sobel

ENGINE = frozenset({"baseline", "gradient", "grid", "method", "scenes", "shapley"})


def __getattr__(name: str) -> Any:
    from xaimed.registry import classes

    if name.startswith("_") or name not in classes("xaimed.attribution"):
        raise AttributeError(f"module 'xaimed.attribution' has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module(classes("xaimed.attribution")[name]), name)
    return value


def __dir__() -> list[str]:
    from xaimed.registry import classes

    return sorted(classes("xaimed.attribution"))
