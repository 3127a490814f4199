"""Small networks with known answers, and scenes made of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from xaimed.scene import Scene

SIZE = 16


class Linear(nn.Module):
    """The sum of weight times image, plus a bias."""

    def __init__(self, size: int = SIZE) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.weight = nn.Parameter(torch.randn(1, size, size, generator=generator))

    def forward(self, images: Tensor) -> Tensor:
        return ((images * self.weight).sum((1, 2, 3)) + 0.7)[:, None]


class Wrapped(nn.Module):
    """A plain function (B, C, h, w) to (B,) as a network with one logit."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> Tensor:
        return self.function(images)[:, None]


def small_cnn(channels: int = 1, inplace: bool = False, viewed: bool = False, seed: int = 0) -> nn.Module:
    """Two convolutions with normalisation and pooling, and three logits."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(channels, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=inplace),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1),
        nn.ReLU(inplace=inplace),
        nn.Dropout(0.5),
        Rows() if viewed else nn.Flatten(),
        nn.Linear(8 * (SIZE // 2) ** 2, 3),
    )
    net[1].running_mean.uniform_(-0.5, 0.5)
    net[1].running_var.uniform_(0.5, 1.5)
    return net.eval()


class Rows(nn.Module):
    """Rows by `view`, which fails in the channels-last layout."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.view(maps.shape[0], -1)


def images(count: int = 2, channels: int = 1, size: int = SIZE, seed: int = 3) -> Tensor:
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(seed))


def scene(
    network: nn.Module, image: Tensor, target: int = 0, tissue: Tensor | None = None, chunk: int = 8
) -> Scene:
    def score(batch: Tensor) -> Tensor:
        return network(batch)[:, target]

    return Scene(
        case="case",
        target=str(target),
        image=image,
        tissue=torch.ones(image.shape[2:], dtype=torch.bool) if tissue is None else tissue,
        score=score,
        similarity=lambda batch: score(batch).detach().sigmoid(),
        network=network,
        layers={name: part for name, part in network.named_modules() if isinstance(part, nn.Conv2d)},
        place=lambda values: values,
        chunk=chunk,
        evidence=lambda batch: batch.mean(1) * score(batch).detach()[:, None, None],
    )
