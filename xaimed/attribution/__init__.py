"""Attribution: one class a method, imported on use.

>>> from xaimed.attribution import GradCAM  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xaimed.attribution.ablation_cam import AblationCAM as AblationCAM
    from xaimed.attribution.baseline import Background as Background
    from xaimed.attribution.centre_blob import CentreBlob as CentreBlob
    from xaimed.attribution.d_rise import DRISE as DRISE
    from xaimed.attribution.deep_lift import DeepLIFT as DeepLIFT
    from xaimed.attribution.deep_shap import DeepSHAP as DeepSHAP
    from xaimed.attribution.eigen_cam import EigenCAM as EigenCAM
    from xaimed.attribution.exact_shapley import ExactShapley as ExactShapley
    from xaimed.attribution.grad_cam import GradCAM as GradCAM
    from xaimed.attribution.grad_cam_plus_plus import GradCAMPlusPlus as GradCAMPlusPlus
    from xaimed.attribution.gradient_shap import GradientSHAP as GradientSHAP
    from xaimed.attribution.guided_backprop import GuidedBackprop as GuidedBackprop
    from xaimed.attribution.hires_cam import HiResCAM as HiResCAM
    from xaimed.attribution.input_x_gradient import InputXGradient as InputXGradient
    from xaimed.attribution.integrated_gradients import IntegratedGradients as IntegratedGradients
    from xaimed.attribution.kernel_shap import KernelSHAP as KernelSHAP
    from xaimed.attribution.layer_cam import LayerCAM as LayerCAM
    from xaimed.attribution.lrp import LRP as LRP
    from xaimed.attribution.method import Map as Map
    from xaimed.attribution.method import Method as Method
    from xaimed.attribution.occlusion import Occlusion as Occlusion
    from xaimed.attribution.odam import ODAM as ODAM
    from xaimed.attribution.own_evidence import OwnEvidence as OwnEvidence
    from xaimed.attribution.partition_shap import PartitionSHAP as PartitionSHAP
    from xaimed.attribution.random_map import RandomMap as RandomMap
    from xaimed.attribution.rise import RISE as RISE
    from xaimed.attribution.saliency import Saliency as Saliency
    from xaimed.attribution.score_cam import ScoreCAM as ScoreCAM
    from xaimed.attribution.smooth_grad import SmoothGrad as SmoothGrad
    from xaimed.attribution.sobel import Sobel as Sobel
    from xaimed.attribution.x_grad_cam import XGradCAM as XGradCAM

ENGINE = frozenset({
    "baseline", "batch_cam", "cam", "deep_attention", "deep_graph", "deep_norms", "deep_pass", "deep_pools",
    "deep_rules", "deep_softmax", "deep_steps", "deep_walk", "gradient", "gradient_free", "grid", "held",
    "kriging", "layer_run", "layers", "masks", "memory", "method", "path", "perturbation", "regions", "sampling",
    "scenes", "shapley",
})


def __getattr__(name: str) -> Any:
    from xaimed.registry import classes

    if name.startswith("_") or name not in classes("xaimed.attribution"):
        raise AttributeError(f"module 'xaimed.attribution' has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module(classes("xaimed.attribution")[name]), name)
    return value


def __dir__() -> list[str]:
    from xaimed.registry import classes

    return sorted(classes("xaimed.attribution"))
