"""What the explanation suite costs beyond its model passes, and against flipping on the host: run by hand.

    PYTHONPATH=. python tests/bench/bench_metrics.py

The second ratio is against pixel flipping step by step on the host, as Quantus 0.6.0 goes about it, without its own
overhead: Quantus itself lives in another environment.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from xaimed.metrics.explaining import explanation_metrics, measure
from xaimed.perturb import masked
from xaimed.scene import Scene

PASSES = ("deletion", "insertion", "srg", "infidelity", "pointing_game", "energy_in_lesion", "energy_lift",
          "outside_tissue", "auprc", "iou")


class Drawn:
    """A map as a method gives it."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.facts = values, dict[str, float]()


def network() -> nn.Module:
    """A small classifier: the smaller the model, the harder the ratio."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for before, after in ((1, 16), (16, 32), (32, 64), (64, 64)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 1)).eval()


def scene_of(size: int, model: nn.Module) -> Scene:
    """One image of noise; a score, and its sigmoid as the similarity."""
    image = torch.rand(1, 1, size, size, generator=torch.Generator().manual_seed(0))

    def score(x: Tensor) -> Tensor:
        return model(x)[:, 0]

    def similarity(x: Tensor) -> Tensor:
        return model(x)[:, 0].sigmoid()

    return Scene("a", "x", image, torch.ones(size, size, dtype=torch.bool), score, similarity, model, {}, lambda v: v,
                 chunk=1)


def seconds(work: Callable[[], object], other: Callable[[], object], repeats: int) -> tuple[float, float]:
    """The medians of both, taken in turns."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for call, times in zip((work, other), found, strict=True):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
    return statistics.median(found[0]), statistics.median(found[1])


def suite(scene: Scene, values: np.ndarray) -> object:
    """The metrics of PASSES on one map."""
    truth = np.zeros(values.shape, bool)
    truth[100:140, 200:240] = True
    return measure(scene, {"m": Drawn(values)}, truth, np.ones(values.shape, bool), explanation_metrics(PASSES))


def bare(scene: Scene, count: int) -> None:
    """So many model passes on as many masked images, and nothing else."""
    masks = torch.zeros(count, *scene.tissue.shape, dtype=torch.bool)
    model = scene.network.to(memory_format=torch.channels_last)
    with torch.no_grad():
        for batch in masked(scene.image, scene.image, masks, scene.chunk):
            model(batch.contiguous(memory_format=torch.channels_last))
    scene.network.to(memory_format=torch.contiguous_format)


def on_the_host(scene: Scene, values: np.ndarray, steps: int) -> list[float]:
    """Pixel flipping on the host: sorted, copied and evaluated one step after the other."""
    pixels = scene.image.numpy().copy()
    order = np.argsort(-values.reshape(1, -1), axis=1)
    size, found = -(-values.size // steps), []
    for step in range(steps):
        flat = pixels.reshape(1, -1).copy()
        flat[0, order[0, step * size:(step + 1) * size]] = 0.5
        pixels = flat.reshape(pixels.shape)
        with torch.no_grad():
            found.append(float(scene.network(torch.from_numpy(pixels))[0, 0]))
    return found


def main(size: int = 512, repeats: int = 3) -> None:
    """Print the ratios."""
    from xaimed.metrics.removal import Removal, Sweep

    scene = scene_of(size, network())
    values = np.random.default_rng(0).random((size, size)).astype(np.float32)
    # Deletion and insertion: 15 inner steps, 3 fills, 2 directions; 3 filled, 2 untouched, 32 squares.
    count = 15 * 3 * 2 + 3 + 2 + 32
    own, passes = seconds(lambda: suite(scene, values), lambda: bare(scene, count), repeats)
    sys.stdout.write(f"suite {own:.2f} s, its {count} passes alone {passes:.2f} s: {own / passes:.2f}\n")
    curve, host = seconds(lambda: Removal(scene).deletion(values, Sweep("tissue_median", 16)),
                          lambda: on_the_host(scene, values, 16), repeats)
    sys.stdout.write(f"one deletion curve of 16 steps {curve:.2f} s, step by step on the host {host:.2f} s: "
                     f"{host / curve:.2f}\n")


if __name__ == "__main__":
    main()
