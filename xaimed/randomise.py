"""Networks that forget what they learnt, for as long as a with-block lasts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from xaimed.scene import Scene


def execution_order(scene: Scene) -> list[nn.Module]:
    """The modules of the scene's network that hold weights, in the order in which its score runs them.

    Modules that the score does not run (the proposals of a detector) come last.
    """
    holders = [part for part in scene.network.modules() if _tensors(part)]
    ran: dict[nn.Module, None] = {}

    def note(module: nn.Module, _: object) -> None:
        ran.setdefault(module)

    handles = [part.register_forward_pre_hook(note) for part in holders]
    try:
        with torch.no_grad():
            scene.score(scene.image)
    finally:
        for handle in handles:
            handle.remove()
    return [*ran, *(part for part in holders if part not in ran)]


@contextmanager
def randomised(modules: Sequence[nn.Module], seed: int) -> Iterator[None]:
    """The modules with every weight re-drawn from its own spread; afterwards bit for bit as they were.

    Matrices and kernels become normal noise round 0 with the root mean square that they had; vectors (biases,
    and the scales and running statistics of batch norm, frozen ones too) are permuted so that none stays in
    its place, and a vector of one value becomes normal noise of its size. The same seed gives the same
    weights on every device.
    """
    tensors = list({id(tensor): tensor for module in modules for tensor in _tensors(module)}.values())
    kept = [tensor.detach().clone() for tensor in tensors]
    generator = torch.Generator().manual_seed(seed)
    try:
        with torch.no_grad():
            for tensor in tensors:
                tensor.copy_(_redrawn(tensor, generator))
        yield
    finally:
        with torch.no_grad():
            for tensor, before in zip(tensors, kept, strict=True):
                tensor.copy_(before)


def _tensors(module: nn.Module) -> list[Tensor]:
    """The module's own parameters and learnt statistics; other buffers (grids, positions) are not learnt."""
    own: list[Tensor] = list(module.parameters(recurse=False))
    if hasattr(module, "running_var"):
        own += [buffer for buffer in module.buffers(recurse=False) if buffer.is_floating_point()]
    return own


def _redrawn(tensor: Tensor, generator: torch.Generator) -> Tensor:
    if tensor.ndim >= 2:
        noise = torch.randn(tensor.shape, generator=generator).to(tensor)
        return noise * tensor.float().square().mean().sqrt().to(tensor)
    if tensor.numel() == 1:
        return tensor * torch.randn(tensor.shape, generator=generator).to(tensor)
    # One random cycle (Sattolo): unlike any permutation, it leaves no value in its place.
    order = torch.randperm(tensor.numel(), generator=generator).to(tensor.device)
    found = torch.empty_like(tensor)
    found[order] = tensor[order.roll(1)]
    return found
