"""Training of a prototype network: two costs beside the cross-entropy, the projection on patches, the last layer.

Chen C et al. (2019) "This looks like that", NeurIPS, arXiv:1806.10574, equations 1 and 2 and the three stages; here the
projection comes once, after all epochs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import cast

import torch
from torch import Tensor, nn

from xaimed.architectures.prototype_net import PrototypeNet
from xaimed.errors import PlanError
from xaimed.imaging.preprocessing import prepare_planes
from xaimed.settings import settings
from xaimed.training.classification import Classification, loss_of
from xaimed.training.example import Batch, Example, example, lesson, normalised
from xaimed.training.loop import learned
from xaimed.training.recipe import Recipe
from xaimed.training.trainer import Study, class_index


@dataclass(frozen=True, eq=False)
class Source:
    """Where each prototype came from: image (P,) by number, row and column (P,) of the patch's cell, distance (P,)."""

    image: Tensor
    row: Tensor
    column: Tensor
    distance: Tensor


def prototype_costs(network: PrototypeNet, images: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Cluster and separation cost: the mean smallest distance to the own class's prototypes, and minus that to others'.

    images (B, C, h, w), classes (B,). Both are to be minimised, with small weights beside the cross-entropy.
    """
    nearest = network.distances(images).flatten(2).amin(dim=2)
    own = network.classes[None] == classes[:, None]
    far = torch.full_like(nearest, torch.inf)
    return (torch.where(own, nearest, far).amin(dim=1).mean(), -torch.where(own, far, nearest).amin(dim=1).mean())


def project(network: PrototypeNet, images: Tensor, classes: Tensor) -> Source:
    """Every prototype becomes the code of the nearest patch of the images (n, C, h, w) of its class (n,).

    The network is to be in eval mode; it is changed. Every class has to have an image.
    """
    with torch.no_grad():
        distances = network.distances(images)
        other = network.classes[None] != classes[:, None]
        distances[other] = torch.inf
        count, width = distances.shape[2:].numel(), distances.shape[3]
        best = distances.transpose(0, 1).flatten(1).min(dim=1)
        image, cell = best.indices // count, best.indices % count
        source = Source(image, cell // width, cell % width, best.values)
        network.prototypes.copy_(network.codes(images)[source.image, :, source.row, source.column])
    return source


@dataclass(frozen=True)
class Options:
    """cluster, separation: weights of the two costs. steps: of the last layer's own training. sparsity: of its L1 cost.

    Raises PlanError for a negative value.
    """

    cluster: float = 0.8
    separation: float = 0.08
    steps: int = 400
    sparsity: float = 1e-4

    def __post_init__(self) -> None:
        if min(asdict(self).values()) < 0:
            raise PlanError(f"options: {asdict(self)}; expected no negative number")


class Prototypes(Classification):
    """Trains `prototype_net`; beside its checkpoint stands prototypes.json, which says what each prototype shows."""

    def train(self, study: Study) -> nn.Module:
        """The network with prototypes that are patches of training images. Raises PlanError for another network."""
        network, recipe = study.network, study.recipe
        options = settings(Options, recipe.options, "options")
        if not isinstance(network, PrototypeNet):
            raise PlanError(f"trainer 'prototypes' with architecture {recipe.architecture!r}; expected 'prototype_net'")
        cases, examples = _gathered(study)

        def losses(net: nn.Module, data: Batch) -> Mapping[str, Tensor]:
            return _costs(cast(PrototypeNet, net), normalised(data.images, recipe), data.labels, options)

        found = cast(PrototypeNet, learned(network, lesson(examples, recipe, study.work.device, losses), recipe,
                                           study.work))
        images, classes = _whole(examples, recipe, study.work.device)
        source = project(found, images, classes)
        fit_last_layer(found, images, classes, options)
        rows = [{"prototype": p, "class": study.dataset.classes[int(found.classes[p])],
                 "case": cases[int(source.image[p])], "row": int(source.row[p]), "column": int(source.column[p])}
                for p in range(len(found.classes))]
        (study.work.folder / "prototypes.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
        return found


def _costs(network: PrototypeNet, images: Tensor, labels: Tensor, options: Options) -> Mapping[str, Tensor]:
    cluster, separation = prototype_costs(network, images, labels)
    return {"cross-entropy": loss_of(network(images), labels), "cluster": options.cluster * cluster,
            "separation": options.separation * separation}


def _gathered(study: Study) -> tuple[list[str], list[Example]]:
    classes = tuple(study.dataset.classes)
    names, out = [], []
    for case in study.cases():
        class_index(case, classes)
        names.append(case.id)
        out.append(example(case, prepare_planes(case, study.recipe.preprocessing), None, classes))
    return names, out


def _whole(examples: Sequence[Example], recipe: Recipe, device: str) -> tuple[Tensor, Tensor]:
    """All training images as the network sees them, without changes, and their classes."""
    images = torch.stack([torch.from_numpy(one.image) for one in examples]).to(device).float() / 255
    return normalised(images, recipe), torch.tensor([one.label for one in examples], device=device)


def fit_last_layer(network: PrototypeNet, images: Tensor, classes: Tensor, options: Options) -> None:
    """The network with its linear layer trained alone; weights from other classes' prototypes have an L1 cost."""
    with torch.no_grad():
        similar = network.similarity(images)
    foreign = network.classes[None] != torch.arange(network.linear.out_features, device=images.device)[:, None]
    weight = network.linear.weight.detach().clone().requires_grad_()
    optimiser = torch.optim.Adam([weight], 0.02)
    for _ in range(options.steps):
        loss = loss_of(similar @ weight.T, classes) + options.sparsity * weight[foreign].abs().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        network.linear.weight.copy_(weight)


TRAINER = Prototypes()
