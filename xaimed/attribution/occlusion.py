"""Occlusion: what the output loses where a sliding window hides the image.

Zeiler MD, Fergus R (2014) "Visualizing and understanding convolutional networks", ECCV, arXiv:1311.2901.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from xaimed.attribution.baseline import baseline
from xaimed.attribution.gradient import chunks
from xaimed.attribution.method import Map
from xaimed.attribution.perturbation import ASKED, Asked, Outputs, Perturbation
from xaimed.errors import PlanError
from xaimed.perturb import shown


@dataclass(frozen=True)
class Occlusion(Perturbation):
    """The output of the image less that with a window hidden, averaged over the windows that cover a pixel.

    window: its side as a share of the image's shorter side. stride: as a share of the window. baseline: what
    hides the image, "black", "blur", "tissue_median" or "noise". of: "score" or "similarity". seed: of the
    noise. Positive where hiding lowers the output. The last window of a row or column ends at the edge.
    """

    name: ClassVar[str] = "occlusion"
    window: float = 0.15
    stride: float = 0.5
    baseline: str = "tissue_median"
    of: Asked = "score"
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.window <= 1 or not 0 < self.stride <= 1 or self.of not in ASKED:
            raise PlanError(
                f"occlusion: window {self.window}, stride {self.stride}, of {self.of!r}; expected both shares "
                "in (0, 1], of 'score' or 'similarity'"
            )

    @property
    def asks(self) -> Asked:
        """What is explained: the scene's score or its similarity."""
        return self.of

    def maps(self, outputs: Outputs) -> list[Map]:
        """The maps of all columns; facts: windows, window (pixels), stride (pixels)."""
        image = outputs.scene.image
        side = max(1, round(self.window * min(image.shape[-2:])))
        step = max(1, round(self.stride * side))
        down, across = (_windows(int(pixels), side, step).to(image.device) for pixels in image.shape[-2:])
        losses = _losses(outputs, baseline(outputs.scene, self.baseline, self.seed), (down, across))
        total = down.T.double() @ losses @ across.double()
        covered = down.T.sum(1)[:, None] * across.sum(0)
        planes = (total / covered).float().cpu().numpy()
        facts = {"windows": float(len(down) * len(across)), "window": float(side), "stride": float(step)}
        return [Map(plane, facts) for plane in planes]


def _windows(pixels: int, side: int, step: int) -> Tensor:
    """float32 (n, pixels): 1 inside each window along an axis."""
    starts = torch.tensor([*range(0, pixels - side, step), pixels - side])[:, None]
    places = torch.arange(pixels)[None]
    return ((places >= starts) & (places < starts + side)).float()


def _losses(outputs: Outputs, content: Tensor, windows: tuple[Tensor, Tensor]) -> Tensor:
    """float64 (K, n, m): what each column of the outputs loses by each window.

    A window in which the content shows what the image shows loses nothing and is not asked for.
    """
    down, across = windows
    image = outputs.scene.image
    differs = (content != image).any(1)[0].float()
    wanted = (down @ differs @ across.T).flatten().nonzero()[:, 0]
    losses = torch.zeros(outputs.size, len(down) * len(across), dtype=torch.float64, device=image.device)
    full = outputs(image)[0].double()
    for part in chunks(len(wanted), outputs.scene.chunk):
        numbers = wanted[part]
        hidden = down[numbers // len(across)][:, :, None] * across[numbers % len(across)][:, None]
        losses[:, numbers] = (full - outputs(shown(image, content, hidden == 0)).double()).T
    # A window whose pixels are all the same as before has lost nothing, unless the output itself is not finite.
    losses += (full - full)[:, None]
    return losses.view(outputs.size, len(down), len(across))


METHOD = Occlusion
