"""Which operations a gradient treats exactly: those that are linear in the image."""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor

from xaimed.attribution.deep_steps import STEPS
from xaimed.attribution.deep_walk import INSTEAD
from xaimed.errors import ModelError

JOINTLY = frozenset("""
    AccumulateGrad Add Sub Rsub Neg Sum Mean Cumsum View UnsafeView ReshapeAlias Permute Transpose T Squeeze
    Unsqueeze Expand Slice Select Split SplitWithSizes UnsafeSplit Unbind Cat Stack Index IndexSelect IndexPut Gather
    MaskedFill Where Roll Flip ConstantPadNd ReflectionPad1D ReflectionPad2D ReflectionPad3D ReplicationPad1D
    ReplicationPad2D ReplicationPad3D UpsampleNearest1D UpsampleNearest2D UpsampleNearest3D UpsampleNearestExact2D
    UpsampleLinear1D UpsampleBilinear2D UpsampleBicubic2D UpsampleTrilinear3D UpsampleBilinear2DAa PixelShuffle
    PixelUnshuffle Clone CopyBackwards CopySlices ToCopy Repeat Unfold Im2Col Col2Im Alias Diagonal AsStrided AvgPool1D
    AvgPool2D AvgPool3D AdaptiveAvgPool1D AdaptiveAvgPool2D AdaptiveAvgPool3D Tril Triu ROIAlignFunction
    GeneratedBackwardFor_torchvision_roi_align_default""".split())
PRODUCTS = frozenset("Mul Mm Bmm Mv Dot".split())
FIRST_ONLY = frozenset("Div Convolution CudnnConvolution Linear GridSampler2D GridSampler3D".split())
NORMS = frozenset("NativeBatchNorm CudnnBatchNorm MiopenBatchNorm".split())
SUMMED_PRODUCTS = frozenset("Addmm Addbmm Baddbmm Addmv".split())
OURS = frozenset(f"{step.__name__}Backward" for step in STEPS)


def check_linear(scores: Tensor) -> None:
    """Raise ModelError, with the operation's name, if anything without a rule is not linear in the image."""
    waiting, seen = [scores.grad_fn], set()
    while waiting:
        node: Any = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.name() not in OURS:
            _check(node)
        waiting.extend(following for following, _ in node.next_functions)


def _check(node: Any) -> None:
    name = _short(node.name())
    varies = [following is not None for following, _ in node.next_functions]
    if name in NORMS and node._saved_training:
        raise ModelError("a batch norm that uses the statistics of its batch has no rule in deep_lift and deep_shap: "
                         f"{INSTEAD}")
    if not (
        name in JOINTLY
        or (name in PRODUCTS and sum(varies) <= 1)
        or (name in SUMMED_PRODUCTS and sum(varies[1:]) <= 1)
        or (name in FIRST_ONLY | NORMS and not any(varies[1:]))
    ):
        raise ModelError(f"operation {name!r} is not linear and has no rule in deep_lift and deep_shap: {INSTEAD}")


def _short(name: str) -> str:
    """MulBackward0 to Mul; torch::autograd::CppNode<vision::ops::(anonymous namespace)::F> to F."""
    last: str = re.split(r"::", name)[-1].rstrip(">")
    return re.sub(r"Backward\d*$", "", last)
