"""Kernel SHAP: what each region of the image adds to the score, on average over what else is seen.

Lundberg SM, Lee SI (2017) "A unified approach to interpreting model predictions", NeurIPS, arXiv:1705.07874.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from xaimed.attribution.kriging import kriged_values
from xaimed.attribution.method import Map
from xaimed.attribution.perturbation import Outputs, Perturbation
from xaimed.attribution.regions import SHAPES, Regions, Shape, priors, regions
from xaimed.attribution.shapley import Values, shapley_values
from xaimed.errors import PlanError


@dataclass(frozen=True)
class KernelSHAP(Perturbation):
    """Shapley values of regions, each spread evenly over its pixels: the sum is f_input - f_baseline.

    regions: about how many in the tissue; what lies outside it is one more where the baseline differs there.
    evaluations: how many masked images at most; exact where 2**regions is no more than that. shape: "slic",
    superpixels that follow edges, or "grid". baseline: "black", "blur", "tissue_median" or "noise". seed: of
    the coalitions drawn. With three evaluations a region or more, regions near each other are taken to act together
    (`kriging`); with two, pairs of a random order and its reverse are used; with fewer, the regression of kernel SHAP.
    The scenes of one image share the masked images.
    """

    name: ClassVar[str] = "kernel_shap"
    additive: ClassVar[bool] = True
    regions: int = 48
    evaluations: int = 256
    shape: Shape = "slic"
    baseline: str = "blur"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.regions < 1 or self.evaluations < 4 or self.shape not in SHAPES:
            raise PlanError(
                f"kernel_shap: regions {self.regions}, evaluations {self.evaluations}, "
                f"shape {self.shape!r}; expected regions >= 1, evaluations >= 4, shape 'slic' or 'grid'"
            )

    def maps(self, outputs: Outputs) -> list[Map]:
        """The maps of all columns; facts: regions, exact (1 or 0), f_input, f_baseline, completeness_error."""
        game = regions(outputs, self.baseline, self.seed, (self.regions, self.shape))
        exact = game.players == 1 or 2**game.players <= self.evaluations
        values = self._values(game, exact)
        few = self.evaluations < 2 * game.players and not exact
        note = f"{self.evaluations} evaluations for {game.players} regions" if few else ""
        return [replace(game.map(values[:, k], k, exact), note=note) for k in range(outputs.size)]

    def _values(self, game: Regions, exact: bool) -> Values:
        if exact or game.players < 3 or self.evaluations < 3 * game.players:
            return shapley_values(game, game.players, self.evaluations, self.seed)
        return kriged_values(game, game.players, self.evaluations, self.seed, priors(game.labels))


METHOD = KernelSHAP
