"""Examples of whole images: what is wanted in pixels goes where the image goes, and each epoch draws anew."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some

from xaimed.adapters.modelfile import ModelFile, built
from xaimed.errors import PlanError
from xaimed.imaging.filters import Filters
from xaimed.imaging.preprocessing import Preprocessing, prepare_planes
from xaimed.training.example import Example, batch, changed, example, lesson, normalised
from xaimed.training.recipe import Augmentation, Recipe, Schedule
from xaimed.training.settling import model_of
from xaimed.types import Case

PLAIN = Preprocessing(filters=Filters(0, 0.0, 0), segment=False, crop=False, stretch=None, long_side=0, multiple=1)
STILL = Augmentation(flip=False, rotation=0.0, scale=0.0, contrast=0.0, brightness=0.0, gamma=0.0, noise=0.0)


def recipe(change: Augmentation = STILL, **plan: int) -> Recipe:
    return Recipe("tiny", "classification", "plain_cnn", {}, "drawn", augmentation=change, preprocessing=PLAIN,
                  schedule=Schedule(**plan))  # type: ignore[arg-type]


def square(side: int = 24) -> Example:
    """A bright square, wanted as a mask of the same place."""
    image = np.zeros((1, side, side), np.uint8)
    image[0, 4:12, 14:20] = 255
    return Example(image, (image / 255).astype(np.float32), 1)


def test_nothing_changes_where_nothing_is_to_change() -> None:
    one = square()
    image, wanted, label = changed(one, STILL, np.random.default_rng(0))
    np.testing.assert_allclose(image, one.image / 255.0, atol=1e-6)
    np.testing.assert_allclose(wanted, one.wanted, atol=1e-6)
    assert label == 1


@settings(deadline=None, max_examples=30)
@given(seed=some.integers(0, 10_000), crop=some.sampled_from([0, 16]))
def test_what_is_wanted_goes_where_the_image_goes(seed: int, crop: int) -> None:
    change = Augmentation(rotation=20.0, scale=0.2, crop=crop, contrast=0.0, brightness=0.0, gamma=0.0, noise=0.0)
    image, wanted, _ = changed(square(), change, np.random.default_rng(seed))
    assert wanted is not None
    assert image.shape == wanted.shape == (1, crop or 24, crop or 24)
    np.testing.assert_allclose(image, np.clip(wanted, 0, 1), atol=1e-5)


def test_a_flip_mirrors_exactly() -> None:
    one, found = square(), []
    for seed in range(12):
        image, _, _ = changed(one, Augmentation(rotation=0.0, scale=0.0, contrast=0.0, brightness=0.0, gamma=0.0,
                                                noise=0.0), np.random.default_rng(seed))
        plain = np.abs(image - one.image / 255).max() < 1e-5
        mirrored = np.abs(image - one.image[..., ::-1] / 255).max() < 1e-5
        assert plain or mirrored
        found.append(bool(mirrored))
    assert 0 < sum(found) < 12


def test_the_reference_is_brought_to_the_prepared_image() -> None:
    pixels = np.zeros((1, 40, 60), np.float32)
    pixels[0, 10:20, 30:50] = 1
    case = Case("c", pixels, label="b")
    half = Preprocessing(filters=Filters(0, 0.0, 0), segment=False, crop=False, stretch=None, long_side=30, multiple=16)
    one = example(case, prepare_planes(case, half), pixels, ("a", "b"))
    assert one.image.shape == (1, 32, 32)  # 20 x 30 and its padding
    assert one.wanted is not None
    assert one.wanted.shape == one.image.shape
    assert one.wanted[0, 6:9, 16:24].min() == pytest.approx(1)
    assert one.wanted[0, 11:].max() == 0
    assert one.label == 1


def test_a_label_that_is_no_class_is_minus_one() -> None:
    case = Case("c", np.zeros((1, 8, 8), np.float32), label="z")
    assert example(case, prepare_planes(case, PLAIN), None, ("a", "b")).label == -1


def test_an_epoch_draws_every_example_as_often_as_any_other_and_anew() -> None:
    examples = [Example(np.full((1, 4, 4), i, np.uint8), None, i) for i in range(10)]
    found = lesson(examples, recipe(images=20, batch=4), "cpu", lambda network, data: {})
    assert found.steps == 5
    first, second = ([data.labels.tolist() for data in found.batches(np.random.default_rng(e))] for e in (0, 1))
    assert Counter(x for part in first for x in part) == Counter(dict.fromkeys(range(10), 2))
    assert first != second
    assert first == [data.labels.tolist() for data in found.batches(np.random.default_rng(0))]


def test_few_examples_are_drawn_at_most_four_times_an_epoch() -> None:
    examples = [Example(np.zeros((1, 4, 4), np.uint8))] * 5
    assert lesson(examples, recipe(images=1000, batch=4), "cpu", lambda network, data: {}).steps == 5


def test_a_batch_keeps_what_is_wanted_and_says_where_nothing_is() -> None:
    one = square()
    found = batch([changed(one, STILL, np.random.default_rng(0))] * 3, "cpu")
    assert found.images.dtype == torch.float32
    assert (found.images.shape, found.answer.shape, found.labels.tolist()) == ((3, 1, 24, 24), (3, 1, 24, 24), [1] * 3)
    bare = batch([changed(Example(one.image), STILL, np.random.default_rng(0))], "cpu")
    with pytest.raises(PlanError, match="no reference in pixels; expected one for each"):
        _ = bare.answer


def test_images_are_normalised_as_the_adapter_does_it() -> None:
    given = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4]}
    images = torch.rand(2, 3, 16, 16)
    found = normalised(images, Recipe("t", "classification", "inception_tile", {}, "d", input=given))
    torch.testing.assert_close(found[:, 2], (images[:, 2] - 0.6) / 0.4)
    arguments = {"outputs": 2, "channels": 3}
    network = built("inception_tile", arguments)
    steps = {"channels": 3, "segment": False, "crop": False}
    model = model_of(ModelFile("inception_tile", arguments, "classification", ("a", "b"), steps, network.state_dict(),
                               input=given), "cpu")
    torch.testing.assert_close(found, model.normalised(images))  # type: ignore[attr-defined]
    torch.testing.assert_close(normalised(images, recipe()), images)
