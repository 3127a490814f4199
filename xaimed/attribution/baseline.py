"""Baselines: what an image is compared with by the methods that explain a difference."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from xaimed.errors import InputError, unknown
from xaimed.perturb import FILLS, fill
from xaimed.scene import Scene

BASELINES = ("black", *FILLS)


class Background:
    """Images (K, C, h, w) or volumes to compare with, on the network's input; its repr names them by digest."""

    def __init__(self, images: Tensor) -> None:
        if images.ndim not in (4, 5) or not len(images) or not bool(torch.isfinite(images).all()):
            raise InputError(f"background {tuple(images.shape)}; expected finite images (K, C, h, w), K >= 1")
        self.images = images.detach()

    def __repr__(self) -> str:
        digest = hashlib.sha256(self.images.cpu().contiguous().numpy().tobytes()).hexdigest()
        return f"Background({len(self.images)} images, {digest[:12]})"

    def fitting(self, scene: Scene) -> Tensor:
        """The images on the scene's device. Raises InputError unless they have the scene's channels and size."""
        if self.images.shape[1:] != scene.image.shape[1:]:
            raise InputError(f"background {tuple(self.images.shape)} for an image {tuple(scene.image.shape)}; "
                             "expected the same channels and size")
        return self.images.to(scene.image)


def baseline(scene: Scene, kind: str, seed: int = 0) -> Tensor:
    """(1, C, h, w): the image that stands for "nothing to see" in a scene.

    kind: "black" (0 everywhere), or a fill of the tissue: "blur", "tissue_median" or "noise" (by seed). With
    a fill, what lies outside the tissue becomes its own median, so that a mark burned into the air counts.
    A volume is filled slice by slice, since its slices may be thicker than its pixels. Raises NotFound for another
    kind.
    """
    if kind not in BASELINES:
        raise unknown("baseline", kind, BASELINES)
    image = scene.image.detach()
    if kind == "black":
        return torch.zeros_like(image)
    if image.ndim == 5:
        planes = zip(image.unbind(2), scene.tissue, strict=True)
        return torch.stack([_filled(plane, inside, kind, seed + z) for z, (plane, inside) in enumerate(planes)], dim=2)
    return _filled(image, scene.tissue, kind, seed)


def _filled(image: Tensor, tissue: Tensor, kind: str, seed: int) -> Tensor:
    filled = fill(image, tissue, kind, seed) if bool(tissue.any()) else image
    if bool(tissue.all()):
        return filled
    air = image[..., ~tissue].median(dim=-1).values[..., None, None]
    return torch.where(tissue, filled, air)


def baselines(scene: Scene, kinds: tuple[str, ...], seed: int = 0) -> Tensor:
    """(K, C, h, w): one baseline a kind."""
    return torch.cat([baseline(scene, kind, seed + number) for number, kind in enumerate(kinds)])
