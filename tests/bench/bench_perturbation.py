"""Prints what the perturbation methods cost over the bare forward passes of as many masked images, and the peers'.

    python -m tests.bench.bench_perturbation [--size 64] [--masks 96] [--repeats 5]

Runs take turns in one process; a line is the median of the ratios. Peak memory is that of a fresh process each, so
that one run's does not hide the other's.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from xaimed.attribution import DRISE, RISE, KernelSHAP, Method, Occlusion, PartitionSHAP
from xaimed.hooks import channels_last
from xaimed.scene import Joint, Scene

Work = Callable[[], object]
BOXES, CHUNK = 8, 8


def network() -> nn.Module:
    """Five blocks of convolution, normalisation and pooling, and one logit a box."""
    torch.manual_seed(0)
    widths, parts = (1, 16, 32, 32, 64, 64), list[nn.Module]()
    for before, after in pairwise(widths):
        parts += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, BOXES)).eval()


def scenes(size: int) -> list[Scene]:
    """Eight scenes of one image that share their passes."""
    net = network()
    for weight in net.parameters():
        weight.requires_grad_(False)
    image = torch.rand(1, 1, size, size, generator=torch.Generator().manual_seed(0))
    joint = Joint(scores=net, similarities=lambda x: net(x).sigmoid(), size=BOXES)
    tissue = torch.ones(size, size, dtype=torch.bool)
    return [Scene("case", f"d{k}", image, tissue, lambda x, k=k: net(x)[:, k], lambda x, k=k: net(x)[:, k].sigmoid(),
                  net, {}, lambda values: values, chunk=CHUNK, joint=joint, column=k) for k in range(BOXES)]


def bare(scene: Scene, count: int, reordered: bool) -> Work:
    """So many images through the network, eight at a time, in the default layout or in channels-last order."""
    layout = torch.channels_last if reordered else torch.contiguous_format
    batches = [scene.image.repeat(min(CHUNK, count - start), 1, 1, 1).contiguous(memory_format=layout)
               for start in range(0, count, CHUNK)]

    def work() -> None:
        with torch.no_grad():
            for batch in batches:
                scene.network(batch)

    def quick() -> None:
        with channels_last(scene.network):
            work()

    return quick if reordered else work


def peers(scene: Scene, masks: int) -> dict[str, tuple[Work, Work]]:
    """captum's and shap's methods, each with the bare passes of as many images in the default layout."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap
        from captum.attr import KernelShap, Occlusion
    size, side = scene.image.shape[-1], scene.image.shape[-1] // 8
    patch = torch.arange(size) // (size // 7 + 1)
    labels = (patch[:, None] * 7 + patch)[None, None]
    picture = scene.image[0].permute(1, 2, 0).numpy()
    masker = shap.maskers.Image(np.zeros_like(picture))

    def play(batch: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return scene.network(torch.from_numpy(np.asarray(batch, np.float32)).permute(0, 3, 1, 2))[:, :1].numpy()

    explainer = shap.PartitionExplainer(play, masker)
    floor, windows = bare(scene, masks, False), ((size - side) // (side // 2) + 1) ** 2 + 1
    occlusion, kernel = Occlusion(scene.network), KernelShap(scene.network)
    return {
        f"captum Occlusion ({windows} images)": (lambda: occlusion.attribute(
            scene.image, (1, side, side), strides=(1, side // 2, side // 2), target=0, perturbations_per_eval=CHUNK),
            bare(scene, windows, False)),
        f"captum KernelShap ({masks} images)": (lambda: kernel.attribute(
            scene.image, feature_mask=labels, target=0, n_samples=masks, perturbations_per_eval=CHUNK), floor),
        f"shap Partition ({masks} images)": (lambda: explainer(
            picture[None], max_evals=masks, batch_size=CHUNK, silent=True), floor),
    }


def ratios(pairs: dict[str, tuple[Work, Work]], repeats: int) -> None:
    """Print for each pair the median of the time of the first over that of the second."""
    found: dict[str, list[float]] = {name: [] for name in pairs}
    for _ in range(repeats + 1):
        for name, both in pairs.items():
            seconds = []
            for work in both:
                start = time.perf_counter()
                work()
                seconds.append(time.perf_counter() - start)
            found[name].append(seconds[0] / seconds[1])
    for name, each in found.items():
        middle, low, high = statistics.median(each[1:]), min(each[1:]), max(each[1:])
        print(f"{name:38} {middle:6.2f}   ({low:.2f} to {high:.2f})", flush=True)


def ours(several: list[Scene], masks: int) -> dict[str, tuple[Work, Work]]:
    """Each method of ours with the bare passes of as many images in the default layout."""
    one = replace(several[0], joint=None)
    rise, drise = RISE(masks=masks, error=0.0), DRISE(masks=masks, error=0.0)
    methods: dict[str, Method] = {
        "occlusion": Occlusion(window=0.125), "rise": rise, "d_rise, one box": drise,
        "kernel_shap": KernelSHAP(regions=49, evaluations=masks, shape="grid"),
        "partition_shap": PartitionSHAP(evaluations=masks),
    }
    pairs: dict[str, tuple[Work, Work]] = {}
    for name, method in methods.items():
        count = int(method.attribute(one).facts["evaluations"])
        pairs[f"{name} ({count} images)"] = (lambda m=method: m.attribute(one), bare(one, count, False))
    pairs[f"d_rise, {BOXES} boxes ({masks} images)"] = (lambda: drise.attribute_all(several), bare(one, masks, False))
    pairs["  the same over channels-last passes"] = (lambda: drise.attribute_all(several), bare(one, masks, True))
    return pairs


def peak(masks: int, size: int) -> float:
    """The peak memory, in MB, of a fresh process that runs D-RISE over eight boxes."""
    done = subprocess.run([sys.executable, "-m", __spec__.name, "--peak", "--masks", str(masks), "--size", str(size)],
                          capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description="cost of the perturbation methods")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--masks", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peak", action="store_true", help="only run D-RISE and print the peak memory in MB")
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    several = scenes(options.size)
    if options.peak:
        DRISE(masks=options.masks, error=0.0).attribute_all(several)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    ratios(ours(several, options.masks), options.repeats)
    if not options.no_peers:
        ratios(peers(several[0], options.masks), options.repeats)
    for masks in (100, 1000):
        print(f"d_rise, {BOXES} boxes, {masks} masks: peak {peak(masks, options.size):.0f} MB", flush=True)


if __name__ == "__main__":
    main()
