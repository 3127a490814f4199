"""Baselines: what an image is compared with by the methods that explain a difference."""

from __future__ import annotations

import torch
from torch import Tensor

from xaimed.errors import unknown
from xaimed.perturb import FILLS, fill
from xaimed.scene import Scene

BASELINES = ("black", *FILLS)


def baseline(scene: Scene, kind: str, seed: int = 0) -> Tensor:
    """(1, C, h, w): the image that stands for "nothing to see" in a scene.

    kind: "black" (0 everywhere), or a fill of the tissue: "blur", "tissue_median" or "noise" (by seed). With
    a fill, what lies outside the tissue becomes its own median, so that a mark burned into the air counts.
    Raises NotFound for another kind.
    """
    if kind not in BASELINES:
        raise unknown("baseline", kind, BASELINES)
    image = scene.image.detach()
    if kind == "black":
        return torch.zeros_like(image)
    tissue = scene.tissue
    filled = fill(image, tissue, kind, seed) if bool(tissue.any()) else image
    if bool(tissue.all()):
        return filled
    air = image[..., ~tissue].median(dim=-1).values[..., None, None]
    return torch.where(tissue, filled, air)


def baselines(scene: Scene, kinds: tuple[str, ...], seed: int = 0) -> Tensor:
    """(K, C, h, w): one baseline a kind."""
    return torch.cat([baseline(scene, kind, seed + number) for number, kind in enumerate(kinds)])
