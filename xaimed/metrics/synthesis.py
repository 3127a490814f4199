"""Synthesis: how close a generated image is to the real one, within a mask if one is given."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xaimed.errors import InputError
from xaimed.metrics.pixelwise import MODEL, Better
from xaimed.stats import Bools
from xaimed.types import Case, Prediction, Score

Image = NDArray[np.floating]


def mae(image: Image, truth: Image, mask: Bools | None = None) -> float:
    """The mean absolute difference, in the unit of the images; NaN for an empty mask."""
    gap = np.abs(_gap(image, truth, mask))
    return float(gap.mean()) if gap.size else math.nan


def psnr(image: Image, truth: Image, span: float, mask: Bools | None = None) -> float:
    """The peak signal-to-noise ratio in dB: 10 log10(span^2 / mean squared difference); inf for equal images.

    span: the range that a value can have, as 1 for images in [0, 1]; never taken from the image itself.
    """
    if not span > 0:
        raise InputError(f"span {span}; expected the positive range of values, such as 1 for images in [0, 1]")
    gap = _gap(image, truth, mask)
    if not gap.size:
        return math.nan
    error = float((gap**2).mean())
    return 10 * math.log10(span**2 / error) if error else math.inf


def ssim(image: Image, truth: Image, span: float, mask: Bools | None = None) -> float:
    """The structural similarity in [-1, 1] with a Gaussian window of 1.5 pixels (Wang 2004), by scikit-image.

    With a mask: the mean of the map over it. Raises InputError for images smaller than the window of 11 pixels.
    """
    from skimage.metrics import structural_similarity

    _gap(image, truth, mask)
    if min(image.shape) < 11:
        raise InputError(f"images of {image.shape}; expected at least 11 pixels along each axis for SSIM")
    value, local = structural_similarity(  # type: ignore[no-untyped-call]
        truth.astype(np.float64), image.astype(np.float64), data_range=span, full=True, gaussian_weights=True,
        sigma=1.5, use_sample_covariance=False)
    if mask is None:
        return float(value)
    return float(local[mask].mean()) if mask.any() else math.nan


def _gap(image: Image, truth: Image, mask: Bools | None) -> NDArray[np.float64]:
    if image.shape != truth.shape or (mask is not None and mask.shape != image.shape):
        raise InputError(f"image {image.shape}, reference {truth.shape}"
                         f"{'' if mask is None else f', mask {mask.shape}'}; expected one shape")
    gap = image.astype(np.float64) - truth.astype(np.float64)
    return gap if mask is None else gap[mask]


@dataclass(frozen=True)
class Synthesis:
    """MAE, PSNR and SSIM of a made image against the wanted one, values in [0, 1], the mean over its planes."""

    name: str = "synthesis"
    kind: Literal["case"] = "case"
    measures: Mapping[str, Better] = field(default_factory=lambda: {
        "MAE": "lower", "PSNR": "higher", "SSIM": "higher"})
    reference: str = "mean absolute error; peak signal-to-noise ratio; Wang Z et al. (2004) for SSIM"

    def __call__(self, case: Case, prediction: Prediction) -> list[Score]:
        """A row a measure; none for a case without a wanted image. Raises InputError for another number of planes."""
        made = [plane for name, plane in prediction.dense.items() if name.startswith("image")]
        if case.wanted is None or not made:
            return []
        if len(made) != len(case.wanted):
            raise InputError(f"case {case.id}: the model makes {len(made)} planes and {len(case.wanted)} are wanted; "
                             "expected as many")
        pairs = list(zip(made, case.wanted, strict=True))
        values = {"MAE": [mae(*pair) for pair in pairs], "PSNR": [psnr(*pair, 1.0) for pair in pairs],
                  "SSIM": [ssim(*pair, 1.0) for pair in pairs]}
        return [Score(case.id, "image", MODEL, name, float(np.mean(each))) for name, each in values.items()]


METRIC = Synthesis()
