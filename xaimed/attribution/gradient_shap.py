"""Gradient SHAP (expected gradients): integrated gradients, averaged over baselines by stratified sampling.

Erion G, Janizek JD, Sturmfels P, Lundberg SM, Lee SI (2021) "Improving performance of deep learning models
with axiomatic attribution priors and expected gradients", Nature Machine Intelligence 3:620-631.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from xaimed.attribution.baseline import baseline
from xaimed.attribution.gradient import chunks, image_gradient, plain_scores
from xaimed.attribution.integrated_gradients import completeness_error
from xaimed.attribution.method import Map, Method
from xaimed.errors import InputError, PlanError
from xaimed.scene import Scene


class Background:
    """Images (K, C, h, w) to compare with, on the network's input; its repr names them by digest."""

    def __init__(self, images: Tensor) -> None:
        if images.ndim != 4 or not len(images) or not bool(torch.isfinite(images).all()):
            raise InputError(f"background {tuple(images.shape)}; expected finite images (K, C, h, w), K >= 1")
        self.images = images.detach()

    def __repr__(self) -> str:
        digest = hashlib.sha256(self.images.cpu().contiguous().numpy().tobytes()).hexdigest()
        return f"Background({len(self.images)} images, {digest[:12]})"


@dataclass(frozen=True)
class GradientSHAP(Method):
    """Expected gradients over K baselines, each point on a path drawn from its own stratum.

    samples: evaluations, raised to a multiple of the number of baselines. background: images to compare
    with; None: `baselines` fills of the image itself, in turn its blurred tissue, its median and noise,
    with normal noise of `noise` times the tissue's standard deviation. seed: of every draw.
    """

    name: ClassVar[str] = "gradient_shap"
    additive: ClassVar[bool] = True
    samples: int = 48
    baselines: int = 6
    noise: float = 0.1
    background: Background | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 1 or self.baselines < 1 or self.noise < 0:
            raise PlanError(
                f"gradient_shap: samples {self.samples}, baselines {self.baselines}, noise {self.noise}; "
                "expected 1 or more of the first two and noise >= 0"
            )

    def compute(self, scene: Scene) -> Map:
        """The map of one scene; facts: samples, baselines, completeness_error, f_input, f_baseline."""
        generator = torch.Generator().manual_seed(self.seed)
        starts = self._starts(scene, generator)
        rounds = -(-self.samples // len(starts))
        total = torch.zeros(scene.image.shape[-2:], dtype=torch.float64, device=scene.image.device)
        picks, places = _drawn(len(starts), rounds, generator)
        for part in chunks(len(picks), scene.chunk):
            start = starts[picks[part].to(starts.device)]
            way = scene.image - start
            share = places[part].to(way).view(-1, 1, 1, 1)
            total += (image_gradient(scene, start + share * way)[1] * way).sum((0, 1)).double()
        values = total / len(picks)
        return self._finished(scene, starts, values)

    def _finished(self, scene: Scene, starts: Tensor, values: Tensor) -> Map:
        ends = plain_scores(scene, torch.cat([starts, scene.image])).double()
        f_baseline, f_input = float(ends[:-1].mean()), float(ends[-1])
        facts = {
            "samples": float(-(-self.samples // len(starts)) * len(starts)),
            "baselines": float(len(starts)),
            "completeness_error": completeness_error(values, f_input - f_baseline),
            "f_input": f_input,
            "f_baseline": f_baseline,
        }
        return Map(values.float().cpu().numpy(), facts)

    def _starts(self, scene: Scene, generator: torch.Generator) -> Tensor:
        if self.background is not None:
            images = self.background.images.to(scene.image)
            if images.shape[1:] != scene.image.shape[1:]:
                raise InputError(
                    f"background {tuple(images.shape)} for an image {tuple(scene.image.shape)}; "
                    "expected the same channels and size"
                )
            return images
        kinds = ("blur", "tissue_median", "noise")
        fills = torch.cat([baseline(scene, kinds[i % 3], self.seed + i) for i in range(self.baselines)])
        spread = float(scene.image[..., scene.tissue].std(correction=0)) if bool(scene.tissue.any()) else 0.0
        draw = torch.randn(fills.shape, generator=generator).to(fills)
        return torch.where(scene.tissue, fills + self.noise * spread * draw, fills)


def _drawn(baselines: int, rounds: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """For each of baselines * rounds samples: which baseline, and the place on the path in [0, 1).

    Each place lies in its own stratum, and the places of one baseline in a stratum of 1 / rounds each.
    """
    count = baselines * rounds
    places = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    picks = torch.cat([torch.randperm(baselines, generator=generator) for _ in range(rounds)])
    return picks, places


METHOD = GradientSHAP
