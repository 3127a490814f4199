"""Greedy layer-wise training, then fine-tuning of the whole: deep belief networks and stacked autoencoders.

Hinton GE, Osindero S, Teh YW (2006) doi:10.1162/neco.2006.18.7.1527; Bengio Y et al. (2007) NIPS. The layers are
trained on the training images as they are; the fine-tuning is that of the recipe's task, with its schedule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from xaimed.adapters.modelfile import ModelFile
from xaimed.architectures.dbn import DBN
from xaimed.architectures.stacked_autoencoder import StackedAutoencoder
from xaimed.architectures.wavelet_dbn import WaveletDBN
from xaimed.errors import PlanError
from xaimed.settings import settings
from xaimed.training import anomaly, classification
from xaimed.training.boltzmann import stacked
from xaimed.training.example import Example, example, prepared_for
from xaimed.training.greedy import LayerPlan, train_autoencoders, train_dbn
from xaimed.training.recipe import Recipe
from xaimed.training.trainer import Study, Trainer
from xaimed.training.wavelet_choice import chosen, weakest
from xaimed.types import Case

Say = Callable[[str], None]
TUNING: dict[str, Trainer] = {"classification": classification.TRAINER, "anomaly": anomaly.TRAINER}


class Layerwise:
    """Trains `dbn`, `wavelet_dbn` (classification) and `stacked_autoencoder` (anomaly); options: see LayerPlan."""

    def train(self, study: Study) -> nn.Module:
        """The fine-tuned network; a training that was cut off goes on with the fine-tuning, or from the start.

        Raises PlanError for another architecture or task.
        """
        tuning = _tuning(study.recipe)
        plan = settings(LayerPlan, {"seed": study.recipe.seed, **study.recipe.options}, "options")
        if not study.work.checkpoint.is_file():
            classes = tuple(study.dataset.classes)
            examples = [example(case, prepared_for(case, study.recipe), None, classes) for case in study.cases()]
            pretrain(study.network, examples, study.recipe, plan, study.work.say)
        return tuning.train(study)

    def settle(self, file: ModelFile, recipe: Recipe, cases: Sequence[Case], device: str) -> ModelFile:
        """As the trainer of the task does it."""
        return _tuning(recipe).settle(file, recipe, cases, device)


def _tuning(recipe: Recipe) -> Trainer:
    if recipe.task not in TUNING:
        raise PlanError(f"trainer 'layerwise' with task {recipe.task!r}; expected {' or '.join(TUNING)}")
    return TUNING[recipe.task]


def pretrain(network: nn.Module, examples: Sequence[Example], recipe: Recipe, plan: LayerPlan, say: Say) -> None:
    """The network with its layers trained one upon the other; a wavelet network first chooses its coefficients.

    Raises PlanError for another architecture.
    """
    images = stacked(examples, recipe)
    if isinstance(network, WaveletDBN):
        classes = np.array([one.label for one in examples], np.int64)
        every = _coefficients(network, images)
        choice = chosen(every, classes, len(network.kept))
        least = weakest(every, classes, choice)
        say(f"{len(choice.kept)} of {every.shape[1]} coefficients chosen, p at most {least:.2g}")
        network.choose(choice)
        with torch.no_grad():
            code = network.code(images)
        train_dbn(network.dbn, code, plan, say)
    elif isinstance(network, DBN):
        train_dbn(network, images.flatten(1), plan, say)
    elif isinstance(network, StackedAutoencoder):
        train_autoencoders(network, images.flatten(1), plan, say)
    else:
        raise PlanError(f"trainer 'layerwise' with architecture {recipe.architecture!r}; expected 'dbn', "
                        "'wavelet_dbn' or 'stacked_autoencoder'")


def _coefficients(network: WaveletDBN, images: Tensor) -> Tensor:
    with torch.no_grad():
        return network.coefficients(images)


TRAINER = Layerwise()
