"""SmoothGrad: the gradient, averaged over noisy copies of the image.

Smilkov D, Thorat N, Kim B, Viégas F, Wattenberg M (2017) "SmoothGrad: removing noise by adding noise",
arXiv:1706.03825.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from xaimed.attribution.gradient import image_gradient
from xaimed.attribution.memory import Batches
from xaimed.attribution.method import Map, Method
from xaimed.errors import PlanError
from xaimed.scene import Scene


@dataclass(frozen=True)
class SmoothGrad(Method):
    """The mean gradient over `samples` copies of the image with normal noise.

    noise: the noise's standard deviation as a share of the range of the tissue's grey values (largest minus
    smallest), as published for the image's range; air would only widen it. Every pixel gets noise. absolute:
    the largest absolute value over the channels of the mean gradient; False: the signed sum. seed: of the noise;
    a sample's noise depends on nothing but the seed and the image's shape.
    """

    name: ClassVar[str] = "smooth_grad"
    volumes: ClassVar[bool] = True
    samples: int = 32
    noise: float = 0.1
    absolute: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 1 or self.noise < 0:
            raise PlanError(
                f"smooth_grad: samples {self.samples}, noise {self.noise}; expected samples >= 1 and noise >= 0"
            )

    def compute(self, scene: Scene) -> Map:
        """The map of one scene; facts: noise_sd, in the image's grey values, noise_error, and f_mean of the copies.

        noise_error: the estimated relative L2 error of the signed map from the number of samples.
        """
        spread = self.noise * tissue_range(scene)

        def work(part: slice) -> tuple[Tensor, float, float]:
            noise = [self._noise(scene, number) for number in range(part.start, part.stop)]
            scores, found = image_gradient(scene, scene.image + spread * torch.cat(noise))
            found = found.double()
            return found.sum(0), float(found.square().sum()), float(scores.double().sum())

        parts = Batches(scene.chunk).run(self.samples, work)
        mean = torch.stack([total for total, _, _ in parts]).sum(0) / self.samples
        plane = mean.abs().amax(0) if self.absolute else mean.sum(0)
        error = self._error(mean, sum(squares for _, squares, _ in parts))
        facts = {"noise_sd": spread, "noise_error": error, "f_mean": sum(score for _, _, score in parts) / self.samples}
        return Map(plane.float().cpu().numpy(), facts)

    def _noise(self, scene: Scene, number: int) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        return torch.randn(scene.image.shape, generator=generator).to(scene.image)

    def _error(self, mean: Tensor, squares: float) -> float:
        """The standard error of the mean, sqrt(variance / samples), relative to the mean's L2 norm."""
        size = float(mean.square().sum())
        if self.samples == 1 or size == 0:
            return float("nan")
        variance = max(squares / self.samples - size, 0.0) / (self.samples - 1)
        return float((variance / size) ** 0.5)


def tissue_range(scene: Scene) -> float:
    """The largest minus the smallest grey value of the tissue, or of the image where there is no tissue."""
    values = scene.image[..., scene.tissue] if bool(scene.tissue.any()) else scene.image
    return float(values.max() - values.min())


METHOD = SmoothGrad
