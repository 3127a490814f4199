"""Prints what the perturbation methods cost over the bare forward passes of as many masked images, and the peers'.

    python -m tests.bench.bench_perturbation [--parts costs peers boxes errors memory] [--size 128] [--masks 196]

Runs take turns in one process; a line is the median of the ratios. costs, peers: a small network of five blocks.
boxes: D-RISE for eight boxes of a stock Faster R-CNN (--masks masked images; 1000 take minutes). errors: kernel SHAP
over 7 x 7 patches against 120 random orders, on the networks of models/planted-* and SYNTHETIC images. memory: what
D-RISE adds to the peak of a fresh process, for 100 and 1000 masks.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from tests.bench.bench_boxes import boxes, detector
from tests.bench.timing import Work, peak, raised
from xaimed import load_model
from xaimed.attribution import DRISE, RISE, KernelSHAP, Method, Occlusion, PartitionSHAP
from xaimed.attribution.baseline import baseline
from xaimed.attribution.kriging import kriged_values
from xaimed.attribution.perturbation import Outputs
from xaimed.attribution.regions import Regions, priors
from xaimed.attribution.shapley import Values, kernel_values, permutation_values
from xaimed.content import folder
from xaimed.data.planted import CAUSES, Planted
from xaimed.hooks import channels_last
from xaimed.scene import Joint, Scene
from xaimed.types import Case

BOXES, CHUNK, EVALUATIONS = 8, 8, 196
PARTS = ("costs", "peers", "boxes", "errors", "memory")


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
    side, size = scene.image.shape[-1] // 8, scene.image.shape[-1]
    labels = patches(scene)[None, None]
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


def ratios(pairs: dict[str, tuple[Work, Work]], repeats: int, clock: Callable[[], float]) -> None:
    """Print for each pair the median of the time of the first over that of the second."""
    found: dict[str, list[float]] = {name: [] for name in pairs}
    for _ in range(repeats + 1):
        for name, both in pairs.items():
            seconds = []
            for work in both:
                start = clock()
                work()
                seconds.append(clock() - start)
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


def several_boxes(masks: int) -> dict[str, tuple[Work, Work]]:
    """D-RISE for eight boxes of a stock detector at 320 pixels, with the bare passes of as many images."""
    model, side = detector("mobilenet", 320), 320
    case = Case("p", np.random.default_rng(1).random((1, side, side), dtype=np.float32))
    found = model.scenes(case, boxes(side, BOXES))
    method, image = DRISE(masks=masks, error=0.0), found[0].image

    def passes() -> None:
        with torch.no_grad():
            for _ in range(masks):
                model.network(list(image))

    return {f"d_rise, {BOXES} boxes, mobilenet ({masks} images)": (lambda: method.attribute_all(found), passes)}


def patches(scene: Scene) -> Tensor:
    """int64 (h, w): 7 x 7 patches."""
    down, across = (torch.arange(pixels) * 7 // pixels for pixels in scene.image.shape[-2:])
    return down[:, None] * 7 + across


def games() -> Iterator[tuple[str, Scene, Regions]]:
    """The patches of an image with every trait as players, for the network of each cause and two baselines."""
    data = Planted(first=5000, patients=20)
    case = next(data[i] for i, row in enumerate(data.rows) if all(row.groups[cause] == "yes" for cause in CAUSES))
    for cause in CAUSES:
        scene = load_model(folder("models") / f"planted-{cause}" / "model.pt", "cpu").scenes(case, ["positive"])[0]
        for kind in ("blur", "black"):
            outputs = Outputs(scene, [scene], "score")
            yield f"{cause}, {kind}", scene, Regions(outputs, baseline(scene, kind), patches(scene))


def theirs(scene: Scene, game: Regions, seed: int) -> Values:
    """captum's kernel SHAP of the patches, (49, 1)."""
    from captum.attr import KernelShap

    torch.manual_seed(seed)
    found = KernelShap(scene.score).attribute(scene.image, game.content, feature_mask=game.labels[None, None],
                                              n_samples=EVALUATIONS, perturbations_per_eval=CHUNK)
    return np.array([[float(found[0, 0][game.labels == k][0])] for k in range(game.players)])


def errors(seeds: int) -> None:
    """Print each estimate's distance from the yardstick over the yardstick's length, the mean over seeds."""
    for name, scene, game in games():
        truth, n = permutation_values(game, game.players, 2 + 120 * (game.players - 1), 999), game.players
        near = priors(game.labels)
        ways: dict[str, Callable[[int], Values]] = {
            "ours": lambda s, g=game, near=near: kriged_values(g, g.players, EVALUATIONS, s, near),
            "orders": lambda s, g=game: permutation_values(g, g.players, EVALUATIONS, s),
            "regression": lambda s, g=game: kernel_values(g, g.players, EVALUATIONS, s),
            "captum": lambda s, g=game, scene=scene: theirs(scene, g, s),
        }
        found = {way: np.mean([np.linalg.norm(work(seed) - truth) for seed in range(seeds)]) / np.linalg.norm(truth)
                 for way, work in ways.items()}
        print(f"error, {n} patches, {EVALUATIONS} evaluations, network of the {name}: "
              + ", ".join(f"{way} {value:.3f}" for way, value in found.items()), flush=True)


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--masks", type=int, default=196)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--raised", type=int, default=0, help="only print the MB that D-RISE with so many masks adds")
    parser.add_argument("--cpu", action="store_true", help="one thread, and its CPU time: for a machine with a load")
    options = parser.parse_args()
    if options.cpu:
        torch.set_num_threads(1)
    several = scenes(options.size)
    if options.raised:
        print(raised(lambda: DRISE(masks=options.raised, error=0.0).attribute_all(several)))
        return
    pairs: dict[str, Callable[[], dict[str, tuple[Work, Work]]]] = {
        "costs": lambda: ours(several, options.masks), "peers": lambda: peers(several[0], options.masks),
        "boxes": lambda: several_boxes(options.masks)}
    for part in options.parts:
        if part in pairs:
            ratios(pairs[part](), options.repeats, time.process_time if options.cpu else time.perf_counter)
    if "errors" in options.parts:
        errors(options.repeats)
    for masks in (100, 1000) if "memory" in options.parts else ():
        found = peak("tests.bench.bench_perturbation", ["--size", str(options.size), "--raised", str(masks)])
        print(f"d_rise, {BOXES} boxes, {masks} masks: {found:.0f} MB more than before", flush=True)


if __name__ == "__main__":
    main()
