"""Training of the yardsticks on radiomic features: logistic regression and a decision tree, by scikit-learn.

Both are fitted to the standardised features of the training images as they are, without augmentation, and copied into
the network's tensors. Nothing is drawn but the tree's ties between equal splits, which the recipe's seed decides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from xaimed.architectures.radiomic import Radiomic
from xaimed.architectures.radiomic_tree import RadiomicTree
from xaimed.errors import PlanError
from xaimed.imaging.preprocessing import prepare_planes
from xaimed.settings import settings
from xaimed.training.classification import Classification
from xaimed.training.trainer import Study, class_index

Table = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Options:
    """strength: C of the logistic regression, the inverse of its L2 penalty. leaf: fewest images in a leaf of the tree.

    Raises PlanError unless both are positive.
    """

    strength: float = 1.0
    leaf: int = 20

    def __post_init__(self) -> None:
        if not (self.strength > 0 and math.isfinite(self.strength)) or self.leaf < 1:
            raise PlanError(f"options: strength {self.strength}, leaf {self.leaf}; expected positive numbers")


class RadiomicFit(Classification):
    """Fits `radiomic` and `radiomic_tree`; the operating point is settled as for any classifier."""

    def train(self, study: Study) -> nn.Module:
        """The fitted network. Raises PlanError for another architecture, one class alone or a foreign label."""
        network, options = study.network, settings(Options, study.recipe.options, "options")
        if not isinstance(network, Radiomic | RadiomicTree):
            raise PlanError(f"trainer 'radiomic' with architecture {study.recipe.architecture!r}; expected 'radiomic' "
                            "or 'radiomic_tree'")
        images, labels = _examples(study)
        network.standard.fit(images)
        with torch.no_grad():
            features = network.standard(images).double().numpy()
        study.work.say(f"fitting {study.recipe.architecture} to {len(labels)} images")
        if isinstance(network, Radiomic):
            fit_logistic(network, features, labels, options.strength)
        else:
            network.copy(_tree(network, options, study.recipe.seed).fit(features, labels))
        return network.eval()


def _examples(study: Study) -> tuple[torch.Tensor, Labels]:
    classes = tuple(study.dataset.classes)
    images, labels = [], []
    for case in study.cases():
        images.append(prepare_planes(case, study.recipe.preprocessing).image)
        labels.append(class_index(case, classes))
    if len(set(labels)) < len(classes):
        raise PlanError(f"the training cases hold {len(set(labels))} of {len(classes)} classes; expected all of them")
    return torch.from_numpy(np.stack(images)), np.array(labels, np.int64)


def fit_logistic(network: Radiomic, features: Table, labels: Labels, strength: float) -> None:
    """The network with the weights of the logistic regression of labels (n,) on standardised features (n, F).

    strength: C, the inverse of the L2 penalty. For two classes and two outputs the second logit is half the log-odds
    and the first its negative, so that their difference is the log-odds.
    """
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(C=strength, max_iter=10_000, tol=1e-8).fit(features, labels)
    weight, bias = torch.from_numpy(found.coef_), torch.from_numpy(found.intercept_)
    outputs = network.linear.out_features
    if len(weight) == 1 and outputs == 2:
        weight, bias = torch.cat([-weight, weight]) / 2, torch.cat([-bias, bias]) / 2
    if len(weight) != outputs:
        raise PlanError(f"{len(weight)} outputs are fitted and the network has {outputs}; expected one a class")
    with torch.no_grad():
        network.linear.weight.copy_(weight)
        network.linear.bias.copy_(bias)


def _tree(network: RadiomicTree, options: Options, seed: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    arguments: Mapping[str, Any] = {"max_depth": network.depth, "min_samples_leaf": options.leaf, "random_state": seed}
    return DecisionTreeClassifier(**arguments)


TRAINER = RadiomicFit()
