"""Quantus' seconds for the explanation metrics of a small classifier, as JSON; run by the interpreter that has it.

    QUANTUS/bin/python tests/bench/quantus_peer.py --images 4 --side 224 --repeats 3

Needs torch, numpy and quantus alone. The classifier, the images and the settings are those of bench_metrics.py, which
takes them from here.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# Passes of the model for one map: a removal curve, infidelity, max-sensitivity; layers that are randomised.
STEPS, SQUARES, DRAWS, LAYERS = 16, 32, 4, 9
RADIUS = 0.02


@dataclass(frozen=True)
class Data:
    """images (n, 1, side, side) in [0, 1], maps and lesions (n, side, side), as float32, float32 and bool."""

    images: np.ndarray
    maps: np.ndarray
    lesions: np.ndarray


def network() -> nn.Module:
    """A small classifier of two classes: the smaller the model, the harder any ratio to its passes."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for before, after in ((1, 16), (16, 32), (32, 64), (64, 64)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 2)).eval()


def data(count: int, side: int) -> Data:
    """Noise, with the gradient of the classifier as the map and a square as the lesion."""
    images = np.random.default_rng(0).random((count, 1, side, side)).astype(np.float32)
    lesions = np.zeros((count, side, side), bool)
    lesions[:, side // 3:side // 2, side // 3:side // 2] = True
    return Data(images, np.abs(gradient(network(), images))[:, 0], lesions)


def gradient(model: nn.Module, inputs: np.ndarray) -> np.ndarray:
    """(n, 1, side, side): the gradient of the first class's score."""
    images = torch.tensor(inputs, dtype=torch.float32).requires_grad_()
    found: Tensor = torch.autograd.grad(model(images)[:, 0].sum(), images)[0]
    return np.array(found, np.float32)


def explain(model: nn.Module, inputs: np.ndarray, targets: np.ndarray, **_: Any) -> np.ndarray:
    """The map as Quantus asks for it."""
    del targets
    return np.array(np.abs(gradient(model, inputs)))


def metrics(side: int, fill: float) -> dict[str, Any]:
    """Quantus' metrics by our names, with the settings of the module."""
    import quantus  # type: ignore[import-not-found]

    quiet = {"disable_warnings": True, "normalise": False}
    flip = {"features_in_step": side * side // STEPS, "perturb_baseline": fill, **quiet}
    blocks = round(side / (SQUARES / 2) ** 0.5)
    return {
        "deletion": quantus.PixelFlipping(**flip), "insertion": quantus.PixelFlipping(**flip),
        "infidelity": quantus.Infidelity(perturb_patch_sizes=[blocks], n_perturb_samples=2, perturb_baseline=fill,
                                         **quiet),
        "max_sensitivity": quantus.MaxSensitivity(nr_samples=DRAWS, lower_bound=RADIUS, **quiet),
        "gini": quantus.Sparseness(**quiet), "entropy": quantus.Complexity(**quiet),
        "energy_in_lesion": quantus.RelevanceMassAccuracy(**quiet), "pointing_game": quantus.PointingGame(**quiet),
        "randomisation": quantus.MPRT(**quiet)}


def main() -> None:
    """Print the least seconds of each metric."""
    parser = argparse.ArgumentParser()
    for name, default in (("images", 4), ("side", 224), ("repeats", 3), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.threads == 1 else time.perf_counter
    known, model = data(options.images, options.side), network()
    call = {"x_batch": known.images, "y_batch": np.zeros(options.images, int), "s_batch": known.lesions[:, None],
            "device": "cpu", "explain_func": explain}
    found: dict[str, float] = {}
    for name, metric in metrics(options.side, float(np.median(known.images))).items():
        maps = known.maps[:, None] if name != "insertion" else known.maps.max() - known.maps[:, None]
        for _ in range(options.repeats):
            start = clock()
            metric(model=model, a_batch=maps, **call)
            found[name] = min(found.get(name, float("inf")), clock() - start)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
