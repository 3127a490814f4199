"""Work in batches: a batch that does not fit into memory is halved and tried again, and this is said once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
LOG = logging.getLogger(__name__)
# The CPU's allocator raises a plain RuntimeError, which only its text tells from others.
FULL = ("not enough memory", "can't allocate memory", "out of memory")


class Batches:
    """Calls a function on slices of a range, each of up to `size`, which is halved where memory is short.

    The size stays at what fitted, for the next call too. said: whether the warning was given.
    """

    def __init__(self, size: int) -> None:
        self.size, self.said = max(1, size), False

    def run(self, count: int, work: Callable[[slice], T]) -> list[T]:
        """The results of `work` on slices that cover range(count), in order.

        Raises what `work` raises: a batch of one that does not fit raises its out-of-memory error. `work` must
        leave nothing behind when it fails, for it is called again on the same items.
        """
        out: list[T] = []
        start = 0
        while start < count:
            part = slice(start, min(start + self.size, count))
            found = self._tried(part, work)
            if found is not None:
                out += found
                start = part.stop
        return out

    def _tried(self, part: slice, work: Callable[[slice], T]) -> list[T] | None:
        try:
            return [work(part)]
        except RuntimeError as error:
            if part.stop - part.start == 1 or not out_of_memory(error):
                raise
        # Outside the except block, so that the failed pass and its tensors are gone before the next.
        self._halve(part.stop - part.start)
        return None

    def _halve(self, size: int) -> None:
        self.size = size // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if not self.said:
            LOG.warning("a batch of %d images does not fit into memory; going on with %d or fewer", size, self.size)
            self.said = True


def held_bytes(run: Callable[[Tensor], Tensor], image: Tensor) -> int:
    """How many bytes a pass of `run` over an image (1, C, h, w) keeps for its gradient, each stored tensor once.

    A recurrent network keeps every step: hundreds of times what its weights or its image would make one expect.
    """
    held: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        held[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = run(image.detach().clone().requires_grad_())
    # The graph has to live until here: a freed storage's address would be counted for another.
    del output
    return sum(held.values())


def out_of_memory(error: RuntimeError) -> bool:
    """Whether an error says that memory is full, on a CUDA device or on the CPU."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error).lower() for words in FULL)
