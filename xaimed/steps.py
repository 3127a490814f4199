"""How much of a recurrent network's answer each time step can still move: the audit of a vanishing gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from xaimed.attribution.gradient import image_gradient
from xaimed.hooks import frozen
from xaimed.stats import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from xaimed.adapters.model import Model
    from xaimed.scene import Scene
    from xaimed.types import Case

Axis = Literal["rows", "slices"]


def step_gradients(model: Model, cases: Sequence[Case], axis: Axis = "rows", target: str | None = None) -> Array:
    """float64 (n, T): the Euclidean norm of d score / d x_t for each of n cases and T steps, on the network's input.

    axis: a step is a row of the image with all its channels, or a channel, as of a stack of slices. target: a name such
    as "CXR@10", the class after step 10; None for the first that an audit explains.
    Bengio Y, Simard P, Frasconi P (1994) "Learning long-term dependencies with gradient descent is difficult",
    doi:10.1109/72.279181. Raises TargetError for an unknown target or a score without a gradient.
    """
    return np.stack([_norms(model.scenes(case, None if target is None else [target])[0], axis) for case in cases])


def _norms(scene: Scene, axis: Axis) -> Array:
    with torch.enable_grad(), frozen(scene.network):
        gradient = image_gradient(scene, scene.image)[1][0].double()
    steps = gradient.transpose(0, 1) if axis == "rows" else gradient
    norms: Array = steps.flatten(1).norm(dim=1).cpu().numpy()
    return norms


def step_figure(norms: Mapping[str, Array]) -> Figure:
    """The median over the cases of each network's norms (n, T), over their sum, against t; half the cases in the band.

    The axis is logarithmic. Steps whose median is 0 are not drawn.
    """
    from xaimed.viz.figures import LINES, blank, style

    figure, axes = blank(4.6, 2.9)
    with style():
        for (name, found), (colour, dashes) in zip(norms.items(), LINES, strict=False):
            shares = found / np.maximum(found.sum(axis=1, keepdims=True), 1e-300)
            low, middle, high = np.quantile(shares, [0.25, 0.5, 0.75], axis=0)
            steps, drawn = np.arange(1, len(middle) + 1), middle > 0
            axes.plot(steps[drawn], middle[drawn], color=colour, linestyle=dashes, label=name)
            axes.fill_between(steps[drawn], low[drawn], high[drawn], color=colour, alpha=0.12, linewidth=0)
        axes.set_yscale("log")
        axes.set_xlabel("step t")
        axes.set_ylabel("share of |d score / d x_t|")
        axes.legend(loc="lower right", frameon=False)
    return figure
