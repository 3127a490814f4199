"""Context managers that look into a network and leave no trace, on success and on failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from xaimed.errors import ModelError


@contextmanager
def frozen(module: nn.Module) -> Iterator[nn.Module]:
    """The module in eval mode with every parameter's requires_grad off; afterwards each flag is as it was.

    A network with recurrent layers runs without cuDNN meanwhile, whose backward pass needs training mode.
    """
    modes = [(part, part.training) for part in module.modules()]
    flags = [(weight, weight.requires_grad) for weight in module.parameters()]
    with ExitStack() as stack:
        if any(isinstance(part, nn.RNNBase) for part, _ in modes):
            stack.enter_context(_without_cudnn())
        try:
            for part, _ in modes:
                part.training = False
            for weight, _ in flags:
                weight.requires_grad = False
            yield module
        finally:
            for part, mode in modes:
                part.training = mode
            for weight, flag in flags:
                weight.requires_grad = flag


def versions(module: nn.Module) -> int:
    """A number that grows whenever a weight or a buffer of the module is written to."""
    return sum(tensor._version for tensor in (*module.parameters(), *module.buffers()))


@contextmanager
def seeds_kept(device: torch.device) -> Iterator[None]:
    """Random numbers drawn inside, on the CPU or on `device`, are given back afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


@contextmanager
def _without_cudnn() -> Iterator[None]:
    before = torch.backends.cudnn.enabled
    torch.backends.cudnn.enabled = False
    try:
        yield
    finally:
        torch.backends.cudnn.enabled = before


@contextmanager
def channels_last(module: nn.Module) -> Iterator[nn.Module]:
    """The module with the weights of its 2-D convolutions in channels-last order; afterwards as they were.

    The values are the same; convolutions on a CPU then run up to twice as fast. A network that calls
    `view` on a feature map raises a RuntimeError in this layout.
    """
    moved = []
    try:
        for part in module.modules():
            if isinstance(part, nn.Conv2d | nn.ConvTranspose2d) and part.weight.ndim == 4:
                moved.append((part.weight, part.weight.data))
                part.weight.data = part.weight.data.contiguous(memory_format=torch.channels_last)
        yield module
    finally:
        for weight, data in moved:
            weight.data = data


class Captured:
    """The output of a layer in its last forward pass, and how often the layer ran."""

    def __init__(self, name: str) -> None:
        self.name, self.runs = name, 0
        self._value: Tensor | None = None

    @property
    def value(self) -> Tensor:
        """The live tensor, part of the graph of what followed. Raises ModelError if the layer did not run."""
        if self._value is None:
            raise ModelError(
                f"layer {self.name} did not run in the forward pass; choose a layer that the score uses"
            )
        return self._value

    def hold(self, value: object) -> Tensor:
        """Keep `value` and return a copy for the rest of the network, which may change it in place."""
        if not isinstance(value, Tensor):
            raise ModelError(
                f"layer {self.name} gives {type(value).__name__}; expected one tensor: "
                "choose a layer inside it"
            )
        self.runs += 1
        # With frozen parameters the graph starts here, so nothing before the layer is kept in memory.
        self._value = value
        if not value.requires_grad and value.is_floating_point():
            self._value = value.detach().requires_grad_()
        return self._value.clone()


@contextmanager
def captured(layer: nn.Module, name: str = "") -> Iterator[Captured]:
    """A holder whose `.value` is the layer's output of the last forward pass, ready for torch.autograd.grad.

    The rest of the network gets a copy, so that an in-place operation behind the layer changes nothing here.
    """
    holder = Captured(name or type(layer).__name__)

    def hook(_: nn.Module, __: object, output: object) -> Tensor:
        return holder.hold(output)

    handle = layer.register_forward_hook(hook)
    try:
        yield holder
    finally:
        handle.remove()
