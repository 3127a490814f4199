"""The mean of output times mask over random masks, with its standard error, in memory that does not grow.

Every mask adds r (mask - keep) / keep to the sum, where r is the output less a prediction made from earlier masks
alone: their mean, and a linear function of the mask. What the linear function adds on average is known exactly and
put back, so the mean is unbiased and varies only by what the prediction misses (a control variate). With keep = 1/2
a mask and its complement are drawn together and half the difference of their outputs takes the output's place
(antithetic sampling).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from xaimed.attribution.masks import Grids, Linear, Stream
from xaimed.attribution.perturbation import Outputs
from xaimed.perturb import shown

BLOCK = 32
LEAST_WEIGHT = 0.1
RIDGES = torch.logspace(-6, 3, 28, dtype=torch.float64)


@dataclass(frozen=True)
class Effort:
    """masks: at most so many masked images. error: enough once the relative standard error is no more than this."""

    masks: int
    error: float


@dataclass(frozen=True, eq=False)
class Sampled:
    """values: float64 (K, h, w). standard_error (K,): root mean square over the pixels, in the output's unit.

    error (K,): the standard error relative to the map's own size. masks: how many were drawn. largest (K,): the
    largest output seen.
    """

    values: Tensor
    standard_error: Tensor
    error: Tensor
    masks: int
    largest: Tensor


class Draw(NamedTuple):
    """Masks less keep (B, h, w), and the output (B, K), or with complements half the pairs' difference."""

    centred: Tensor
    output: Tensor


def sampled(outputs: Outputs, content: Tensor, grids: Grids, effort: Effort) -> Sampled:
    """E[output * mask] / E[mask] - E[output] at each pixel, for each column of the outputs.

    content: (1, C, h, w), shown where a mask hides the image.
    """
    drawn = _Drawing(outputs, content, Stream(grids, content.device))
    mean, per_draw = _Mean(drawn), drawn.images_per_draw
    while drawn.images + per_draw <= effort.masks:
        mean.add(min(BLOCK, (effort.masks - drawn.images) // per_draw))
        if mean.settled(effort.error):
            break
    return mean.result()


class _Drawing:
    """Masks and outputs one after the other, in chunks that fit."""

    def __init__(self, outputs: Outputs, content: Tensor, stream: Stream) -> None:
        self.outputs, self.content, self.stream = outputs, content, stream
        self.keep, self.images = stream.grids.keep, 0
        self.images_per_draw = 2 if self.keep == 0.5 else 1
        self.largest = torch.full((outputs.size,), -torch.inf, device=content.device)

    def draw(self, count: int) -> Draw:
        """The next masks, `count` at most and no more than fit."""
        masks = self.stream.draw(min(count, max(1, self.outputs.scene.chunk // self.images_per_draw)))
        both = torch.cat([masks, 1 - masks]) if self.images_per_draw == 2 else masks
        said = self.outputs(shown(self.outputs.scene.image, self.content, both))
        self.images += len(both)
        self.largest = torch.maximum(self.largest, said.amax(0))
        output = (said[: len(masks)] - said[len(masks) :]) / 2 if self.images_per_draw == 2 else said
        return Draw(masks - self.keep, output.double())


class _Mean:
    """The running mean over blocks of draws.

    The first blocks count for less: too few masks came before them to predict their outputs from. The weights do not
    depend on any output, which would make the mean biased.
    """

    def __init__(self, drawing: _Drawing) -> None:
        self.drawing, self.linear = drawing, Linear(drawing.stream)
        self.fit = _Fit(drawing.outputs.size, drawing.content.device)
        self.blocks, self._weight = 0, 0.0
        shape = (drawing.outputs.size, *drawing.content.shape[-2:])
        self._total = torch.zeros(shape, dtype=torch.float64, device=drawing.content.device)
        self._spread = torch.zeros_like(self._total)

    def add(self, count: int) -> None:
        """Draw `count` more masks (or pairs) and add what they say."""
        total, squares = torch.zeros_like(self._total), torch.zeros_like(self._total)
        left, features, outputs = count, list[Tensor](), list[Tensor]()
        while left:
            draw = self.drawing.draw(left)
            left -= len(draw.centred)
            features.append(self.linear.features(draw.centred).double())
            outputs.append(draw.output)
            rest = draw.output - self.fit.predicted(features[-1])
            total += _product(rest, draw.centred) / self.drawing.keep
            squares += _product(rest**2, draw.centred**2) / self.drawing.keep**2
        self._pool(count, total, squares)
        self.fit.learn(torch.cat(features), torch.cat(outputs))

    def _pool(self, count: int, total: Tensor, squares: Tensor) -> None:
        weight = min(max(self.fit.count / self.linear.size, LEAST_WEIGHT), 1.0) ** 2
        known = self.linear.map(self.fit.weights) if self.fit.ready else torch.zeros_like(total)
        self._total += weight * (total + count * known)
        self._spread += weight**2 * (squares - total**2 / count) * count / max(count - 1, 1)
        self._weight += weight * count
        self.blocks += 1

    def settled(self, error: float) -> bool:
        """Whether no column needs more masks: its map is known to a relative error, or is not finite."""
        found = self.result()
        # Of nothing but zeros nothing is known.
        known = (found.error <= error) & (found.standard_error > 0) & (self.blocks > 1)
        return bool((known | ~torch.isfinite(found.standard_error)).all())

    def result(self) -> Sampled:
        """What is known so far."""
        values, variance = self._total / self._weight, (self._spread / self._weight**2).mean((1, 2))
        size = ((values**2).mean((1, 2)) - variance).clamp_min(0)
        error = torch.where(variance == 0, 0.0, (variance / size).sqrt())
        return Sampled(values, variance.sqrt(), error, self.drawing.images, self.drawing.largest)


class _Fit:
    """A ridge regression of the outputs on the masks' blocks; only sums are kept."""

    def __init__(self, columns: int, device: torch.device) -> None:
        self.count, self.ready = 0, False
        self.mean = torch.zeros(columns, dtype=torch.float64, device=device)
        self.weights = torch.zeros(0, columns, dtype=torch.float64, device=device)
        self._sums: list[Tensor] = []

    def predicted(self, features: Tensor) -> Tensor:
        """(B, K): what the masks seen before say of masks with these features."""
        return self.mean + features @ self.weights if self.ready else self.mean.expand(len(features), -1)

    def learn(self, features: Tensor, outputs: Tensor) -> None:
        """Take draws into account for the predictions to come."""
        rows = torch.cat([torch.ones_like(features[:, :1]), features], 1)
        parts = [rows.T @ rows, rows.T @ outputs, (outputs**2).sum(0)]
        self._sums = [a + b for a, b in zip(self._sums, parts, strict=True)] if self._sums else parts
        self.count += len(features)
        self._solve()

    def _solve(self) -> None:
        square, products, power = self._sums
        self.mean = products[0] / self.count
        gram = square[1:, 1:] - torch.outer(square[0, 1:], square[0, 1:]) / self.count
        moments = products[1:] - square[1:, :1] * self.mean
        values, vectors = torch.linalg.eigh(gram)
        values, turned = values.clamp_min(0), vectors.T @ moments
        ridges = RIDGES.to(values) * values.max()
        shrunk = 1 / (values + ridges[:, None])
        left = power - self.count * self.mean**2
        # Generalised cross-validation: the ridge whose error on unseen masks is least, for each column.
        error = left - (turned**2 * (2 * shrunk - shrunk**2 * values)[..., None]).sum(1)
        freedom = self.count - 1 - (values * shrunk).sum(1, keepdim=True)
        best = (error.clamp_min(0) / freedom.clamp_min(0.5) ** 2).argmin(0)
        self.weights = vectors @ (turned * shrunk[best].T)
        self.mean = self.mean - square[0, 1:] / self.count @ self.weights
        self.ready = True


def _product(weights: Tensor, planes: Tensor) -> Tensor:
    """(K, h, w): the sum over B of weights (B, K) times planes (B, h, w)."""
    flat = weights.T.to(planes) @ planes.flatten(1)
    return flat.view(-1, *planes.shape[1:]).double()
