from __future__ import annotations

import logging

import pytest
import torch

from xaimed.attribution.memory import Batches, held_bytes, out_of_memory


def fits(limit: int, calls: list[int]) -> object:
    def work(part: slice) -> list[int]:
        calls.append(part.stop - part.start)
        if calls[-1] > limit:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: 1 TB")
        return list(range(part.start, part.stop))

    return work


def test_a_batch_is_halved_until_it_fits_and_this_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []
    batches = Batches(16)
    with caplog.at_level(logging.WARNING):
        found = batches.run(21, fits(3, calls))  # type: ignore[arg-type]
        batches.run(5, fits(3, calls))  # type: ignore[arg-type]
        batches.run(2, fits(1, calls))  # type: ignore[arg-type]
    assert [item for part in found for item in part] == list(range(21))
    assert calls[:4] == [16, 8, 4, 2]
    assert set(calls[4:-3]) <= {1, 2}, "the size stays at what fitted"
    assert batches.size == 1
    assert [record.getMessage() for record in caplog.records] == [
        "a batch of 16 images does not fit into memory; going on with 8 or fewer"
    ]


def test_one_image_that_does_not_fit_and_other_errors_are_raised() -> None:
    with pytest.raises(RuntimeError, match="allocate memory"):
        Batches(4).run(4, fits(0, []))  # type: ignore[arg-type]

    def wrong(part: slice) -> None:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        Batches(4).run(4, wrong)


def test_the_real_allocators_error_is_known() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**58, dtype=torch.uint8)
    assert out_of_memory(caught.value)
    assert out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not out_of_memory(RuntimeError("view size is not compatible"))


def test_what_a_pass_keeps_for_its_gradient_is_counted_once_a_tensor() -> None:
    image = torch.rand(1, 1, 32, 32)
    size = image.numel() * 4
    for steps in (1, 5, 40):
        def recurrent(images: torch.Tensor, steps: int = steps) -> torch.Tensor:
            for _ in range(steps):
                images = images.tanh()  # keeps its own output, and nothing else
            return images

        assert held_bytes(recurrent, image) == steps * size
    assert held_bytes(lambda images: images * images, image) == size, "one tensor that is kept twice"
    assert held_bytes(lambda images: images.detach() * 2, image) == 0
