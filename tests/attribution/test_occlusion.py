from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.attribution.networks import SIZE, Linear, Wrapped, images, scene, small_cnn
from xaimed.attribution import Occlusion
from xaimed.errors import NotFound, PlanError
from xaimed.scene import Joint


def naive(function: object, image: Tensor, side: int, step: int) -> np.ndarray:
    """The mean loss over the black windows on each pixel, window by window."""
    total, count = np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE))
    starts = [*range(0, SIZE - side, step), SIZE - side]
    for y in starts:
        for x in starts:
            hidden = image.clone()
            hidden[..., y : y + side, x : x + side] = 0
            with torch.no_grad():
                total[y : y + side, x : x + side] += float(function(image) - function(hidden))  # type: ignore[operator]
            count[y : y + side, x : x + side] += 1
    return total / count


@pytest.mark.parametrize(("side", "step"), [(4, 2), (5, 3), (1, 1), (16, 16), (7, 7)])
def test_it_equals_window_by_window(side: int, step: int) -> None:
    net, image = small_cnn(), images(1)
    found = Occlusion(window=side / SIZE, stride=step / side, baseline="black").attribute(scene(net, image))
    assert (found.facts["window"], found.facts["stride"]) == (side, step)
    assert np.allclose(found.values, naive(lambda x: net(x)[0, 0], image, side, step), atol=1e-5)


def test_it_equals_captum_where_windows_fit() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from captum.attr import Occlusion as Theirs
    net, image = small_cnn(), images(1)
    theirs = Theirs(net).attribute(image, (1, 4, 4), strides=(1, 2, 2), target=1)
    ours = Occlusion(window=4 / SIZE, stride=0.5, baseline="black").attribute(scene(net, image, target=1))
    assert np.allclose(ours.values, theirs[0, 0].detach().numpy(), atol=1e-5)


def test_a_linear_model_loses_by_each_pixel_what_the_pixel_adds() -> None:
    net, image = Linear(), images(1) - 0.5
    found = Occlusion(window=1 / SIZE, stride=1.0, baseline="black").attribute(scene(net, image))
    assert np.allclose(found.values, (net.weight * image).detach().numpy()[0, 0], atol=1e-4)
    assert found.values.min() < 0 < found.values.max()


def test_windows_that_change_nothing_are_not_asked_for() -> None:
    image = torch.zeros(1, 1, SIZE, SIZE)
    image[..., 3, 5] = 1.0
    found = Occlusion(window=0.25, stride=1.0, baseline="black").attribute(
        scene(Wrapped(lambda x: 2 * x.sum((1, 2, 3))), image)
    )
    assert found.facts["windows"] == 16
    assert found.facts["evaluations"] == 2
    assert np.array_equal(found.values > 0, np.pad(np.ones((4, 4), bool), ((0, 12), (4, 8))))
    assert found.values.max() == pytest.approx(2.0)


def test_boxes_of_one_image_share_the_windows_and_the_chunk_changes_nothing() -> None:
    net, image = small_cnn(), images(1)
    passes: list[int] = []

    def scores(batch: Tensor) -> Tensor:
        passes.append(len(batch))
        return net(batch)

    joint = Joint(scores=scores, similarities=lambda batch: net(batch).sigmoid(), size=3)
    scenes = [replace(scene(net, image, t), joint=joint, column=t) for t in (0, 1, 2)]
    method = Occlusion(window=0.25, stride=0.5)
    together = method.attribute_all(scenes)
    for target, found in enumerate(together):
        alone = method.attribute(scene(net, image, target, chunk=1))
        assert np.allclose(found.values, alone.values, atol=1e-6)
        assert sum(passes) == alone.facts["evaluations"]


def test_it_takes_the_similarity_and_a_score_without_gradient() -> None:
    net, image = small_cnn(), images(1)
    view = scene(net, image)
    found = Occlusion(window=0.25, baseline="black", of="similarity").attribute(view)
    assert np.allclose(found.values, naive(lambda x: net(x)[0, 0].sigmoid(), image, 4, 2), atol=1e-6)
    assert found.facts["evaluations"] == 50


def test_a_chunk_that_does_not_fit_is_halved() -> None:
    net, image = small_cnn(), images(1)

    def score(batch: Tensor) -> Tensor:
        if len(batch) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return net(batch)[:, 0]

    method = Occlusion(window=0.25)
    found = method.attribute(replace(scene(net, image), score=score))
    assert np.allclose(found.values, method.attribute(scene(net, image)).values, atol=1e-6)
    assert found.facts["evaluations"] == 50


def test_what_is_not_finite_is_said_and_bad_parameters_are_refused() -> None:
    view = scene(Wrapped(lambda x: x.sum((1, 2, 3)) * torch.nan), images(1))
    assert Occlusion().attribute(view).note == "not finite: began in the score, behind the last layer"
    with pytest.raises(PlanError, match=r"window 0.*expected both shares"):
        Occlusion(window=0)
    with pytest.raises(NotFound, match="did you mean 'black'"):
        Occlusion(baseline="blak").attribute(view)
