"""DeepSHAP with 10 backgrounds against its floor and peers: python -m tests.bench.bench_deep [side] [repeats] [cpu].

The floor is one forward and backward pass of a batch of 10, weights frozen, in the default memory layout. ResNet-18 is
torchvision's own; shap and captum raise on it, so they also run on a network without what they cannot do. With "cpu":
one thread, and its CPU time, for a machine with a load.
"""

from __future__ import annotations

import copy
import statistics
import sys
import time
import warnings
from collections.abc import Callable

import torch
import torchvision
from torch import nn

from tests.attribution.networks import scene
from xaimed.attribution import DeepSHAP
from xaimed.attribution.baseline import Background
from xaimed.hooks import frozen

COUNT = 10


def sequential() -> nn.Module:
    """Convolutions and activations that every library can do: modules, used once, not in place."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for inputs, outputs in ((3, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 5)).eval()


def works(network: nn.Module, side: int) -> dict[str, Callable[[], object]]:
    """The floor, ours and the peers' attribution of one image, by name."""
    import shap
    from captum.attr import DeepLiftShap

    generator = torch.Generator().manual_seed(0)
    image, others = (torch.rand(n, 3, side, side, generator=generator) for n in (1, COUNT))
    method, view = DeepSHAP(background=Background(others)), scene(network, image, chunk=COUNT)

    def floor() -> object:
        with frozen(network):
            leaf = others.clone().requires_grad_()
            return torch.autograd.grad(network(leaf)[:, 0].sum(), leaf)

    return {
        "floor": floor,
        "ours": lambda: method.attribute(view).facts["completeness_error"],
        # Copies, because a peer that raises leaves its hooks on the network.
        "captum": lambda: DeepLiftShap(copy.deepcopy(network)).attribute(image, others, target=0),
        "shap": lambda: shap.DeepExplainer(copy.deepcopy(network), others).shap_values(
            image, ranked_outputs=1, check_additivity=False),
    }


def measure(title: str, network: nn.Module, given: list[int], clock: Callable[[], float]) -> None:
    """Print each one's median time as a ratio to the floor; the runs take turns. given: side and repeats."""
    side, repeats = given
    spent: dict[str, list[float]] = {}
    failed: dict[str, str] = {}
    for name, work in [pair for _ in range(repeats + 1) for pair in works(network, side).items()]:
        if name in failed:
            continue
        start = clock()
        try:
            work()
        except Exception as error:  # noqa: BLE001 - a peer may raise anything; the table says what
            failed[name] = f"{type(error).__name__}: {str(error)[:60]}"
            continue
        spent.setdefault(name, []).append(clock() - start)
    medians = {name: statistics.median(times[1:]) for name, times in spent.items() if name not in failed}
    for name in spent | failed:
        figure = failed.get(name) or f"{medians[name] / medians['floor']:.2f} ({medians[name]:.3f} s)"
        print(f"{title}, {side} px, {name}: {figure}", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    cpu = sys.argv[-1] == "cpu"
    numbers = [int(value) for value in sys.argv[1:] if value != "cpu"]
    if cpu:
        torch.set_num_threads(1)
    torch.manual_seed(0)
    stock = torchvision.models.resnet18(num_classes=5).eval()
    for name, network in (("resnet18", stock), ("sequential", sequential())):
        measure(name, network, numbers + [128, 5][len(numbers):], time.process_time if cpu else time.perf_counter)
