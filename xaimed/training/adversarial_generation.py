"""Training of a context-aware GAN: round after round, a generator and its critic, the rounds before held still.

Nie D et al. (2017), doi:10.1007/978-3-319-66179-7_48: squared error, gradient difference and the critic's loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from xaimed.adapters.modelfile import ModelFile
from xaimed.architectures.context_gan import ContextGAN
from xaimed.errors import ModelError
from xaimed.hooks import frozen
from xaimed.training.adversary import fooling, telling
from xaimed.training.example import Batch, Losses, dense_lesson, normalised
from xaimed.training.generation import gradient_difference, wanted
from xaimed.training.loop import Lesson, finished, learned
from xaimed.training.recipe import Recipe
from xaimed.training.trainer import Study
from xaimed.types import Case


class AdversarialGeneration:
    """Trains context-aware GANs. Options: the weights `square`, `gradient` and `fool` of a generator's losses.

    The schedule is that of one round; the state of each round but the last is kept in a folder of its own.
    """

    def train(self, study: Study) -> nn.Module:
        """The averaged network. Raises ModelError for another architecture, PlanError for a case without an image."""
        last = len(rounds_of(study.network).generators) - 1
        given = dense_lesson(study, wanted, _losses(study, last))
        for number in range(last):
            _before(study, replace(given, losses=_losses(study, number)), number)
        return learned(study.network, given, study.recipe, study.work)

    def settle(self, file: ModelFile, recipe: Recipe, cases: Sequence[Case], device: str) -> ModelFile:
        """The file itself: nothing is chosen on validation."""
        del recipe, cases, device
        return file


def rounds_of(network: nn.Module) -> ContextGAN:
    """The network as one of rounds. Raises ModelError for another."""
    if not isinstance(network, ContextGAN):
        raise ModelError(f"{type(network).__name__} has no rounds of generators and critics; expected the architecture "
                         "context_gan")
    return network


def _losses(study: Study, number: int) -> Losses:
    weights = weights_of(study.recipe)

    def losses(network: nn.Module, data: Batch) -> Mapping[str, Tensor]:
        pair = (normalised(data.images, study.recipe), data.answer)
        return losses_of(rounds_of(network), number, pair, weights)

    return losses


def _before(study: Study, given: Lesson[Batch], number: int) -> None:
    """Train a round before the last into the study's network; passed over where the last one is done."""
    work, network = study.work, study.network
    if not finished(work, study.recipe.schedule):
        work.say(f"round {number + 1} of {len(rounds_of(network).generators)}")
        place = replace(work, folder=work.folder / f"round-{number + 1}")
        network.load_state_dict(learned(network, given, study.recipe, place).state_dict())


def weights_of(recipe: Recipe) -> dict[str, float]:
    """The weights of a generator's losses: our defaults where the recipe's options set none."""
    return {name: float(str(recipe.options.get(name, default)))
            for name, default in (("square", 1.0), ("gradient", 1.0), ("fool", 0.005))}


def losses_of(network: ContextGAN, number: int, pair: tuple[Tensor, Tensor], weights: Mapping[str, float]
              ) -> dict[str, Tensor]:
    """The losses of round `number` for images and wanted images, both (B, C, h, w)."""
    images, real = pair
    critic, made = network.critics[number], made_in(network, number, images)
    return {"squared error": weights["square"] * (made - real).square().mean(),
            "gradient difference": weights["gradient"] * gradient_difference(made, real),
            "fooling": weights["fool"] * fooling(critic, made), "telling": telling(critic, real, made)}


def made_in(network: ContextGAN, number: int, images: Tensor) -> Tensor:
    """The image of round `number`, with gradients for its generator alone; those before run in eval mode."""
    given = images
    for earlier in network.generators[:number]:
        with torch.no_grad(), frozen(earlier):
            given = torch.cat([images, earlier(given)], dim=1)
    made: Tensor = network.generators[number](given)
    return made


TRAINER = AdversarialGeneration()
