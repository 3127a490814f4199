"""The oracle: the order of superpixels that a greedy search of the model itself would choose, as the ceiling of a map.

It asks the model which region to take next, so no map made without that search should do better by more than the
size of a region allows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xaimed.metrics.removal import Removal, Sweep
from xaimed.perturb import grid_regions
from xaimed.types import Floats

Search = Callable[[Tensor], NDArray[np.float64]]


@dataclass(frozen=True)
class Oracle:
    """The search. regions: about how many superpixels. rounds: how often all that are left are tried again.

    One round tries each region alone; as many rounds as regions is the full greedy search. fill: what a region is
    replaced by during the search.
    """

    regions: int = 48
    rounds: int = 8
    fill: str = "tissue_median"

    def maps(self, removal: Removal) -> tuple[Floats, ...]:
        """Two maps float32 (h, w): the best order of removal and the best order of putting back; none if impossible."""
        if not removal.possible:
            return ()
        scene = removal.scene
        height, width = scene.tissue.shape
        labels = grid_regions(height, width, scene.tissue, self.regions)
        image, content = scene.image.detach(), removal.filled(Sweep(self.fill))[0]
        removed = self._ranks(labels, lambda masks: -removal.similar(image, masks, content))
        restored = self._ranks(labels, lambda masks: removal.similar(content, masks, image))
        return removed, restored

    def _ranks(self, labels: Tensor, gain: Search) -> Floats:
        """float32 (h, w): a region is higher the earlier it is taken; air is 0, the last region 1."""
        left = np.arange(int(labels.max()) + 1)
        taken = torch.zeros_like(labels, dtype=torch.bool)
        ranks = torch.zeros(labels.shape, dtype=torch.float32, device=labels.device)
        for turn in range(self.rounds):
            if not len(left):
                break
            regions = labels == torch.from_numpy(left).to(labels.device)[:, None, None]
            found = gain(regions | taken) - gain(taken[None])
            order = np.argsort(-found / regions.flatten(1).sum(1).cpu().numpy(), kind="stable")
            count = math.ceil(len(left) / (self.rounds - turn))
            for place, region in enumerate(order[:count]):
                ranks[regions[int(region)]] = float(len(left) - place)
                taken = taken | regions[int(region)]
            left = np.sort(left[order[count:]])
        return np.asarray(ranks.cpu().numpy())
