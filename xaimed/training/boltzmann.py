"""Training of Boltzmann machines by contrastive divergence: an RBM alone, or with the cross-entropy of its classes.

Larochelle H, Bengio Y (2008) "Classification using discriminative restricted Boltzmann machines",
doi:10.1145/1390156.1390224: the hybrid of both costs. An RBM goes by CD-k, a deep Boltzmann machine by persistent
chains, which start anew where a training that was cut off goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from xaimed.adapters.modelfile import ModelFile
from xaimed.architectures.class_rbm import ClassRBM
from xaimed.architectures.dbm import DBM
from xaimed.architectures.rbm import RBM
from xaimed.errors import PlanError
from xaimed.metrics.calibration import fit_calibration
from xaimed.settings import settings
from xaimed.stats import Array, Bools
from xaimed.training.classification import Classification, loss_of
from xaimed.training.contrastive import (
    class_contrastive_loss,
    class_gibbs,
    contrastive_loss,
    dbm_chain,
    dbm_contrastive_loss,
    dbm_gibbs,
    gibbs,
)
from xaimed.training.example import Batch, Example, example, lesson, normalised, prepared_for
from xaimed.training.greedy import start_at_mean
from xaimed.training.loop import learned
from xaimed.training.recipe import Recipe
from xaimed.training.settling import image_scores, model_of, outputs, youden
from xaimed.training.trainer import Study
from xaimed.types import Case

Costs = Mapping[str, Tensor]
Cost = Callable[[Tensor, Tensor], Costs]
NORMAL_SHARE = 0.95  # of the normal validation images that stay below 1/2, where validation holds nothing abnormal


@dataclass(frozen=True)
class Options:
    """steps: k of CD-k, or Gibbs sweeps between updates. chains: of a DBM. generative: weight of the divergence.

    Raises PlanError for what is no positive number; generative may be 0.
    """

    steps: int = 1
    chains: int = 64
    generative: float = 1.0

    def __post_init__(self) -> None:
        if min(self.steps, self.chains) < 1 or self.generative < 0:
            raise PlanError(f"options: steps {self.steps}, chains {self.chains}, generative {self.generative}; "
                            "expected one or more, and no negative weight")


class Boltzmann(Classification):
    """Trains `rbm` (task energy), `class_rbm` and `dbm` (task classification)."""

    def train(self, study: Study) -> nn.Module:
        """The averaged network. Raises PlanError for another architecture, or a case without a class it needs."""
        network, recipe = study.network, study.recipe
        examples = _examples(study)
        if not study.work.checkpoint.is_file():
            _start(network, examples, recipe)
        cost = _cost(network, settings(Options, recipe.options, "options"), recipe)

        def losses(_: nn.Module, data: Batch) -> Costs:
            return cost(normalised(data.images, recipe), data.labels)

        return learned(network, lesson(examples, recipe, study.work.device, losses), recipe, study.work)

    def settle(self, file: ModelFile, recipe: Recipe, cases: Sequence[Case], device: str) -> ModelFile:
        """For energy the line that makes free energy a score in [0, 1], and the operating point; else as a classifier.

        The line is Platt's on validation, or where that is all normal one that puts 95 % of it below 1/2.
        """
        if file.task != "energy":
            return super().settle(file, recipe, cases, device)
        energies = np.array([_energy(file, case, device) for case in cases])
        odd = np.array([case.label in file.classes for case in cases], bool)
        slope, intercept = energy_line(energies, odd)
        file = replace(file, calibration={"energy": {"slope": slope, "intercept": intercept}})
        if not odd.any():
            return file
        score = image_scores(outputs(model_of(file, device), cases)[2], file.classes[0])
        return replace(file, operating_point=youden([score[case.id] for case in cases], odd.tolist()))


def _energy(file: ModelFile, case: Case, device: str) -> float:
    scene = model_of(file, device).scenes(case)[0]
    with torch.no_grad():
        return float(scene.score(scene.image))


def energy_line(energies: Array, odd: Bools) -> tuple[float, float]:
    """Slope and intercept for which 1 / (1 + exp(-(slope * F + intercept))) says how likely a case (n,) is odd.

    By Platt's fit; where none or all are odd, 1/2 lies at the 95th percentile and a standard deviation is the unit.
    """
    middle, spread = float(energies.mean()), max(float(energies.std()), 1e-9)
    if 0 < odd.sum() < len(odd):
        scaled = 1 / (1 + np.exp(-np.clip((energies - middle) / spread, -30, 30)))
        slope, intercept = fit_calibration(scaled, odd)
        return slope / spread, intercept - slope * middle / spread
    return 1 / spread, -float(np.quantile(energies, NORMAL_SHARE)) / spread


def _examples(study: Study) -> list[Example]:
    classes = tuple(study.dataset.classes)
    found = [example(case, prepared_for(case, study.recipe), None, classes) for case in study.cases()]
    if study.recipe.task == "classification" and any(one.label < 0 for one in found):
        raise PlanError(f"a training case has no label among the classes; expected one of {', '.join(classes)}")
    return found


def stacked(examples: Sequence[Example], recipe: Recipe) -> Tensor:
    """(n, C, h, w): the images of examples of one size as the network sees them, without changes."""
    return normalised(torch.from_numpy(np.stack([one.image for one in examples])).float() / 255, recipe)


def _start(network: nn.Module, examples: Sequence[Example], recipe: Recipe) -> None:
    images = stacked(examples, recipe)
    if isinstance(network, RBM):
        start_at_mean(network, images.flatten(1))
    elif isinstance(network, ClassRBM):
        start_at_mean(network.rbm, images.flatten(1))
    elif isinstance(network, DBM):
        for side, flat in zip(network.machines, network.visible(images), strict=True):
            start_at_mean(side, flat)


def _cost(network: nn.Module, options: Options, recipe: Recipe) -> Cost:
    """What is minimised for images (B, C, h, w) and classes (B,)."""
    if isinstance(network, RBM):
        return lambda images, _: _rbm_cost(network, images, options)
    if isinstance(network, ClassRBM):
        return lambda images, classes: _class_cost(network, images, classes, options)
    if isinstance(network, DBM):
        return _dbm_cost(network, options)
    raise PlanError(f"trainer 'boltzmann' with architecture {recipe.architecture!r}; expected 'rbm', 'class_rbm' or "
                    "'dbm'")


def _drawn(rbm: RBM, flat: Tensor) -> Tensor:
    # Grey values of binary units are probabilities: the chain starts at a sample of them.
    return torch.bernoulli(flat.clamp(0, 1)) if rbm.kind == "binary" else flat


def _rbm_cost(network: RBM, images: Tensor, options: Options) -> Costs:
    flat = network.flat(images)
    chain = gibbs(network, _drawn(network, flat), options.steps)
    return {"divergence": contrastive_loss(network, flat, chain)}


def _class_cost(network: ClassRBM, images: Tensor, classes: Tensor, options: Options) -> Costs:
    costs = {"cross-entropy": loss_of(network(images), classes)}
    if options.generative:
        flat = network.rbm.flat(images)
        chain = class_gibbs(network, _drawn(network.rbm, flat), classes, options.steps)
        costs["divergence"] = options.generative * class_contrastive_loss(network, (flat, classes), chain)
    return costs


def _dbm_cost(network: DBM, options: Options) -> Cost:
    chain = dbm_chain(network, options.chains)

    def cost(images: Tensor, classes: Tensor) -> Costs:
        nonlocal chain
        chain = dbm_gibbs(network, chain, options.steps)
        return {"cross-entropy": functional.cross_entropy(network(images), classes),
                "divergence": options.generative * dbm_contrastive_loss(network, images, chain)}

    return cost


TRAINER = Boltzmann()
