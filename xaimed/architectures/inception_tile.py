"""Inception-v3 as a classifier of histology tiles, whose scores are averaged over a slide.

Szegedy C et al. (2016) "Rethinking the Inception architecture for computer vision", arXiv:1512.00567, without the
auxiliary classifier; Coudray N et al. (2018) "Classification and mutation prediction from non-small cell lung cancer
histopathology images using deep learning", doi:10.1038/s41591-018-0177-5, for tiles and slides. With size "full" and
three channels it is the published network for tiles of 299 pixels. "small" is ours for tiles of 64 pixels and more: a
quarter of the widths, one block of each kind and a padded stem that halves only once.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaimed.architectures.shapes import expect
from xaimed.errors import ModelError

Side = tuple[int, int]


class Unit(nn.Sequential):
    """A convolution without bias, BatchNorm and ReLU; kernel: height and width."""

    def __init__(self, inputs: int, outputs: int, kernel: Side = (1, 1), stride: int = 1, same: bool = True) -> None:
        padding = (kernel[0] // 2, kernel[1] // 2) if same else (0, 0)
        super().__init__(nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False),
                         nn.BatchNorm2d(outputs, eps=0.001), nn.ReLU())


class Branches(nn.Module):
    """The joined channels of branches that all see the same map."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, sum of the branches' channels, h', w')."""
        return torch.cat([branch(maps) for branch in self.branches], dim=1)


def block_a(inputs: int, pooled: int, w: int) -> nn.Module:
    """35 x 35 cells: kernels 1, 5 and twice 3; w: sixteenths of the widths, 16 being the published ones."""
    a, b, c = 4 * w, 3 * w, 6 * w
    return Branches(
        Unit(inputs, a), nn.Sequential(Unit(inputs, b), Unit(b, a, (5, 5))),
        nn.Sequential(Unit(inputs, a), Unit(a, c, (3, 3)), Unit(c, c, (3, 3))),
        nn.Sequential(nn.AvgPool2d(3, 1, 1), Unit(inputs, pooled)))


def block_b(inputs: int, w: int) -> nn.Module:
    """From 35 x 35 to 17 x 17 cells."""
    a, c, e = 4 * w, 6 * w, 24 * w
    return Branches(
        Unit(inputs, e, (3, 3), 2, False),
        nn.Sequential(Unit(inputs, a), Unit(a, c, (3, 3)), Unit(c, c, (3, 3), 2, False)), nn.MaxPool2d(3, 2))


def block_c(inputs: int, middle: int, w: int) -> nn.Module:
    """17 x 17 cells: kernels 7 in two steps, 1 x 7 and 7 x 1."""
    e, m, row, column = 12 * w, middle, (1, 7), (7, 1)
    return Branches(
        Unit(inputs, e), nn.Sequential(Unit(inputs, m), Unit(m, m, row), Unit(m, e, column)),
        nn.Sequential(Unit(inputs, m), Unit(m, m, column), Unit(m, m, row), Unit(m, m, column), Unit(m, e, row)),
        nn.Sequential(nn.AvgPool2d(3, 1, 1), Unit(inputs, e)))


def block_d(inputs: int, w: int) -> nn.Module:
    """From 17 x 17 to 8 x 8 cells."""
    e, f = 12 * w, 20 * w
    return Branches(
        nn.Sequential(Unit(inputs, e), Unit(e, f, (3, 3), 2, False)),
        nn.Sequential(Unit(inputs, e), Unit(e, e, (1, 7)), Unit(e, e, (7, 1)), Unit(e, e, (3, 3), 2, False)),
        nn.MaxPool2d(3, 2))


def block_e(inputs: int, w: int) -> nn.Module:
    """8 x 8 cells: kernels 3 that part into 1 x 3 and 3 x 1."""
    e, g, h = 12 * w, 24 * w, 28 * w
    return Branches(
        Unit(inputs, 20 * w), nn.Sequential(Unit(inputs, g), Branches(Unit(g, g, (1, 3)), Unit(g, g, (3, 1)))),
        nn.Sequential(Unit(inputs, h), Unit(h, g, (3, 3)), Branches(Unit(g, g, (1, 3)), Unit(g, g, (3, 1)))),
        nn.Sequential(nn.AvgPool2d(3, 1, 1), Unit(inputs, e)))


def stem(channels: int, w: int, full: bool) -> nn.Module:
    """The layers before the blocks: a stride of 8 as published, or of 2."""
    a, b, c, d = 2 * w, 4 * w, 5 * w, 12 * w
    pool = nn.MaxPool2d(3, 2) if full else nn.Identity()
    return nn.Sequential(
        Unit(channels, a, (3, 3), 2, not full), Unit(a, a, (3, 3), 1, not full), Unit(a, b, (3, 3)), pool,
        Unit(b, c), Unit(c, d, (3, 3), 1, not full), pool)


class InceptionTile(nn.Module):
    """Logits (B, outputs) of tiles (B, channels, h, w)."""

    def __init__(self, outputs: int, channels: int, full: bool, dropout: float) -> None:
        super().__init__()
        w = 16 if full else 4
        mixed = [block_a(12 * w, 2 * w, w), block_a(16 * w, 4 * w, w), block_a(18 * w, 4 * w, w)]
        middle = [block_c(48 * w, m * w, w) for m in (8, 10, 10, 12)]
        top = [block_e(80 * w, w), block_e(128 * w, w)]
        if not full:
            mixed, middle, top = [block_a(12 * w, 4 * w, w)], middle[:1], top[:1]
        self.channels = channels
        self.stem = stem(channels, w, full)
        self.mixed = nn.Sequential(*mixed, block_b(18 * w, w), *middle, block_d(48 * w, w), *top)
        self.dropout, self.linear = nn.Dropout(dropout), nn.Linear(128 * w, outputs)

    def forward(self, tiles: Tensor) -> Tensor:
        """The logits. Raises ModelError for tiles of other channels."""
        expect("inception_tile", tiles, self.channels)
        maps = self.mixed(self.stem(tiles))
        logits: Tensor = self.linear(self.dropout(maps.mean(dim=(2, 3))))
        return logits


def tile_shares(logits: Tensor, exclusive: bool = True) -> Tensor:
    """(T, classes): what each tile gives to the score of its slide, the probabilities of its logits by the number T.

    Their sum over tiles is the score, exactly; so is the sum of the tiles' attributions, each divided by T, that of the
    slide. exclusive: softmax for one class a tile; otherwise sigmoid, for several mutations at once. Raises ModelError
    for a slide without a tile.
    """
    if logits.ndim != 2 or not len(logits):
        raise ModelError(f"a slide of logits {tuple(logits.shape)}; expected (tiles, classes), one tile or more")
    return (functional.softmax(logits, dim=1) if exclusive else torch.sigmoid(logits)) / len(logits)


def slide_scores(logits: Tensor, exclusive: bool = True) -> Tensor:
    """(classes,): the score of a slide, the mean over its tiles of the probabilities of their logits (T, classes)."""
    return tile_shares(logits, exclusive).sum(dim=0)


def positive_share(logits: Tensor) -> Tensor:
    """(classes,): the share of tiles whose highest logit of (T, classes) is that of the class."""
    return functional.one_hot(logits.argmax(dim=1), logits.shape[1]).to(logits).mean(dim=0)


def build(outputs: int = 3, channels: int = 3, size: str = "small", dropout: float = 0.5) -> nn.Module:
    """The network. size: "small" or "full"; else ModelError."""
    if size not in ("small", "full"):
        raise ModelError(f"inception_tile: size {size!r}; expected 'small' or 'full'")
    return InceptionTile(outputs, channels, size == "full", dropout)
