from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.attribution.networks import Wrapped, images, scene, small_cnn
from tests.attribution.test_masks import every_mask
from xaimed.attribution import DRISE, RISE
from xaimed.errors import PlanError
from xaimed.scene import Joint, Scene
from xaimed.targets import detection_similarity


def crooked(x: Tensor) -> Tensor:
    """A function with a jump, a product and a square."""
    return x[:, 0, 1, 1] * x[:, 0, 2, 3] + (x[:, 0, 0, 2] > 0.6).float() + x.mean((1, 2, 3)) ** 2


def by_enumeration(function: Callable[[Tensor], Tensor], image: Tensor, keep: float) -> NDArray[np.float64]:
    """E[f mask] / E[mask] - E[f] over every mask there is, with black where the image is hidden."""
    masks, chances = every_mask(4, 2, keep)
    output = function(image * torch.from_numpy(masks).float()[:, None]).double().numpy()
    products = np.einsum("n,n,nhw->hw", chances, output, masks)
    return np.asarray(products / np.einsum("n,nhw->hw", chances, masks) - chances @ output)


@pytest.mark.parametrize("keep", [0.5, 0.35])
def test_it_is_the_mean_over_every_mask_within_the_stated_error(keep: float) -> None:
    image = images(1, size=4) + 0.3
    truth = by_enumeration(crooked, image, keep)
    view = scene(Wrapped(crooked), image, chunk=256)
    ratios = []
    for seed in range(24):
        method = RISE(masks=512, error=0.0, cells=2, keep=keep, baseline="black", of="score", seed=seed)
        found = method.attribute(view)
        error = np.sqrt(np.mean((found.values - truth) ** 2))
        assert error < 3 * found.facts["standard_error"]
        assert error / np.sqrt(np.mean(truth**2)) < 4 * found.facts["map_error"]
        ratios.append((error / found.facts["standard_error"]) ** 2)
    assert 0.5 < np.mean(ratios) < 1.6


def test_a_linear_model_needs_few_masks() -> None:
    """What is linear in the masks is predicted once it was seen, and adds no error from then on."""
    blocks = torch.tensor([[1.0, -2.0], [0.5, 3.0]]).repeat_interleave(2, 0).repeat_interleave(2, 1)
    net, image = Wrapped(lambda x: (x[:, 0] * blocks).sum((1, 2))), torch.ones(1, 1, 4, 4)
    found = RISE(masks=256, error=0.0, cells=2, baseline="black", of="score").attribute(scene(net, image, chunk=64))
    truth = by_enumeration(lambda x: net(x)[:, 0], image, 0.5)
    assert found.facts["map_error"] < 0.01
    assert np.linalg.norm(found.values - truth) / np.linalg.norm(truth) < 0.01


def test_it_stops_at_the_stated_error_or_says_so() -> None:
    view = scene(small_cnn(), images(1), chunk=64)
    found = RISE(masks=2048, error=0.2, cells=4).attribute(view)
    assert found.facts["map_error"] <= 0.2
    assert 64 <= found.facts["masks"] < 2048
    assert found.note == ""
    assert found.facts["evaluations"] == found.facts["masks"]
    truth = RISE(masks=2048, error=0.0, cells=4, seed=1).attribute(view)
    assert np.linalg.norm(found.values - truth.values) / np.linalg.norm(truth.values) < 0.4
    short = RISE(masks=100, error=0.001, cells=4).attribute(view)
    assert short.facts["masks"] == 100
    assert short.note.startswith("standard error ")
    assert short.note.endswith(" of the map after 100 masks")


@pytest.mark.parametrize("keep", [0.5, 0.7])
def test_the_chunk_changes_nothing(keep: float) -> None:
    maps = [
        RISE(masks=96, error=0.0, keep=keep).attribute(scene(small_cnn(), images(1), chunk=chunk)).values
        for chunk in (1, 3, 64)
    ]
    assert np.allclose(maps[0], maps[1], atol=1e-6)
    assert np.allclose(maps[0], maps[2], atol=1e-6)


def shared_scenes(net: torch.nn.Module, targets: tuple[int, ...]) -> tuple[list[Scene], list[int]]:
    """Scenes of one image with a joint, and a list to which the size of every joint pass is added."""
    passes: list[int] = []

    def similarities(batch: Tensor) -> Tensor:
        passes.append(len(batch))
        return net(batch)[:, list(targets)].detach().sigmoid()

    joint = Joint(scores=lambda batch: net(batch)[:, list(targets)], similarities=similarities, size=len(targets))
    image = images(1)
    return [replace(scene(net, image, t), joint=joint, column=k) for k, t in enumerate(targets)], passes


def test_boxes_of_one_image_share_the_masked_images() -> None:
    scenes, passes = shared_scenes(small_cnn(), (2, 0, 1))
    method = DRISE(masks=64, error=0.0)
    together = method.attribute_all([scenes[1], scenes[2]])
    assert sum(passes) == 64
    assert max(passes) <= 8
    assert sum(found.facts["evaluations"] for found in together) == 64
    for found, one in zip(together, scenes[1:], strict=True):
        assert np.allclose(found.values, method.attribute(replace(one, joint=None)).values, atol=1e-6)
    assert not np.allclose(together[0].values, together[1].values)


def test_a_score_without_gradient_serves() -> None:
    view = scene(small_cnn(), images(1))
    stepped = replace(view, score=lambda x: torch.from_numpy(view.score(x).detach().numpy().round(3)))
    assert np.ptp(RISE(masks=64, of="score", error=9.0).attribute(stepped).values) > 0


def detector(image: Tensor) -> Scene:
    """A detector of one bright box at 4:12, 4:12, that finds nothing where less than half of it is left."""
    box, wanted = torch.tensor([4.0, 4.0, 12.0, 12.0]), torch.tensor([0.0, 1.0])

    def similarity(batch: Tensor) -> Tensor:
        left = batch[:, 0, 4:12, 4:12].mean((1, 2)) / image[0, 0, 4:12, 4:12].mean()
        found = [box[None] if share > 0.5 else torch.zeros(0, 4) for share in left]
        return torch.stack(
            [detection_similarity(boxes, torch.tensor([[0.1, 0.1, 0.8]] * len(boxes)).view(-1, 3), box, wanted)
             for boxes in found]
        )

    return replace(scene(Wrapped(lambda x: x.sum((1, 2, 3))), image, chunk=1), similarity=similarity)


def test_masked_images_without_a_detection_count_as_zero() -> None:
    """A peer whose first masked image has no detection gives NaN for every box; here the first has none either."""
    view, said = detector(images(1) * 0.2 + 0.6), list[float]()

    def noted(batch: Tensor) -> Tensor:
        said.extend(view.similarity(batch).tolist())
        return view.similarity(batch)

    method = DRISE(masks=400, error=0.1, cells=4, baseline="black", seed=1)
    while not said or said[0] != 0:
        said.clear()
        method = replace(method, seed=method.seed + 1)
        found = method.attribute(replace(view, similarity=noted))
    assert max(said) > 0
    assert np.isfinite(found.values).all()
    positive = np.maximum(found.values, 0)
    assert positive[3:13, 3:13].sum() / positive.sum() > 0.6


def test_a_box_that_is_lost_spoils_no_other() -> None:
    scenes, _ = shared_scenes(small_cnn(), (2, 0, 1))
    joint = scenes[0].joint
    assert joint is not None
    lose = torch.tensor([1.0, torch.nan, 1.0])
    broken = replace(joint, similarities=lambda batch: joint.similarities(batch) * lose)
    method = DRISE(masks=256, error=0.0)
    found = method.attribute_all([replace(one, joint=broken) for one in scenes])
    whole = method.attribute_all(scenes)
    assert found[1].note == "not finite"
    for column in (0, 2):
        assert np.allclose(found[column].values, whole[column].values, atol=1e-7)


def test_a_prediction_that_few_masks_keep_is_found_without_bias() -> None:
    """Whole blocks of nothing but zeros count as much as the others."""
    image = images(1, size=4) + 0.3
    rare = Wrapped(lambda x: (x.mean((1, 2, 3)) > 0.93 * image.mean()).float())
    truth = by_enumeration(lambda x: rare(x)[:, 0], image, 0.5)
    made = [RISE(masks=2048, error=0.0, cells=2, baseline="black", of="score", seed=seed)
            .attribute(scene(rare, image, chunk=256)).values for seed in range(20)]
    spread = np.std(made, axis=0, ddof=1) / np.sqrt(len(made))
    assert 0 < np.abs(truth).max() < 0.05
    assert (np.abs(np.mean(made, axis=0) - truth) < 4.5 * spread + 1e-4).all()


def test_a_prediction_that_every_mask_loses_is_said() -> None:
    view = replace(detector(images(1)), similarity=lambda batch: torch.zeros(len(batch)))
    found = DRISE(masks=200).attribute(view)
    assert found.note == "nothing of the prediction is left under any of 200 masks: raise keep"
    assert not found.values.any()


def test_an_output_that_is_not_finite_ends_the_search_and_is_said() -> None:
    view = replace(scene(small_cnn(), images(1)), similarity=lambda batch: torch.full((len(batch),), torch.nan))
    found = RISE(masks=1000).attribute(view)
    assert found.note == "not finite"
    assert found.facts["masks"] == 64


@pytest.mark.parametrize("wrong", [{"masks": 2}, {"keep": 1.0}, {"cells": 0}, {"of": "label"}, {"error": -1.0}])
def test_bad_parameters_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(PlanError, match=r"d_rise: .* expected masks >= 4"):
        replace(DRISE(), **wrong)  # type: ignore[arg-type]
