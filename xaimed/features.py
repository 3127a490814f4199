"""Which layers of a network give a feature map: what a class activation map can be drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

POOLS = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool3d)


class Features:
    """The layers that gave a feature map (B, K, ...) of more than one cell, in the order in which they finished."""

    def __init__(self) -> None:
        self.layers: dict[str, nn.Module] = {}
        self._cells: dict[str, int] = {}

    def note(self, name: str, layer: nn.Module, output: object) -> None:
        """Keep a layer if its output is a feature map; one that runs again moves to the end."""
        if not isinstance(output, Tensor) or output.ndim not in (4, 5) or output[0, 0].numel() <= 1:
            return
        self.layers.pop(name, None)
        self.layers[name], self._cells[name] = layer, output[0, 0].numel()

    @property
    def coarsest(self) -> str:
        """The last layer of those with the fewest cells, where an image is turned into an image; "" without layers."""
        fewest = min(self._cells.values(), default=0)
        return next((name for name in reversed(self.layers) if self._cells[name] == fewest), "")


@contextmanager
def features(network: nn.Module) -> Iterator[Features]:
    """What the forward passes inside the block tell of the network's layers; no hook is left."""
    found = Features()

    def hook(name: str) -> Callable[[nn.Module, object, object], None]:
        return lambda layer, _, output: found.note(name, layer, output)

    handles = [part.register_forward_hook(hook(name)) for name, part in network.named_modules()
               if name and not isinstance(part, POOLS)]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
