"""Kernel SHAP: what each region of the image adds to the score, on average over what else is seen.

Lundberg SM, Lee SI (2017) "A unified approach to interpreting model predictions", NeurIPS, arXiv:1705.07874.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from xaimed.attribution.baseline import baseline
from xaimed.attribution.gradient import chunks, plain_scores
from xaimed.attribution.integrated_gradients import completeness_error
from xaimed.attribution.method import Map, Method
from xaimed.attribution.shapley import Coalitions, Values, shapley_values
from xaimed.errors import PlanError
from xaimed.perturb import grid_regions
from xaimed.scene import Scene

REGIONS = ("slic", "grid")


@dataclass(frozen=True)
class KernelSHAP(Method):
    """Shapley values of regions, each spread evenly over its pixels: the sum is f_input - f_baseline.

    regions: about how many in the tissue; what lies outside it is one more where the baseline differs there.
    evaluations: how many masked images at most; exact where 2**regions is no more than that. shape: "slic",
    superpixels that follow edges, or "grid". baseline: "black", "blur", "tissue_median" or "noise". seed: of
    the coalitions drawn.
    """

    name: ClassVar[str] = "kernel_shap"
    additive: ClassVar[bool] = True
    regions: int = 48
    evaluations: int = 256
    shape: Literal["slic", "grid"] = "slic"
    baseline: str = "blur"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.regions < 1 or self.evaluations < 4 or self.shape not in REGIONS:
            raise PlanError(
                f"kernel_shap: regions {self.regions}, evaluations {self.evaluations}, "
                f"shape {self.shape!r}; expected regions >= 1, evaluations >= 4, shape 'slic' or 'grid'"
            )

    def compute(self, scene: Scene) -> Map:
        """The map of one scene; facts: regions, exact (1 or 0), f_input, f_baseline, completeness_error."""
        content = baseline(scene, self.baseline, self.seed)
        labels = _labels(scene, content, self.regions, self.shape)
        players = int(labels.max()) + 1
        game = _Game(scene, content, labels)
        values = shapley_values(game, players, self.evaluations, self.seed)
        sizes = torch.bincount(labels.flatten(), minlength=players).cpu().numpy()
        plane = (values / sizes)[labels.cpu().numpy()].astype(np.float32)
        facts = {
            "regions": float(players),
            "exact": float(players == 1 or 2**players <= self.evaluations),
            "completeness_error": completeness_error(torch.from_numpy(plane), game.full - game.empty),
            "f_input": game.full,
            "f_baseline": game.empty,
        }
        few = self.evaluations < 2 * players and not facts["exact"]
        return Map(plane, facts, f"{self.evaluations} evaluations for {players} regions" if few else "")


class _Game:
    """Coalitions of regions to scores: who takes part shows the image, the others the baseline."""

    def __init__(self, scene: Scene, content: Tensor, labels: Tensor) -> None:
        self.scene, self.content, self.labels = scene, content, labels
        self.full = self.empty = float("nan")

    def __call__(self, members: Coalitions) -> Values:
        seen = torch.from_numpy(members).to(self.labels.device)
        scores = [
            plain_scores(self.scene, self._shown(seen[part])) for part in chunks(len(seen), self.scene.chunk)
        ]
        worth = torch.cat(scores).double().cpu().numpy()
        for row, value in zip(members, worth, strict=True):
            if row.all():
                self.full = float(value)
            elif not row.any():
                self.empty = float(value)
        return np.asarray(worth, np.float64)

    def _shown(self, seen: Tensor) -> Tensor:
        return torch.where(seen[:, self.labels][:, None], self.scene.image, self.content)


def _labels(scene: Scene, content: Tensor, count: int, shape: str) -> Tensor:
    """int64 (h, w): regions numbered from 0 without gaps; every pixel belongs to one."""
    tissue = scene.tissue
    if not bool(tissue.any()):
        return torch.zeros(tissue.shape, dtype=torch.int64, device=tissue.device)
    labels = (
        _superpixels(scene, count)
        if shape == "slic"
        else grid_regions(tissue.shape[0], tissue.shape[1], tissue, count)
    )
    differs = (content != scene.image).any(dim=1)[0]
    # Where the baseline shows the same, a pixel can belong to any region: it changes no score.
    outside = int(labels.max()) + 1 if bool((differs & (labels < 0)).any()) else 0
    return torch.where(labels < 0, outside, labels)


def _superpixels(scene: Scene, count: int) -> Tensor:
    from skimage.segmentation import slic

    planes = scene.image[0].float().cpu().numpy()
    mask = scene.tissue.cpu().numpy()
    low, high = float(planes[:, mask].min()), float(planes[:, mask].max())
    scaled = (planes - low) / max(high - low, 1e-12)
    # Grain would tear the superpixels apart; a twelfth of their side smooths it away.
    sigma = float(np.sqrt(mask.sum() / count)) / 12
    found = slic(
        scaled, n_segments=count, compactness=0.1, sigma=sigma, channel_axis=0, mask=mask, start_label=0
    )
    names = np.unique(found[found >= 0])
    renamed = np.where(found >= 0, np.searchsorted(names, found), -1).astype(np.int64)
    return torch.from_numpy(renamed).to(scene.tissue.device)


METHOD = KernelSHAP
