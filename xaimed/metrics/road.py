"""ROAD: what is lost when the pixels a map ranks highest are imputed, against those it ranks lowest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xaimed.metrics.explained import Explained
from xaimed.types import Floats


@dataclass(frozen=True)
class Road:
    """(LeRF - MoRF) / 2: the mean similarity left when the least, minus when the most relevant pixels are imputed.

    percentiles: the shares of the tissue that are removed, in per cent; the values are their mean. noise, seed: of the
    imputation. "[blur_matched]", where `control` is set, is the value minus that of a random map with the spectrum of
    this one: smooth maps leave larger holes, which alone can raise ROAD (Song S et al. 2023, arXiv:2304.13836). A map
    without any difference ranks at random and gets 0. NaN as in Deletion.
    """

    percentiles: tuple[int, ...] = (10, 20, 30, 40, 50, 60, 70, 80, 90)
    noise: float = 0.01
    seed: int = 0
    control: bool = True
    name: str = "road"
    kind: str = "explanation"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (-math.inf, math.inf)
    reference: str = "Rong Y et al. (2022) ROAD, arXiv:2202.00449"

    def __call__(self, view: Explained) -> dict[str, float]:
        """The value, and with `control` its excess over the blur-matched random map."""
        own = self._combined(view, view.values)
        if not self.control:
            return {"": own}
        blank = math.isnan(own) or float(np.ptp(view.values)) == 0.0
        random = own if blank else self._combined(view, blur_matched(view.values, self.seed))
        return {"": own, "[blur_matched]": own - random}

    def _combined(self, view: Explained, values: Floats) -> float:
        import torch

        from xaimed.metrics.imputation import Imputation
        from xaimed.perturb import prefixes, ranking

        removal, scene = view.removal, view.scene
        if not removal.possible or not np.isfinite(values).all():
            return math.nan
        if float(np.ptp(values)) == 0.0:
            return 0.0
        order = ranking(values, scene.tissue)
        sizes = tuple(round(order.numel() * share / 100) for share in self.percentiles)
        shape, imputation = (int(values.shape[0]), int(values.shape[1])), Imputation(self.noise, self.seed)
        left = [removal.seen(iter(torch.split(imputation.of(scene.image, scene.tissue, prefixes(way, sizes, shape)),
                                              scene.chunk))).mean() for way in (order.flip(0), order)]
        return float(left[0] - left[1]) / 2


def blur_matched(values: Floats, seed: int) -> Floats:
    """float32 (h, w): random values with the power spectrum of a map, so equally smooth and knowing nothing of it."""
    noise = np.random.default_rng(seed).normal(size=values.shape)
    spectrum = np.abs(np.fft.fft2(values - values.mean()))
    return np.asarray(np.fft.ifft2(spectrum * np.exp(1j * np.angle(np.fft.fft2(noise)))).real, np.float32)


METRIC = Road()
