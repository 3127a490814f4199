"""Prints what integrated gradients and gradient SHAP cost an evaluation over the floor, and how far off the maps are.

    python -m tests.bench.bench_gradients [--of resnet18 five detector] [--side 96] [--cases 2] [--repeats 3]

The floor of an evaluation is a forward and backward pass of eight images divided by eight, weights frozen, in the
default memory layout; of one image for the detector, whose scenes run one at a time on a CPU. Map errors are relative
L2 norms against many midpoint steps from the same baseline. "detector" is models/mammogram-detector on SYNTHETIC
phantoms; the other networks have random weights. Times are the processor's for this process, on one thread; each peak
is the rise of memory in a fresh process.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from tests.attribution.networks import Wrapped, scene
from tests.bench.bench_cam import network
from tests.bench.timing import Work, medians, peak, raised
from xaimed import load_model, open_dataset
from xaimed.attribution import Background, GradientSHAP, IntegratedGradients, Map
from xaimed.attribution.baseline import baseline
from xaimed.hooks import channels_last, frozen
from xaimed.scene import Scene

CHUNK, SAMPLES = 8, 32
FIXED = (50, 100)


class Bench:
    """One scene and its baseline, with the works to be timed; `found` holds what they gave."""

    def __init__(self, view: Scene, kind: str, others: Tensor) -> None:
        self.view, self.kind, self.others = view, kind, others
        self.start = baseline(view, kind)
        self.net = Wrapped(view.score).eval()
        self.found: dict[str, Tensor | Map | np.ndarray] = {}

    def floor(self) -> None:
        """One forward and backward pass of as many images as fit."""
        self.gradient(self.view.image.repeat(self.view.chunk, 1, 1, 1))

    def gradient(self, images: Tensor) -> Tensor:
        """The gradients at images (B, C, h, w)."""
        with frozen(self.view.network):
            leaf = images.detach().requires_grad_()
            return torch.autograd.grad(self.view.score(leaf).sum(), leaf)[0]

    def ours(self) -> None:
        """Integrated gradients until the estimated map error is 1 %."""
        self.found["ours"] = IntegratedGradients(baselines=(self.kind,)).attribute(self.view)

    def captum(self, steps: int) -> None:
        """captum's, with as many steps by its default rule, Gauss-Legendre."""
        from captum.attr import IntegratedGradients as Theirs

        with frozen(self.view.network):
            self.found[f"captum {steps}"] = Theirs(self.net).attribute(
                self.view.image, self.start, target=0, n_steps=steps, internal_batch_size=self.view.chunk).detach()

    def shap_ours(self) -> None:
        """Gradient SHAP with the other images as its background."""
        method = GradientSHAP(samples=SAMPLES, background=Background(self.others))
        self.found["gradient_shap ours"] = method.attribute(self.view)

    def shap_captum(self) -> None:
        """captum's, with as many samples."""
        from captum.attr import GradientShap

        with frozen(self.view.network):
            self.found["gradient_shap captum"] = GradientShap(self.net).attribute(
                self.view.image, self.others, target=0, n_samples=SAMPLES).detach()

    def shap_shap(self) -> None:
        """shap's, with as many samples."""
        import shap

        with frozen(self.view.network):
            explainer = shap.GradientExplainer(self.net, self.others, batch_size=self.view.chunk)
            values = explainer.shap_values(self.view.image, nsamples=SAMPLES, rseed=0)
        self.found["gradient_shap shap"] = np.asarray(values)[..., 0]

    def exact(self, steps: int) -> Tensor:
        """(h, w): the map of as many midpoint steps from the baseline."""
        way, total = self.view.image - self.start, torch.zeros_like(self.view.image, dtype=torch.float64)
        with channels_last(self.view.network):
            for part in torch.split((torch.arange(steps) + 0.5) / steps, self.view.chunk):
                total += self.gradient(self.start + part.view(-1, 1, 1, 1) * way).double().sum(0)
        return (total * way)[0].sum(0) / steps

    def values(self, name: str) -> Tensor:
        """float64 (h, w): the map of a work that ran."""
        found = self.found[name]
        if isinstance(found, Map):
            return torch.from_numpy(found.values).double()
        return torch.as_tensor(found).double()[0].sum(0)


def random_bench(name: str, side: int) -> Bench:
    """A network with random weights and one random image, explained against black."""
    net, _, _, channels = network(name)
    draw = torch.Generator().manual_seed(0)
    image = torch.rand(1, channels, side, side, generator=draw)
    return Bench(scene(net, image, chunk=CHUNK), "black", 0.5 * torch.rand(6, channels, side, side, generator=draw))


def detector_benches(count: int) -> Iterator[tuple[str, Bench]]:
    """The first so many boxes that the detector finds on SYNTHETIC phantoms, explained against blurred tissue."""
    model, cases = load_model("models/mammogram-detector/model.pt"), open_dataset("phantom", split="test")
    views = (view for index in range(len(cases)) for view in model.scenes(cases[index]))
    for _, view in zip(range(count), views, strict=False):
        kinds = ("blur", "tissue_median", "noise") * 2
        others = torch.cat([baseline(view, kind, seed) for seed, kind in enumerate(kinds)])
        yield f"detector, {view.case} {view.target}", Bench(view, "blur", others)


def report(title: str, one: Bench, repeats: int, reference: int) -> None:
    """Print the tables of one scene."""
    one.ours()
    ours = one.found["ours"]
    assert isinstance(ours, Map)
    counts = {"ours": round(ours.facts["steps"])} | {f"captum {steps}": steps for steps in FIXED}
    works: dict[str, Work] = {"floor": one.floor, "ours": one.ours, "captum 50": lambda: one.captum(50),
                              "captum 100": lambda: one.captum(100), "gradient_shap ours": one.shap_ours,
                              "gradient_shap captum": one.shap_captum, "gradient_shap shap": one.shap_shap}
    found, truth = medians(works, repeats, time.process_time), one.exact(reference)
    floor = found["floor"] / one.view.chunk
    print(f"{title}, {tuple(one.view.image.shape)}: {floor * 1e3:.1f} ms an evaluation at the floor")
    for which, count in counts.items():
        error = float((one.values(which) - truth).norm() / truth.norm())
        print(f"  IG {which:12s} {count:4d} evaluations, {found[which] / floor / count:5.2f} each, "
              f"{found[which] / floor:6.1f} floors in all, map error {error:.2%}")
    with torch.no_grad():
        difference = float(one.view.score(one.view.image) - torch.cat(
            [one.view.score(other[None]) for other in one.others]).mean())
    for which in ("ours", "captum", "shap"):
        missed = abs(float(one.values(f"gradient_shap {which}").sum()) - difference) / abs(difference)
        each = found[f"gradient_shap {which}"] / floor / SAMPLES
        print(f"  gradient SHAP {which:8s} {SAMPLES} samples, {each:5.2f} each, sum off by {missed:.3f}", flush=True)


def memory(name: str, side: int) -> None:
    """Print by how much each work raises the memory of a fresh process."""
    for which in ("floor", "ours", "captum 50"):
        found = peak("tests.bench.bench_gradients", ["--peak", which, "--of", name, "--side", str(side)])
        print(f"  peak memory {which:10s} {found:6.0f} MB", flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", nargs="+", choices=("resnet18", "resnet50", "five", "detector"),
                        default=["resnet18", "five", "detector"])
    parser.add_argument("--side", type=int, default=96, help="of the random images, in pixels")
    parser.add_argument("--cases", type=int, default=2, help="boxes of the detector")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peak", choices=("floor", "ours", "captum 50"), help="print the memory of one of them")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if options.peak:
        one = random_bench(options.of[0], options.side)
        print(raised({"floor": one.floor, "ours": one.ours, "captum 50": lambda: one.captum(50)}[options.peak]))
        return
    for name in options.of:
        if name == "detector":
            for title, one in detector_benches(options.cases):
                report(title, one, options.repeats, 300)
        else:
            report(name, random_bench(name, options.side), options.repeats, 1000)
            memory(name, options.side)


if __name__ == "__main__":
    main()
