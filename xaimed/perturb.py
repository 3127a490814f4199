"""What pixels are replaced by, in which order and in which regions: for SHAP and the faithfulness metrics.

Everything stays on the device of its input and is seeded independently of the device. Air is never
touched: a fill differs from the image inside the tissue only, and only pixels of the tissue are ranked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from xaimed.errors import InputError, unknown
from xaimed.types import Floats

FILLS = ("blur", "tissue_median", "noise")
# A tenth of the window would leave most of the contrast of a mass that fills a third of it.
BLUR_SHARE = 0.2
SPREAD_SHARE = 0.03
SLIVER = 0.25
TIES_SEED = 20180718


def fill(image: Tensor, tissue: Tensor, kind: str, seed: int = 0) -> Tensor:
    """(1, C, h, w), detached: what a removed pixel of `image` (1, C, h, w) is replaced by; air as it was.

    tissue: bool (h, w). kind: "blur", a Gaussian of a fifth of the window that averages tissue only, so that
    air does not bleed in; "tissue_median", one grey value; "noise", that value plus normal noise with the
    local spread of the image, within the range of the tissue. Raises InputError if there is no tissue, and
    NotFound for another kind.
    """
    if kind not in FILLS:
        raise unknown("fill", kind, FILLS)
    check_tissue(image, tissue)
    source = image.detach()
    if kind == "blur":
        content = local_mean(source, tissue, BLUR_SHARE * max(image.shape[-2:]))
    elif kind == "tissue_median":
        content = tissue_median(source, tissue).expand_as(source)
    else:
        content = _noise(source, tissue, seed)
    return torch.where(tissue, content, source)


def check_tissue(image: Tensor, tissue: Tensor) -> None:
    """Raise InputError unless `image` is (1, C, h, w) and `tissue` a bool (h, w) with a pixel in it."""
    fits = image.ndim == 4 and image.shape[0] == 1 and tissue.shape == image.shape[-2:]
    if not fits or tissue.dtype != torch.bool:
        raise InputError(f"image {tuple(image.shape)} with tissue {tissue.dtype} {tuple(tissue.shape)}; "
                         "expected (1, C, h, w) with a bool (h, w)")
    if not bool(tissue.any()):
        raise InputError("the window holds no tissue, so nothing can be removed; expected one pixel or more")


def tissue_median(image: Tensor, tissue: Tensor) -> Tensor:
    """(1, C, 1, 1): the median over the tissue of each channel of (1, C, h, w)."""
    return image[..., tissue].median(dim=-1).values[..., None, None]


def local_mean(image: Tensor, tissue: Tensor, sigma: float) -> Tensor:
    """(1, C, h, w): Gaussian mean over the tissue only (normalised convolution), sigma in pixels.

    Knutsson H, Westin CF (1993) "Normalized and differential convolution", CVPR.
    """
    weight = tissue.to(image.dtype)[None, None]
    planes = torch.cat([image.transpose(0, 1) * weight, weight])
    blurred = _coarse_gaussian(planes, sigma)
    mean = blurred[:-1] / blurred[-1:].clamp_min(torch.finfo(image.dtype).tiny)
    return mean.transpose(0, 1)


def _coarse_gaussian(planes: Tensor, sigma: float) -> Tensor:
    """A wide Gaussian is computed on a grid of an eighth of its sigma, as exact and far cheaper."""
    factor, (height, width) = max(1, int(sigma // 8)), planes.shape[-2:]
    if factor == 1:
        return _gaussian(planes, sigma)
    padded = functional.pad(planes, (0, -width % factor, 0, -height % factor))
    coarse = _gaussian(functional.avg_pool2d(padded, factor), sigma / factor)
    return functional.interpolate(coarse, scale_factor=float(factor), mode="bilinear")[..., :height, :width]


def _gaussian(planes: Tensor, sigma: float) -> Tensor:
    radius = max(1, round(3 * sigma))
    offsets = torch.arange(-radius, radius + 1, device=planes.device, dtype=planes.dtype)
    kernel = torch.exp(-0.5 * (offsets / max(sigma, 1e-3)) ** 2)
    kernel = kernel / kernel.sum()
    rows = functional.conv2d(planes, kernel.view(1, 1, -1, 1), padding=(radius, 0))
    return functional.conv2d(rows, kernel.view(1, 1, 1, -1), padding=(0, radius))


def _noise(image: Tensor, tissue: Tensor, seed: int) -> Tensor:
    sigma = max(1.0, SPREAD_SHARE * max(image.shape[-2:]))
    # Centred first: in float32 the difference of squares of large values would lose the spread.
    centred = image - tissue_median(image, tissue)
    mean = local_mean(centred, tissue, sigma)
    spread = (local_mean(centred**2, tissue, sigma) - mean**2).clamp_min(0).sqrt()
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed)).to(image)
    inside = image[..., tissue]
    low, high = inside.amin(-1)[..., None, None], inside.amax(-1)[..., None, None]
    return (tissue_median(image, tissue) + spread * noise).clamp(low, high)


def ranking(values: Tensor | Floats, tissue: Tensor) -> Tensor:
    """int64 (n,) on the device of `tissue`: flat indices of its pixels by falling value of a map (h, w).

    Ties are broken by a fixed random order, so a constant map has no raster bias. NaN counts as the lowest.
    """
    flat = torch.as_tensor(np.asarray(values) if not isinstance(values, Tensor) else values).detach()
    if flat.shape != tissue.shape:
        raise InputError(f"map {tuple(flat.shape)} on tissue {tuple(tissue.shape)}; "
                         "expected one value for each pixel")
    flat = flat.reshape(-1).to(device=tissue.device, dtype=torch.float32)
    flat = torch.where(torch.isnan(flat), torch.full_like(flat, -torch.inf), flat)
    seeded = torch.Generator().manual_seed(TIES_SEED)
    shuffle = torch.randperm(flat.numel(), generator=seeded).to(tissue.device)
    pixels = shuffle[tissue.reshape(-1)[shuffle]]
    return pixels[torch.sort(flat[pixels], descending=True, stable=True).indices]


def steps(pixels: int, count: int) -> tuple[int, ...]:
    """Up to count + 1 growing numbers of pixels, from 0 to `pixels`, that grow with the square of the step.

    A lesion fills a hundredth of a breast: with even steps of a sixteenth every map that finds it would
    look the same. The trapezoid rule takes uneven steps as they are.
    """
    if pixels < 1 or count < 1:
        raise InputError(f"{count} steps over {pixels} pixels; expected 1 or more of each")
    return tuple(sorted({math.ceil(pixels * i * i / count**2) for i in range(count + 1)}))


def prefixes(order: Tensor, sizes: tuple[int, ...], shape: tuple[int, int]) -> Tensor:
    """bool (len(sizes), h, w): for each size the pixels that come first in `order` (flat indices)."""
    place = torch.full((shape[0] * shape[1],), order.numel(), dtype=torch.int64, device=order.device)
    place[order] = torch.arange(order.numel(), device=order.device)
    return place.view(1, *shape) < torch.tensor(sizes, device=order.device).view(-1, 1, 1)


def masked(image: Tensor, content: Tensor, masks: Tensor, chunk: int = 8) -> Iterator[Tensor]:
    """Batches (B, C, h, w) of up to `chunk` images: `image`, or `content` where a mask is True.

    image, content: (1, C, h, w). masks: bool (N, h, w); the batches together are N images in their order.
    """
    for part in torch.split(masks, max(1, chunk)):
        yield torch.where(part[:, None], content, image)


def shown(image: Tensor, content: Tensor, seen: Tensor) -> Tensor:
    """(B, C, h, w): `image` as far as it is seen and `content` (both (1, C, h, w)) for the rest.

    seen: (B, h, w), bool or a share in [0, 1]; in between the two are mixed.
    """
    if seen.dtype == torch.bool:
        return torch.where(seen[:, None], image, content)
    return torch.lerp(content, image, seen[:, None].to(image))


def grid_regions(height: int, width: int, tissue: Tensor, count: int) -> Tensor:
    """int64 (h, w): square regions of the tissue numbered from 0, about `count` of them; -1 is air.

    A cell with less than a quarter of its area in the tissue joins the nearest larger one.
    """
    if tissue.shape != (height, width) or not bool(tissue.any()) or count < 1:
        raise InputError(f"tissue {tuple(tissue.shape)} of {int(tissue.sum())} pixels, {count} regions; "
                         f"expected {(height, width)}, one pixel or more and one region or more")
    mask = tissue.detach().cpu().numpy()
    side = float(np.sqrt(mask.sum() / count))
    rows, columns = np.nonzero(mask)
    cells = _cells(rows, columns, side)
    labels = np.full(mask.shape, -1, np.int64)
    labels[rows, columns] = _without_slivers(np.stack([rows, columns], 1), cells, SLIVER * side**2)
    return torch.from_numpy(labels).to(tissue.device)


def _cells(rows: np.ndarray, columns: np.ndarray, side: float) -> np.ndarray:
    """The number of the cell of each pixel; the grid is centred on the tissue's bounds."""
    axes = []
    for axis in (rows, columns):
        span = int(axis.max() - axis.min()) + 1
        cuts = max(1, round(span / side))
        axes.append(np.minimum((axis - axis.min()) * cuts // span, cuts - 1))
    return np.asarray(axes[0] * (int(axes[1].max()) + 1) + axes[1])


def _without_slivers(points: np.ndarray, cells: np.ndarray, least: float) -> np.ndarray:
    names, number, sizes = np.unique(cells, return_inverse=True, return_counts=True)
    keep = sizes >= min(least, sizes.max())
    sums = np.stack([np.bincount(number, points[:, axis], len(names)) for axis in (0, 1)], 1)
    centres = (sums / sizes[:, None])[keep]
    renamed = np.cumsum(keep) - 1
    stray = ~keep[number]
    result = renamed[number]
    if stray.any():
        away = ((points[stray][:, None] - centres[None]) ** 2).sum(-1)
        result[stray] = away.argmin(1)
    return np.asarray(result, np.int64)
