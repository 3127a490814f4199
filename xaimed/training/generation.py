"""Training of a generator on the absolute error and the gradient difference of what it makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional

from xaimed.adapters.modelfile import ModelFile
from xaimed.errors import PlanError
from xaimed.training.example import Batch, dense_lesson, normalised
from xaimed.training.loop import learned
from xaimed.training.recipe import Recipe
from xaimed.training.trainer import Study
from xaimed.types import Case, Floats


class Generation:
    """Trains networks that make an image from an image; option `gradient`: the weight of the gradient difference."""

    def train(self, study: Study) -> nn.Module:
        """The averaged network. Raises PlanError for a training case without a wanted image."""
        recipe = study.recipe
        weight = float(str(recipe.options.get("gradient", 1.0)))

        def losses(network: nn.Module, data: Batch) -> Mapping[str, Tensor]:
            made = network(normalised(data.images, recipe))
            return {"absolute error": functional.l1_loss(made, data.answer),
                    "gradient difference": weight * gradient_difference(made, data.answer)}

        return learned(study.network, dense_lesson(study, wanted, losses), recipe, study.work)

    def settle(self, file: ModelFile, recipe: Recipe, cases: Sequence[Case], device: str) -> ModelFile:
        """The file itself: nothing is chosen on validation."""
        del recipe, cases, device
        return file


def wanted(case: Case) -> Floats:
    """The wanted image of a case. Raises PlanError where it has none."""
    if case.wanted is None:
        raise PlanError(f"case {case.id} has no wanted image; expected a dataset of pairs")
    return case.wanted


def gradient_difference(made: Tensor, real: Tensor) -> Tensor:
    """The mean over both axes of (|difference of neighbours made| - |that of the real image|) squared, (B, C, h, w).

    Nie D et al. (2017) "Medical image synthesis with context-aware generative adversarial networks",
    doi:10.1007/978-3-319-66179-7_48, equation 3.
    """
    parts = [(made.diff(dim=axis).abs() - real.diff(dim=axis).abs()).square().mean() for axis in (-2, -1)]
    return parts[0] + parts[1]


TRAINER = Generation()
