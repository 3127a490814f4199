"""Attribution: one class a method, imported on use.

>>> from xaimed.attribution import GradCAM  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xaimed.attribution.grad_cam import GradCAM
    from xaimed.attribution.gradient_shap import GradientSHAP
    from xaimed.attribution.integrated_gradients import IntegratedGradients
    from xaimed.attribution.kernel_shap import KernelSHAP
    from xaimed.attribution.method import Map, Method
    from xaimed.attribution.random_map import RandomMap
    from xaimed.attribution.saliency import Saliency
    from xaimed.attribution.sobel import Sobel

__all__ = [
    "GradCAM",
    "GradientSHAP",
    "IntegratedGradients",
    "KernelSHAP",
    "Map",
    "Method",
    "RandomMap",
    "Saliency",
    "Sobel",
]
ENGINE = frozenset({"baseline", "gradient", "grid", "method", "scenes", "shapley"})
_HOMES = {
    "GradCAM": "grad_cam",
    "GradientSHAP": "gradient_shap",
    "IntegratedGradients": "integrated_gradients",
    "KernelSHAP": "kernel_shap",
    "Map": "method",
    "Method": "method",
    "RandomMap": "random_map",
    "Saliency": "saliency",
    "Sobel": "sobel",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'xaimed.attribution' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"xaimed.attribution.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
