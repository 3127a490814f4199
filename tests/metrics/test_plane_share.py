"""The share of each plane: weights of a linear score, planes that are not looked at, and where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.contracts.scene import corner_scene
from xaimed.metrics.explained import Explained
from xaimed.metrics.plane_share import PlaneShare
from xaimed.metrics.removal import Removal


def view(image: Tensor, weight: Tensor) -> Explained:
    """A linear score: sum of weight * image."""
    size = image.shape[2:]
    scene = replace(corner_scene(), image=image, tissue=torch.ones(size, dtype=torch.bool), lesion=None, evidence=None,
                    score=lambda images: (images * weight).flatten(1).sum(dim=1))
    values = np.zeros(size, np.float32)
    full = np.zeros((size[-2], size[-1]), np.float32)
    return Explained(scene, values, {}, full, None, np.ones(full.shape, bool))


def test_a_linear_score_gives_the_shares_of_its_terms() -> None:
    draw = torch.Generator().manual_seed(0)
    image, weight = torch.rand(1, 3, 4, 5, generator=draw), torch.randn(1, 3, 4, 5, generator=draw)
    found = PlaneShare()(view(image, weight))
    terms = np.abs(image.numpy() * weight.numpy())[0].sum(axis=(1, 2))
    assert list(found) == ["[0]", "[1]", "[2]"]
    np.testing.assert_allclose(list(found.values()), terms / terms.sum(), rtol=1e-6)


def test_a_plane_that_is_not_looked_at_has_none() -> None:
    weight = torch.ones(1, 2, 4, 4)
    weight[:, 1] = 0
    assert PlaneShare()(view(torch.rand(1, 2, 4, 4), weight)) == {"[0]": 1.0, "[1]": 0.0}


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 100), st.integers(2, 5))
def test_the_scale_of_the_score_changes_nothing_and_shares_sum_to_one(scale: float, planes: int) -> None:
    draw = torch.Generator().manual_seed(planes)
    image, weight = torch.rand(1, planes, 3, 3, generator=draw), torch.randn(1, planes, 3, 3, generator=draw)
    found, scaled = PlaneShare()(view(image, weight)), PlaneShare()(view(image, scale * weight))
    assert sum(found.values()) == pytest.approx(1)
    assert scaled == pytest.approx(found, rel=1e-4)


def test_the_slices_of_a_volume_are_its_planes() -> None:
    volume, weight = torch.ones(1, 1, 3, 4, 4), torch.zeros(1, 1, 3, 4, 4)
    weight[:, :, 0], weight[:, :, 2] = 1, 3
    assert PlaneShare()(view(volume, weight)) == {"[0]": 0.25, "[1]": 0.0, "[2]": 0.75}


def test_one_plane_no_gradient_and_a_black_image_have_no_share() -> None:
    assert PlaneShare()(view(torch.rand(1, 1, 4, 4), torch.ones(1, 1, 4, 4))) == {}
    assert PlaneShare()(view(torch.zeros(1, 2, 4, 4), torch.ones(1, 2, 4, 4))) == {}
    given_view = view(torch.rand(1, 2, 4, 4), torch.ones(1, 2, 4, 4))
    scene = replace(given_view.scene, score=lambda images: images.detach().flatten(1).sum(dim=1))
    assert PlaneShare()(replace(given_view, scene=scene)) == {}


def test_all_maps_of_a_scene_share_one_gradient() -> None:
    draw = torch.Generator().manual_seed(3)
    plain = view(torch.rand(1, 3, 4, 5, generator=draw), torch.randn(1, 3, 4, 5, generator=draw))
    asked: list[int] = []

    def score(images: Tensor) -> Tensor:
        asked.append(len(images))
        return plain.scene.score(images)

    scene = replace(plain.scene, score=score)
    shared = Removal(scene)
    found = [PlaneShare()(replace(plain, scene=scene, shared=shared, values=plain.values + k)) for k in range(4)]
    assert asked == [1]
    assert found == [PlaneShare()(plain)] * 4
