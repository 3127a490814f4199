"""Prints what the maps of all boxes of an image cost, as ratios to one forward pass of the detector.

    python -m tests.bench.bench_boxes [--side 512] [--repeats 5] [--networks mobilenet resnet50] [--peer]

Runs take turns in one process and the median of each is compared with the median of the forward passes, so that a
load on the machine meets all alike. The weights are random: convolutions cost the same, but nearly every proposal
passes the score threshold, so the forward pass is somewhat dearer than that of a trained detector. The row "features
alone" (backbone and pyramid, no proposals, no head) does not depend on the weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models import detection

from tests.bench.timing import Work, medians
from xaimed.adapters.detector import Detector
from xaimed.adapters.modelfile import ModelFile
from xaimed.attribution import GradCAM
from xaimed.scene import Scene
from xaimed.targets import Target
from xaimed.types import Case

NETWORKS = {"mobilenet": (detection.fasterrcnn_mobilenet_v3_large_320_fpn, "backbone.body.16"),
            "resnet50": (detection.fasterrcnn_resnet50_fpn, "backbone.body.layer4")}
STEPS = {"filters": {"median": 0, "gaussian": 0.0, "bilateral": 0}, "segment": False, "crop": False, "long_side": 0,
         "stretch": None, "multiple": 1, "channels": 3}


def detector(name: str, side: int) -> Detector:
    """A stock detector that sees images of `side` pixels without resizing them."""
    torch.manual_seed(0)
    network = NETWORKS[name][0](weights=None, weights_backbone=None, num_classes=3, min_size=side, max_size=side)
    return Detector(ModelFile(name, {}, "detection", ("benign", "malignant"), STEPS, {}), network)


def boxes(side: int, count: int) -> list[Target]:
    """Boxes of an eighth to a half of the side, at random places."""
    draws = np.random.default_rng(0)
    out = []
    for number in range(count):
        width, height = draws.uniform(side / 8, side / 2, 2)
        x, y = draws.uniform(0, side - width), draws.uniform(0, side - height)
        out.append(Target(f"m{number}", "malignant", (x, y, x + width, y + height)))
    return out


def peer(model: Detector, scene: Scene, layer: nn.Module) -> Work:
    """One box with the package grad-cam: its own forward pass and backward pass through all weights."""
    from pytorch_grad_cam import GradCAM as Theirs

    scene.network.requires_grad_(True)

    def work() -> object:
        with Theirs(model=_Scored(model.network, scene), target_layers=[layer]) as cam:
            return cam(input_tensor=scene.image.clone(), targets=[lambda output: output.sum()])

    return work


class _Scored(nn.Module):
    def __init__(self, network: nn.Module, scene: Scene) -> None:
        super().__init__()
        self.network, self.score = network, scene.score

    def forward(self, images: Tensor) -> Tensor:
        return self.score(images)[:, None]


def bench(name: str, options: argparse.Namespace) -> None:
    """Print the table of one network."""
    model, side = detector(name, options.side), options.side
    case = Case("p", np.random.default_rng(1).random((1, side, side), dtype=np.float32))
    sets = {count: model.scenes(case, boxes(side, count)) for count in options.boxes}
    image, layer = next(iter(sets.values()))[0].image, NETWORKS[name][1]

    def forward() -> None:
        with torch.no_grad():
            model.network(list(image))

    def features() -> None:
        with torch.no_grad():
            model._stages.levels(image)

    works: dict[str, Work] = {"forward": forward, "features alone": features}
    for count, scenes in sets.items():
        for where, method in (("backbone", GradCAM(layer=layer)), ("own level", GradCAM())):
            works[f"{count} boxes, {where}"] = _run(method, scenes)
    if options.peer:
        works["grad-cam, 1 box, backbone"] = peer(model, next(iter(sets.values()))[0], model.layers()[layer])
    found = medians(works, options.repeats)
    print(f"{name}, {side} px: one forward pass {found['forward']:.3f} s")
    for what, seconds in list(found.items())[1:]:
        print(f"  {what:28s} {seconds / found['forward']:6.2f}")


def _run(method: GradCAM, scenes: Sequence[Scene]) -> Work:
    return lambda: method.attribute_all(scenes)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--boxes", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--networks", nargs="+", choices=sorted(NETWORKS), default=sorted(NETWORKS))
    parser.add_argument("--peer", action="store_true", help="time the package grad-cam too")
    options = parser.parse_args()
    for name in options.networks:
        bench(name, options)


if __name__ == "__main__":
    main()
