"""Scene: everything that an attribution method or an explanation metric knows of a model.

The task of the model ends here. A class of a classifier, a box of a detector and a missed lesion are all
one image and one scalar function of it; no method has a special case for any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from xaimed.types import Floats


@dataclass(frozen=True, eq=False)
class Stages:
    """How K scores come about in two stages, of which the first is the same for all and holds nearly all the work.

    features: (B, C, h, w) to a tuple of feature maps (B, N, h', w'). uses: for each scene the index of the one map
    that its score depends on. score: copies (M, N, h', w') of one map and M scenes that use it to (M,), row i being
    the score of scene i of the list from copy i: no copy meets another, so one backward pass gives every gradient.
    """

    features: Callable[[Tensor], tuple[Tensor, ...]]
    uses: tuple[int, ...]
    score: Callable[[Tensor, Sequence[int]], Tensor]


@dataclass(frozen=True, eq=False)
class Joint:
    """What the K scenes of one image share, so that one pass serves them all.

    scores: (B, C, h, w) to (B, K), differentiable; column k is the score of scene k, as its own `score` gives it.
    similarities: (B, C, h, w) to (B, K) in [0, 1] without gradient, likewise. size: K. stages: the same scores in two
    stages, or None where the model has no such parts.
    """

    scores: Callable[[Tensor], Tensor]
    similarities: Callable[[Tensor], Tensor]
    size: int
    stages: Stages | None = None


@dataclass(frozen=True, eq=False)
class Scene:
    """One image as the network sees it, and the scalar to explain.

    case, target: names, such as "mdb001" and "d0" (a detection), "m0" (a missed lesion) or a class.
    image: (1, C, h, w) float32, or (1, C, d, h, w) for a volume, whose tissue, lesion, feature maps and place then have
    d and its like before h as well; for a box, the window of the network's input that its score depends on.
    tissue: bool (h, w). lesion: bool (h, w), the reference lesion on the window, or None.
    score: (B, C, h, w) to (B,), differentiable, on the logit scale, for any batch size.
    similarity: (B, C, h, w) to (B,) in [0, 1] without gradient: how much of the prediction is left.
    network: the module, in eval mode. layers: modules whose output is a feature map (B, K, h', w').
    place: float32 (h, w) on the window to float32 (H, W) in original pixels, 0 outside. spread: the same for values
    that add up to a whole, whose sum it keeps; None where `place` does.
    chunk: how many images one forward pass may hold.
    joint, column: what the scenes of one image share, with this scene's place in it; None where each scene has its
    own image. Scenes with the same `joint` object have the same `image`, `tissue`, `network` and `layers`.
    layer: the name among `layers` that a CAM takes by itself; "" stands for the last.
    evidence: (B, C, h, w) to (B, h, w) without gradient: the map that the network itself gives for the target, positive
    where a place speaks for it; None for a network that gives none.
    """

    case: str
    target: str
    image: Tensor
    tissue: Tensor
    score: Callable[[Tensor], Tensor]
    similarity: Callable[[Tensor], Tensor]
    network: nn.Module
    layers: Mapping[str, nn.Module]
    place: Callable[[Floats], Floats]
    lesion: Tensor | None = None
    chunk: int = 8
    joint: Joint | None = None
    column: int = 0
    layer: str = ""
    evidence: Callable[[Tensor], Tensor] | None = None
    spread: Callable[[Floats], Floats] | None = None

    def laid(self, values: Floats, additive: bool = False) -> Floats:
        """float32 (H, W) in original pixels: values (h, w) on the window; of additive ones the sum stays."""
        return ((additive and self.spread) or self.place)(values)
