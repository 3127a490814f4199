"""In which layer a NaN began: the modules of a network, watched through one more pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from xaimed.scene import Scene


def nan_origin(scene: Scene) -> str:
    """Where NaN or infinity began on the way from the image to the score, in words; "" if all is finite.

    Runs the network once more, forwards and, if all of that is finite, backwards. Of the modules with a value
    that is not finite the first to finish is named; of those with a gradient that is not finite the last.
    """
    if not _finite(scene.image):
        return "began in the image"
    leaf = scene.image.detach().clone().requires_grad_()
    with torch.enable_grad(), _watched(scene) as seen:
        score = scene.score(leaf)
    broken = next((name for name, _, finite in seen if not finite), None)
    if broken is not None:
        return f"began in layer {broken}"
    if not _finite(score):
        return "began in the score, behind the last layer"
    return _gradient_origin(score, seen)


Seen = list[tuple[str, Tensor, bool]]


@contextmanager
def _watched(scene: Scene) -> Iterator[Seen]:
    """The name and output of each module as it finishes, and whether the output is finite."""
    seen: Seen = []

    def watch(name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(_: nn.Module, __: object, output: object) -> None:
            # Checked here: a later operation in place would carry its NaN back to this tensor.
            if isinstance(output, Tensor) and output.is_floating_point():
                seen.append((name, output, _finite(output)))

        return hook

    with ExitStack() as stack:
        for name, part in {**dict(scene.network.named_modules()), **scene.layers}.items():
            if name:
                stack.callback(part.register_forward_hook(watch(name)).remove)
        yield seen


def _gradient_origin(score: Tensor, seen: Seen) -> str:
    live = [(name, output) for name, output, _ in seen if output.requires_grad]
    if not live or not score.requires_grad:
        return ""
    outputs = [output for _, output in live]
    gradients: tuple[Tensor | None, ...] = torch.autograd.grad(score.sum(), outputs, allow_unused=True)
    for (name, _), gradient in zip(reversed(live), reversed(gradients), strict=True):
        if gradient is not None and not _finite(gradient):
            return f"began in the gradient behind layer {name}"
    return ""


def _finite(values: Tensor) -> bool:
    return bool(torch.isfinite(values).all())
