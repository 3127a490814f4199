"""Stored names in words, the same in the report, the figures and the dashboard."""

from __future__ import annotations

import re

# Words of abbreviations keep their capitals.
CAPITALS = {"auc": "AUC", "froc": "FROC", "roc": "ROC", "ece": "ECE", "cam": "CAM", "shap": "SHAP", "iou": "IoU",
            "fppi": "FPPI", "ppv": "PPV", "npv": "NPV", "f1": "F1", "mcc": "MCC", "brier": "Brier", "grad": "Grad",
            "jpeg": "JPEG", "srg": "SRG"}
METHODS = {"grad_cam": "Grad-CAM", "gradient_shap": "Gradient SHAP", "kernel_shap": "Kernel SHAP"}

# What a network's own evidence is, by its task.
EVIDENCE = {"anomaly": "Residual (own evidence)", "energy": "Free energy by pixel (own evidence)"}


def titled(method: str, task: str) -> str:
    """The name of a method in words, for a model of a task: an autoencoder's own evidence is its residual."""
    return EVIDENCE[task] if method == "own_evidence" and task in EVIDENCE else pretty(method)


def pretty(name: str) -> str:
    """The name in words: "sensitivity_at_0.5_fppi" gives "Sensitivity at 0.5 FPPI"."""
    if name in METHODS:
        return METHODS[name]
    stem, _, inner = name.partition("[")
    words = [CAPITALS.get(word.lower(), word) for word in re.split(r"[_ ]+", stem) if word]
    text = " ".join(words) + (f" ({inner.removesuffix(']').replace('_', ' ')})" if inner else "")
    return text[:1].upper() + text[1:]
