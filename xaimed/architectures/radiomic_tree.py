"""A decision tree on radiomic features, held as tensors: a yardstick that can be read as rules.

Breiman L et al. (1984) "Classification and regression trees". The tree is grown by scikit-learn and copied; it is laid
out as a full binary tree in which node i has the children 2i + 1 (at most the threshold) and 2i + 2. A tree is constant
between thresholds: its gradient is 0, so gradient methods give a blank map, and methods that perturb are right for it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from xaimed.architectures.radiomic import Standard
from xaimed.architectures.texture import FEATURES
from xaimed.errors import ModelError


class RadiomicTree(nn.Module):
    """Logits (B, outputs), log-probabilities of the leaf, of images (B, 1, h, w) in [0, 1]."""

    feature: Tensor
    threshold: Tensor

    def __init__(self, outputs: int, depth: int) -> None:
        super().__init__()
        self.standard, self.depth = Standard(), depth
        inner = 2 ** depth - 1
        self.register_buffer("feature", torch.zeros(inner, dtype=torch.int64))
        # Double precision, which a model file does not halve: a rounded threshold would be another tree.
        self.register_buffer("threshold", torch.full((inner,), torch.inf, dtype=torch.float64))
        self.leaves = nn.Parameter(torch.zeros(2 ** depth, outputs))

    def forward(self, images: Tensor) -> Tensor:
        """The logits."""
        features = self.standard(images)
        # A term of gradient 0: true of a step function, and it lets a gradient method run and say so.
        logits: Tensor = self.leaves[self.leaf(features)] + 0 * features.sum(dim=1, keepdim=True)
        return logits

    def leaf(self, features: Tensor) -> Tensor:
        """int64 (B,): the leaf that standardised features (B, len(FEATURES)) end in."""
        node = torch.zeros(len(features), dtype=torch.int64, device=features.device)
        for _ in range(self.depth):
            value = features.gather(1, self.feature[node][:, None])[:, 0]
            node = 2 * node + 1 + (value > self.threshold[node]).long()
        return node - len(self.threshold)

    def questions(self, images: Tensor) -> list[tuple[str, float]]:
        """What the tree asks of the first image on its way: the feature, and by how many deviations of the training
        images it lies above the threshold (below: negative). A question to which there is one answer is left out.
        """
        features, node, found = self.standard(images)[0].double(), 0, []
        for _ in range(self.depth):
            above = float(features[self.feature[node]] - self.threshold[node])
            if bool(torch.isfinite(self.threshold[node])):
                found.append((FEATURES[int(self.feature[node])], above))
            node = 2 * node + 1 + int(above > 0)
        return found

    def copy(self, estimator: Any) -> None:
        """The tree with the rules of a fitted sklearn DecisionTreeClassifier whose classes are 0 to outputs - 1.

        A leaf's logits are the logs of its shares, one half of a sample added to each class. Raises ModelError for
        a tree that is deeper or has other features or classes.
        """
        tree, outputs = estimator.tree_, self.leaves.shape[1]
        if tree.max_depth > self.depth or tree.n_features != len(FEATURES) or tree.n_classes[0] != outputs:
            raise ModelError(f"radiomic_tree: a tree of depth {tree.max_depth}, {tree.n_features} features and "
                             f"{tree.n_classes[0]} classes; expected at most {self.depth}, {len(FEATURES)}, {outputs}")
        with torch.no_grad():
            self.feature.zero_()
            self.threshold.fill_(torch.inf)
            self._lay(tree, 0, 0)

    def _lay(self, tree: Any, source: int, node: int) -> None:
        inner = node < len(self.threshold)
        left, right = int(tree.children_left[source]), int(tree.children_right[source])
        if inner and left >= 0:
            self.feature[node], self.threshold[node] = int(tree.feature[source]), float(tree.threshold[source])
            self._lay(tree, left, 2 * node + 1)
            self._lay(tree, right, 2 * node + 2)
        elif inner:
            # A leaf above the lowest level: every way on leads to its shares.
            self._lay(tree, source, 2 * node + 1)
            self._lay(tree, source, 2 * node + 2)
        else:
            counts = torch.as_tensor(tree.value[source][0] * tree.n_node_samples[source] + 0.5)
            self.leaves[node - len(self.threshold)] = (counts / counts.sum()).log().to(self.leaves)


def build(outputs: int = 2, depth: int = 4) -> nn.Module:
    """The network, with one leaf for all until `copy`. depth: the most questions, 1 to 12; else ModelError."""
    if not 1 <= depth <= 12:
        raise ModelError(f"radiomic_tree: depth {depth}; expected 1 to 12")
    return RadiomicTree(outputs, depth)
