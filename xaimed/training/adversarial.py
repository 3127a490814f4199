"""Training of a generator of images from noise and its discriminator, on the images of one class or all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor, nn

from xaimed.adapters.discriminator import Making
from xaimed.adapters.modelfile import ModelFile
from xaimed.errors import ModelError, PlanError
from xaimed.training.adversary import fooling, telling
from xaimed.training.example import Batch, Example, example, lesson, normalised, prepared_for
from xaimed.training.loop import finished, learned
from xaimed.training.recipe import Recipe
from xaimed.training.trainer import Study
from xaimed.types import Case

CLASSES = ("real",)


class Adversarial:
    """Trains networks that make images and tell them from real ones.

    Options: `label`, the class whose images are learned, all where it is absent; `certain`, the probability of "real"
    that is wanted for a real image (default 0.9).
    """

    def train(self, study: Study) -> nn.Module:
        """The averaged network. Raises ModelError for one that makes no images, PlanError for a class without any."""
        recipe, network = study.recipe, study.network
        if not isinstance(network, Making):
            raise ModelError(f"architecture {recipe.architecture!r} makes no images; expected one with a generator and "
                             "a discriminator, such as dcgan")
        certain = float(str(recipe.options.get("certain", 0.9)))

        def losses(network: nn.Module, data: Batch) -> Mapping[str, Tensor]:
            return losses_of(network, normalised(data.images, recipe), certain)

        return learned(network, lesson(_examples(study), recipe, study.work.device, losses), recipe, study.work)

    def settle(self, file: ModelFile, recipe: Recipe, cases: Sequence[Case], device: str) -> ModelFile:
        """The file of a model with the one class "real", and with the class that was learned."""
        del cases, device
        return replace(file, classes=CLASSES, training={**file.training, "label": _label(recipe)})


def losses_of(network: nn.Module, real: Tensor, certain: float) -> dict[str, Tensor]:
    """What the discriminator and the generator each lose on real images (B, C, h, w) and as many made ones."""
    if not isinstance(network, Making):
        raise ModelError("the network makes no images; expected one with a generator and a discriminator")
    made = network.make(network.draw(len(real)))
    return {"telling": telling(network.discriminator, real, made, certain),
            "fooling": fooling(network.discriminator, made)}


def _label(recipe: Recipe) -> str:
    return str(recipe.options.get("label", ""))


def _examples(study: Study) -> list[Example]:
    recipe, label = study.recipe, _label(study.recipe)
    if finished(study.work, recipe.schedule):
        return []
    classes = tuple(study.dataset.classes)
    if label and label not in classes:
        raise PlanError(f"options.label is {label!r}; expected one of {', '.join(classes)}")
    found = [example(case, prepared_for(case, recipe), None, classes)
             for case in study.cases() if label in ("", case.label)]
    if not found:
        raise PlanError(f"no training case of {study.dataset.title} has the label {label!r}; expected some")
    return found


TRAINER = Adversarial()
