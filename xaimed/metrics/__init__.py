"""Metrics of models and of explanations: one file a metric, imported on use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xaimed.metrics.afroc import Afroc as Afroc
    from xaimed.metrics.auprc import Auprc as Auprc
    from xaimed.metrics.average_precision import AveragePrecision as AveragePrecision
    from xaimed.metrics.calibration_line import CalibrationLine as CalibrationLine
    from xaimed.metrics.completeness import Completeness as Completeness
    from xaimed.metrics.confusion import Confusion as Confusion
    from xaimed.metrics.context_share import ContextShare as ContextShare
    from xaimed.metrics.decision_curve import DecisionCurve as DecisionCurve
    from xaimed.metrics.deletion import Deletion as Deletion
    from xaimed.metrics.energy_in_lesion import EnergyInLesion as EnergyInLesion
    from xaimed.metrics.energy_lift import EnergyLift as EnergyLift
    from xaimed.metrics.entropy import Entropy as Entropy
    from xaimed.metrics.explained import Explained as Explained
    from xaimed.metrics.explaining import measure as measure
    from xaimed.metrics.gini import Gini as Gini
    from xaimed.metrics.infidelity import Infidelity as Infidelity
    from xaimed.metrics.insertion import Insertion as Insertion
    from xaimed.metrics.iou import Iou as Iou
    from xaimed.metrics.map_convergence import MapConvergence as MapConvergence
    from xaimed.metrics.max_sensitivity import MaxSensitivity as MaxSensitivity
    from xaimed.metrics.multiclass import Multiclass as Multiclass
    from xaimed.metrics.on_markers import OnMarkers as OnMarkers
    from xaimed.metrics.other_boxes import OtherBoxes as OtherBoxes
    from xaimed.metrics.outside_tissue import OutsideTissue as OutsideTissue
    from xaimed.metrics.partial_auc import PartialAuc as PartialAuc
    from xaimed.metrics.plane_share import PlaneShare as PlaneShare
    from xaimed.metrics.pointing_game import PointingGame as PointingGame
    from xaimed.metrics.prediction_saliency_correlation import (
        PredictionSaliencyCorrelation as PredictionSaliencyCorrelation,
    )
    from xaimed.metrics.registration import Registration as Registration
    from xaimed.metrics.repeatability import Repeatability as Repeatability
    from xaimed.metrics.road import Road as Road
    from xaimed.metrics.segmentation import Segmentation as Segmentation
    from xaimed.metrics.srg import Srg as Srg
    from xaimed.metrics.synthesis import Synthesis as Synthesis
    from xaimed.metrics.views import Views as Views

ENGINE = frozenset({"again", "anomaly", "axis", "comparison", "concordance", "criteria", "donor", "evidence",
                    "explained", "explaining", "gap", "imputation", "judged", "judging", "limits", "matching",
                    "memorisation", "miscalibration", "mrmc", "noninferiority", "one_kind", "oracle", "pixelwise",
                    "probed", "readers", "removal", "reproducibility", "rungs", "tuning", "vocabulary", "weighed",
                    "yard"})


def __getattr__(name: str) -> Any:
    from xaimed.registry import classes

    if name == "measure":
        return importlib.import_module("xaimed.metrics.explaining").measure
    if name.startswith("_") or name not in classes("xaimed.metrics"):
        raise AttributeError(f"module 'xaimed.metrics' has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module(classes("xaimed.metrics")[name]), name)
    return value


def __dir__() -> list[str]:
    from xaimed.registry import classes

    return sorted(classes("xaimed.metrics"))
