"""D-RISE: how much more of a detection is left where a pixel is seen, over random masks.

Petsiuk V et al. (2021) "Black-box explanation of object detectors via saliency maps", CVPR, arXiv:2006.03204.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xaimed.attribution.perturbation import Asked
from xaimed.attribution.rise import RISE


@dataclass(frozen=True)
class DRISE(RISE):
    """RISE of the similarity IoU * objectness * cosine of the classes: proposals are made again under every mask.

    The boxes of one image share the masked images. masks, error, cells, keep, baseline, of, seed: as for RISE; a
    detector that loses every box under half of the image needs a larger `keep`. The paper's grid of 16 cells
    suits small boxes on a whole image; the masks that the same standard error takes grow with the cells.
    """

    name: ClassVar[str] = "d_rise"
    of: Asked = "similarity"


METHOD = DRISE
