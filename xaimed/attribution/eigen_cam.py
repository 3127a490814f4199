"""Eigen-CAM: a feature map projected on its first principal direction.

Muhammad MB, Yeasin M (2020) "Eigen-CAM: class activation map using principal components", IJCNN,
arXiv:2008.00299.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from xaimed.attribution.gradient_free import GradientFreeCam
from xaimed.attribution.held import Held


@dataclass(frozen=True)
class EigenCAM(GradientFreeCam):
    """Eigen-CAM at a layer. It is not class-discriminative: every target of an image has the same map.

    A principal direction has no sign of its own; it is the one in which the positive part of the map is the larger: on
    a layer behind a ReLU, where the map has one sign, the map is positive. centred: subtract each channel's mean over
    the cells first, as pytorch-grad-cam does; False is as published. Fact explained: the share of the feature map's
    energy in that direction; where it is low, one map cannot stand for the layer. layer, relu: as in GradientFreeCam.
    """

    name: ClassVar[str] = "eigen_cam"
    discriminative: ClassVar[bool] = False
    centred: bool = False

    def cells(self, layer: Held) -> tuple[Tensor, Mapping[str, float]]:
        """(n, *s): the same projection for each scene; and the fact explained."""
        rows = layer.value[0].flatten(1).T.double()
        if self.centred:
            rows = rows - rows.mean(0)
        projection, explained = principal(rows)
        cells = projection.view(layer.value.shape[2:]).to(layer.value)
        return cells.expand(len(layer.scenes), *cells.shape), {"explained": explained}


def principal(rows: Tensor) -> tuple[Tensor, float]:
    """The projection (N,) of rows (N, K) on their first right singular vector, and its share of the squared norm.

    Its sign is the one with the larger sum of squares above zero.
    """
    total = float(rows.square().sum())
    if not 0 < total < torch.inf:
        return rows.sum(1), 0.0
    if rows.shape[0] < rows.shape[1]:
        # The smaller of the two products has the same largest eigenvalue.
        values, vectors = torch.linalg.eigh(rows @ rows.T)
        projection = vectors[:, -1] * values[-1].clamp_min(0).sqrt()
    else:
        values, vectors = torch.linalg.eigh(rows.T @ rows)
        projection = rows @ vectors[:, -1]
    below, above = (float(part.square().sum()) for part in (projection.clamp_max(0), projection.clamp_min(0)))
    sign = -1.0 if below > above else 1.0
    return sign * projection, float(values[-1]) / total


METHOD = EigenCAM
