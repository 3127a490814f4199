"""Exact Shapley values of a few regions: the yardstick for the estimates.

Shapley LS (1953) "A value for n-person games", Contributions to the Theory of Games II, 307-317.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xaimed.attribution.method import Map
from xaimed.attribution.perturbation import Outputs, Perturbation
from xaimed.attribution.regions import SHAPES, Regions, Shape, regions
from xaimed.attribution.shapley import exact_values
from xaimed.errors import PlanError

MOST = 12


@dataclass(frozen=True)
class ExactShapley(Perturbation):
    """Shapley values of up to 12 regions from all 2**regions masked images; the sum is f_input - f_baseline.

    regions: about how many in the tissue; what lies outside it is one more where the baseline differs there.
    shape: "grid", or "slic", superpixels that follow edges. baseline: "black", "blur", "tissue_median" or
    "noise". seed: of the noise. The scenes of one image share the masked images.
    """

    name: ClassVar[str] = "exact_shapley"
    additive: ClassVar[bool] = True
    regions: int = 9
    shape: Shape = "grid"
    baseline: str = "blur"
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.regions <= MOST or self.shape not in SHAPES:
            raise PlanError(
                f"exact_shapley: regions {self.regions}, shape {self.shape!r}; expected 1 to {MOST} regions, for "
                "each doubles the work, of shape 'slic' or 'grid': for more regions use kernel_shap"
            )

    def maps(self, outputs: Outputs) -> list[Map]:
        """The maps of all columns; facts: regions, exact (1), f_input, f_baseline, completeness_error."""
        game = self._game(outputs)
        values = exact_values(game, game.players)
        return [game.map(values[:, column], column, exact=True) for column in range(outputs.size)]

    def _game(self, outputs: Outputs) -> Regions:
        # How many regions a cut gives depends on the tissue's outline; a coarser one gives no more than 12.
        for count in range(self.regions, 0, -1):
            game = regions(outputs, self.baseline, self.seed, (count, self.shape))
            if game.players <= MOST:
                return game
        raise PlanError(
            f"exact_shapley: case {outputs.scene.case} cannot be cut into {MOST} regions or fewer; expected tissue in "
            "few parts: use kernel_shap"
        )


METHOD = ExactShapley
