"""Regions of an image as players of a game: who takes part shows the image, the others the baseline."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from xaimed.attribution.baseline import baseline
from xaimed.attribution.gradient import chunks
from xaimed.attribution.integrated_gradients import completeness_error
from xaimed.attribution.kriging import Group, Prior
from xaimed.attribution.method import Map
from xaimed.attribution.perturbation import Outputs
from xaimed.attribution.shapley import Coalitions, Values
from xaimed.perturb import grid_regions, shown
from xaimed.scene import Scene

Shape = Literal["slic", "grid"]
SHAPES = ("slic", "grid")


class Regions:
    """The game of an image's regions, for every column of the outputs.

    labels: int64 (h, w), numbered from 0 without gaps; every pixel belongs to one. full, empty: float64 (K,),
    the outputs of the image and of the baseline once they were asked for, NaN before.
    """

    def __init__(self, outputs: Outputs, content: Tensor, labels: Tensor) -> None:
        self.outputs, self.content, self.labels = outputs, content, labels
        self.players = int(labels.max()) + 1
        self.full = self.empty = np.full(outputs.size, np.nan)

    def __call__(self, members: Coalitions) -> Values:
        """float64 (N, K): the outputs of coalitions, bool (N, players)."""
        worth = np.concatenate([self._worth(members[part])
                                for part in chunks(len(members), self.outputs.scene.chunk)])
        for row, value in zip(members, worth, strict=True):
            if row.all():
                self.full = value
            elif not row.any():
                self.empty = value
        return worth

    def _worth(self, members: Coalitions) -> Values:
        seen = torch.from_numpy(members).to(self.labels.device)[:, self.labels]
        images = shown(self.outputs.scene.image, self.content, seen)
        return np.asarray(self.outputs(images).double().cpu().numpy())

    def map(self, values: Values, column: int, exact: bool) -> Map:
        """The map of one column's values (players,), each spread evenly over its region.

        Facts: regions, exact (1 or 0), completeness_error, f_input, f_baseline.
        """
        sizes = np.bincount(self.labels.flatten().cpu().numpy(), minlength=self.players)
        plane = (values / sizes)[self.labels.cpu().numpy()].astype(np.float32)
        full, empty = float(self.full[column]), float(self.empty[column])
        facts = {"regions": float(self.players), "exact": float(exact), **additive_facts(plane, full, empty)}
        return Map(plane, facts)


def additive_facts(plane: np.ndarray, full: float, empty: float) -> dict[str, float]:
    """completeness_error, f_input and f_baseline of a map that promises the sum full - empty."""
    error = completeness_error(torch.from_numpy(plane), full, empty)
    return {"completeness_error": error, "f_input": full, "f_baseline": empty}


def regions(outputs: Outputs, kind: str, seed: int, cut: tuple[int, Shape]) -> Regions:
    """The game of about so many regions of the tissue, against a baseline; cut: their number and shape."""
    content = baseline(outputs.scene, kind, seed)
    return Regions(outputs, content, region_labels(outputs.scene, content, cut))


def region_labels(scene: Scene, content: Tensor, cut: tuple[int, Shape]) -> Tensor:
    """int64 (h, w): regions numbered from 0 without gaps; every pixel belongs to one.

    Where fewer than half of the superpixels come out, as in noise without any shape, a grid takes their place. What
    lies outside the tissue is one more where the content differs there from the image.
    """
    tissue, (count, shape) = scene.tissue, cut
    if not bool(tissue.any()):
        return torch.zeros(tissue.shape, dtype=torch.int64, device=tissue.device)
    labels = _superpixels(scene, count) if shape == "slic" else None
    if labels is None or int(labels.max()) + 1 < count / 2:
        labels = grid_regions(tissue.shape[0], tissue.shape[1], tissue, count)
    differs = (content != scene.image).any(dim=1)[0]
    # Where the baseline shows the same, a pixel can belong to any region: it changes no score.
    outside = int(labels.max()) + 1 if bool((differs & (labels < 0)).any()) else 0
    return torch.where(labels < 0, outside, labels)


def priors(labels: Tensor) -> list[Prior]:
    """How regions (h, w) may act together: those that meet at a point, a region and its neighbours, or all."""
    grid = labels.cpu().numpy()
    corners = np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]], axis=-1).reshape(-1, 4)
    meeting = [np.unique(row) for row in np.unique(np.sort(corners, axis=1), axis=0)]
    touching = np.eye(int(grid.max()) + 1, dtype=bool)
    for some in meeting:
        touching[np.ix_(some, some)] = True
    kinds = ((meeting, 0.3), (map(np.flatnonzero, touching), 0.5), ([np.arange(len(touching))], 0.9))
    # The odd part of a game of two players is that of their single gains.
    found = [Prior([group for group in _distinct(groups) if len(group) > 2], alike) for groups, alike in kinds]
    return [prior for prior in found if prior.groups]


def _distinct(groups: Iterable[Group]) -> list[Group]:
    return list({group.tobytes(): group for group in groups}.values())


def _superpixels(scene: Scene, count: int) -> Tensor:
    from skimage.segmentation import slic

    planes = scene.image[0].float().cpu().numpy()
    mask = scene.tissue.cpu().numpy()
    low, high = float(planes[:, mask].min()), float(planes[:, mask].max())
    scaled = (planes - low) / max(high - low, 1e-12)
    # The distance of two colours is summed over the planes: grey is to be cut alike on one plane and on three.
    compactness = 0.1 * float(np.sqrt(len(planes)))
    # Grain would tear the superpixels apart; a twelfth of their side smooths it away.
    sigma = float(np.sqrt(mask.sum() / count)) / 12
    found = slic(scaled, n_segments=count, compactness=compactness, sigma=sigma, channel_axis=0, mask=mask,
                 start_label=0, convert2lab=False)
    names = np.unique(found[found >= 0])
    renamed = np.where(found >= 0, np.searchsorted(names, found), -1).astype(np.int64)
    return torch.from_numpy(renamed).to(scene.tissue.device)
