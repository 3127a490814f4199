"""Prints what integrated gradients and gradient SHAP cost an evaluation over the floor, and how far off the maps are.

    python -m tests.bench.bench_gradients [--networks resnet18 five] [--side 96] [--repeats 3]

The floor of an evaluation is an eighth of a forward and backward pass of eight images, weights frozen, in the default
memory layout. Map errors are relative L2 norms against 1000 midpoint steps from the same baseline. Times are those of
this process on one thread; each peak is that of a fresh process.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
import torch
from torch import Tensor

from tests.attribution.networks import scene
from tests.bench.bench_cam import network
from tests.bench.timing import Work, medians, peak, raised
from xaimed.attribution import Background, GradientSHAP, IntegratedGradients, Map
from xaimed.hooks import frozen

CHUNK, SAMPLES = 8, 48


class Bench:
    """One image of a network, with the works to be timed; `found` holds what they gave."""

    def __init__(self, name: str, side: int) -> None:
        self.net, _, _, channels = network(name)
        draw = torch.Generator().manual_seed(0)
        self.image = torch.rand(1, channels, side, side, generator=draw)
        self.others = 0.5 * torch.rand(6, channels, side, side, generator=draw)
        self.zeros = torch.zeros_like(self.image)
        self.view = scene(self.net, self.image, chunk=CHUNK)
        self.found: dict[str, Tensor | Map | np.ndarray] = {}

    def floor(self) -> None:
        """One forward and backward pass of eight images."""
        with frozen(self.net):
            leaf = self.image.repeat(CHUNK, 1, 1, 1).requires_grad_()
            torch.autograd.grad(self.net(leaf)[:, 0].sum(), leaf)

    def ours(self) -> None:
        """Integrated gradients until the estimated map error is 1 %."""
        self.found["ours"] = IntegratedGradients(baselines=("black",)).attribute(self.view)

    def captum(self, steps: int) -> None:
        """captum's, with as many steps."""
        from captum.attr import IntegratedGradients as Theirs

        self.found[f"captum {steps}"] = Theirs(self.net).attribute(
            self.image, self.zeros, target=0, n_steps=steps, internal_batch_size=CHUNK).detach()

    def shap_ours(self) -> None:
        """Gradient SHAP with six backgrounds."""
        method = GradientSHAP(samples=SAMPLES, background=Background(self.others))
        self.found["gradient_shap ours"] = method.attribute(self.view)

    def shap_captum(self) -> None:
        """captum's, with as many samples."""
        from captum.attr import GradientShap

        self.found["gradient_shap captum"] = GradientShap(self.net).attribute(
            self.image, self.others, target=0, n_samples=SAMPLES).detach()

    def shap_shap(self) -> None:
        """shap's, with as many samples."""
        import shap

        explainer = shap.GradientExplainer(self.net, self.others, batch_size=CHUNK)
        values = explainer.shap_values(self.image, nsamples=SAMPLES, rseed=0)
        self.found["gradient_shap shap"] = np.asarray(values)[..., 0]

    def exact(self) -> Tensor:
        """(h, w): the map of 1000 midpoint steps from black."""
        total = torch.zeros_like(self.image, dtype=torch.float64)
        with frozen(self.net):
            for start in range(0, 1000, CHUNK):
                share = (torch.arange(start, start + CHUNK) + 0.5) / 1000
                leaf = (share.view(-1, 1, 1, 1) * self.image).requires_grad_()
                total += torch.autograd.grad(self.net(leaf)[:, 0].sum(), leaf)[0].double().sum(0)
        return (total * self.image)[0].sum(0) / 1000

    def values(self, name: str) -> Tensor:
        """float64 (h, w): the map of a work that ran."""
        found = self.found[name]
        if isinstance(found, Map):
            return torch.from_numpy(found.values).double()
        return torch.as_tensor(found).double()[0].sum(0)


def bench(name: str, side: int, repeats: int) -> None:
    """Print the tables of one network."""
    one = Bench(name, side)
    one.ours()
    ours = one.found["ours"]
    assert isinstance(ours, Map)
    equal = round(ours.facts["steps"])
    works: dict[str, Work] = {"floor": one.floor, "ours": one.ours, "captum 50": lambda: one.captum(50),
                              f"captum {equal}": lambda: one.captum(equal), "gradient_shap ours": one.shap_ours,
                              "gradient_shap captum": one.shap_captum, "gradient_shap shap": one.shap_shap}
    found, truth = medians(works, repeats, time.process_time), one.exact()
    floor = found["floor"] / CHUNK
    print(f"{name}, {side} px: {floor * 1e3:.1f} ms an evaluation at the floor")
    for which, count in (("ours", equal), ("captum 50", 50), (f"captum {equal}", equal)):
        error = float((one.values(which) - truth).norm() / truth.norm())
        each = found[which] / floor / count
        print(f"  IG {which:12s} {count:4d} evaluations, {each:5.2f} each, map error {error:.2%}")
    with torch.no_grad():
        difference = float(one.net(one.image)[0, 0] - one.net(one.others)[:, 0].mean())
    for which in ("ours", "captum", "shap"):
        missed = abs(float(one.values(f"gradient_shap {which}").sum()) - difference) / abs(difference)
        each = found[f"gradient_shap {which}"] / floor / SAMPLES
        print(f"  gradient SHAP {which:8s} {each:5.2f} each, completeness error {missed:.3f}", flush=True)
    for which in ("floor", "ours", "captum 50"):
        memory = peak("tests.bench.bench_gradients", ["--peak", which, "--networks", name, "--side", str(side)])
        print(f"  peak memory {which:10s} {memory:6.0f} MB", flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=("resnet18", "resnet50", "five"), default=["resnet18", "five"])
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peak", choices=("floor", "ours", "captum 50"), help="print the memory of one of them")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if options.peak:
        one = Bench(options.networks[0], options.side)
        print(raised({"floor": one.floor, "ours": one.ours, "captum 50": lambda: one.captum(50)}[options.peak]))
        return
    for name in options.networks:
        bench(name, options.side, options.repeats)


if __name__ == "__main__":
    main()
