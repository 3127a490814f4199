"""Prints what Grad-CAM of a batch costs over its floor, and the peers' cost, with peak memory.

    python -m tests.bench.bench_cam [--networks resnet18 resnet50 five] [--batches 1 16] [--repeats 5]
        [--threads 2] [--times]

The floor is one forward pass of the batch and the backward pass to the last convolution's block, weights frozen, in
the default memory layout. Medians of runs that take turns, on two threads; with one, the processor time of this
process alone is counted, which holds on a loaded machine too. Each peak is the rise of memory in a fresh process.
"""

from __future__ import annotations

import argparse
import time
import warnings
from itertools import pairwise

import torch
import torchvision
from torch import Tensor, nn

from tests.bench.timing import Work, medians, peak, raised
from xaimed.attribution import GradCAM
from xaimed.hooks import captured, frozen

NAMES = ("floor", "ours", "grad-cam", "captum")


def network(name: str) -> tuple[nn.Module, str, int, int]:
    """A network with random weights, its last block, and the side and channels of its images."""
    torch.manual_seed(0)
    if name != "five":
        return _shifted(getattr(torchvision.models, name)(num_classes=5)), "layer4", 224, 3
    widths, parts = (1, 32, 64, 128, 256, 256), list[nn.Module]()
    for before, after in pairwise(widths):
        parts += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
    return _shifted(nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 5))), "18", 512, 1


def _shifted(net: nn.Module) -> nn.Module:
    """Norms as in a trained network: with a mean of 0 and no bias the score would be linear along a path from black."""
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d) and part.running_mean is not None and part.running_var is not None:
            nn.init.normal_(part.running_mean, std=0.2)
            nn.init.uniform_(part.running_var, 0.5, 1.5)
            nn.init.normal_(part.bias, std=0.2)
    return net.eval()


def works(name: str, batch: int) -> dict[str, Work]:
    """The floor, ours and the peers' maps of a batch, by name."""
    from captum.attr import LayerGradCam
    from pytorch_grad_cam import GradCAM as Theirs

    net, layer, side, channels = network(name)
    images = torch.rand(batch, channels, side, side, generator=torch.Generator().manual_seed(0))
    part, method = net.get_submodule(layer), GradCAM(layer=layer)

    def floor() -> Tensor:
        with frozen(net), captured(part) as holder:
            score = net(images)[:, 0].sum()
            return torch.autograd.grad(score, holder.value)[0]

    def theirs() -> object:
        with Theirs(model=net, target_layers=[part]) as cam:
            return cam(input_tensor=images, targets=[lambda output: output[0]] * batch)

    return {"floor": floor, "ours": lambda: method(net, images, [0] * batch),
            "grad-cam": theirs, "captum": lambda: LayerGradCam(net, part).attribute(images, target=0)}


def bench(name: str, batch: int, options: argparse.Namespace) -> None:
    """Print the table of one network and batch."""
    found = medians(works(name, batch), options.repeats,
                    time.process_time if options.threads == 1 else time.perf_counter)
    print(f"{name}, batch {batch}: floor {found['floor']:.3f} s")
    for which in NAMES:
        if options.times:
            print(f"  {which:9s} {found[which] / found['floor']:5.2f}", flush=True)
            continue
        memory = peak("tests.bench.bench_cam", ["--peak", which, "--networks", name, "--batches", str(batch),
                                                     "--threads", str(options.threads)])
        print(f"  {which:9s} {found[which] / found['floor']:5.2f}  {memory:6.0f} MB", flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=("resnet18", "resnet50", "five"),
                        default=["resnet18", "resnet50", "five"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--times", action="store_true", help="leave out the memory, which takes longer")
    parser.add_argument("--peak", choices=NAMES, help="print the memory of one of them, for the first network")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(options.threads)
    if options.peak:
        print(raised(works(options.networks[0], options.batches[0])[options.peak]))
        return
    for name in options.networks:
        for batch in options.batches:
            bench(name, batch, options)


if __name__ == "__main__":
    main()
