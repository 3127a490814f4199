"""The prototype network: distances by loops, logits as a sum over prototypes, a prototype found in its image."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xaimed.architectures.prototype_net import PrototypeNet, build
from xaimed.errors import ModelError
from xaimed.training.prototypes import project, prototype_costs


def network() -> PrototypeNet:
    torch.manual_seed(0)
    out = build(outputs=2, widths=(4, 6), per_class=2, depth=3).double().eval()
    assert isinstance(out, PrototypeNet)
    return out


IMAGES = torch.rand(4, 1, 12, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
CLASSES = torch.tensor([0, 1, 0, 1])


def slow_distances(net: PrototypeNet) -> np.ndarray:
    codes, prototypes = net.codes(IMAGES).detach().numpy(), net.prototypes.detach().numpy()
    out = np.zeros((4, 4, 3, 4))
    for n, p, i, j in np.ndindex(*out.shape):
        out[n, p, i, j] = ((codes[n, :, i, j] - prototypes[p]) ** 2).sum()
    return out


def test_similarities_and_logits_are_those_of_the_paper() -> None:
    net = network()
    distances = slow_distances(net)
    assert net.distances(IMAGES).detach().numpy() == pytest.approx(distances, abs=1e-12)
    nearest = distances.min(axis=(2, 3))
    similar = np.log((nearest + 1) / (nearest + 1e-4))
    weight = np.array([[1, 1, -0.5, -0.5], [-0.5, -0.5, 1, 1]])
    assert net(IMAGES).detach().numpy() == pytest.approx(similar @ weight.T, abs=1e-9)
    assert net.similarity_maps(IMAGES).amax(dim=(2, 3)).detach().numpy() == pytest.approx(similar, abs=1e-9)


def test_the_parts_of_the_prototypes_add_up_to_the_logits() -> None:
    net = network()
    torch.testing.assert_close(net.parts(IMAGES).sum(dim=2), net(IMAGES), rtol=0, atol=1e-12)


def test_the_costs_are_the_smallest_distances_to_own_and_other_prototypes() -> None:
    net = network()
    nearest = slow_distances(net).min(axis=(2, 3))
    own = [nearest[n, 2 * c:2 * c + 2].min() for n, c in enumerate(CLASSES.tolist())]
    other = [nearest[n, 2 - 2 * c:4 - 2 * c].min() for n, c in enumerate(CLASSES.tolist())]
    cluster, separation = prototype_costs(net, IMAGES, CLASSES)
    assert float(cluster.detach()) == pytest.approx(np.mean(own), abs=1e-12)
    assert float(separation.detach()) == pytest.approx(-np.mean(other), abs=1e-12)


def test_a_projected_prototype_is_a_patch_of_an_image_of_its_class() -> None:
    net = network()
    before = slow_distances(net)
    source = project(net, IMAGES, CLASSES)
    assert CLASSES[source.image].tolist() == [0, 0, 1, 1]
    for p in range(4):
        n, i, j = int(source.image[p]), int(source.row[p]), int(source.column[p])
        assert before[n, p, i, j] == pytest.approx(before[CLASSES.numpy() == p // 2, p].min(), abs=1e-12)
        assert float(net.distances(IMAGES)[n, p, i, j].detach()) == pytest.approx(0, abs=1e-12)


def test_a_network_without_prototypes_is_refused() -> None:
    with pytest.raises(ModelError, match="one or more"):
        build(per_class=0)
