"""Radiomic features against SciPy and scikit-image, the logistic layer's parts, the tree against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from skimage.feature import graycomatrix, graycoprops
from sklearn.tree import DecisionTreeClassifier
from torch.nn import functional

from tests.toys import stripes
from xaimed.architectures.radiomic import Radiomic, build
from xaimed.architectures.radiomic_tree import RadiomicTree
from xaimed.architectures.radiomic_tree import build as build_tree
from xaimed.architectures.texture import FEATURES, LEVELS, Radiomics, pair_table
from xaimed.errors import ModelError

# On the levels, so that linear bins and hard ones agree; with runs of equal values, so that pairs do not spread evenly.
LEVEL = np.repeat(np.random.default_rng(0).integers(0, LEVELS, (14, 9)), 2, axis=1)
IMAGE = torch.from_numpy(LEVEL / (LEVELS - 1))[None, None]


def found() -> dict[str, float]:
    return dict(zip(FEATURES, Radiomics()(IMAGE)[0].tolist(), strict=True))


def test_first_order_features_are_scipys() -> None:
    values, ours = (LEVEL / (LEVELS - 1)).ravel(), found()
    expected = {
        "mean": values.mean(), "deviation": values.std(), "skewness": stats.skew(values),
        "kurtosis": stats.kurtosis(values, fisher=False), "energy": (values ** 2).mean(),
        "entropy": stats.entropy(np.bincount(LEVEL.ravel()), base=2),
        **{f"quantile_{q}": np.quantile(values, q) for q in (0.1, 0.25, 0.5, 0.75, 0.9)}}
    assert {name: ours[name] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_co_occurrence_is_scikit_images() -> None:
    # Rows count downwards there as here: the angles are 0, 45, 90 and 135 degrees.
    tables = graycomatrix(LEVEL.astype(np.uint8), [1], [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4], LEVELS,
                          symmetric=True, normed=True)
    table = tables.mean(axis=3, keepdims=True)
    assert pair_table(IMAGE[:, 0])[0].numpy() == pytest.approx(table[..., 0, 0], abs=1e-12)
    ours = found()
    for name, theirs in (("contrast", "contrast"), ("dissimilarity", "dissimilarity"), ("homogeneity", "homogeneity"),
                         ("angular_second_moment", "ASM"), ("correlation", "correlation")):
        assert ours[name] == pytest.approx(float(graycoprops(table, theirs)[0, 0]), abs=1e-6), name
    assert ours["joint_entropy"] == pytest.approx(stats.entropy(table.ravel(), base=2), abs=1e-5)


def test_gradients_are_forward_differences() -> None:
    grey, ours = LEVEL / (LEVELS - 1), found()
    length = np.hypot(grey[1:, :-1] - grey[:-1, :-1], grey[:-1, 1:] - grey[:-1, :-1])
    assert ours["gradient_mean"] == pytest.approx(length.mean(), abs=1e-4)
    assert ours["gradient_deviation"] == pytest.approx(length.std(), abs=1e-4)


def test_neighbours_are_counted_and_equal_ones_by_half() -> None:
    height, width = LEVEL.shape
    counts = np.zeros(9)
    for i in range(1, height - 1):
        for j in range(1, width - 1):
            near = LEVEL[i - 1:i + 2, j - 1:j + 2]
            number = (near > LEVEL[i, j]).sum() + ((near == LEVEL[i, j]).sum() - 1) / 2
            low = int(number)
            counts[low] += 1 - (number - low)
            if number > low:
                counts[low + 1] += number - low
    ours = found()
    patterns = [ours[f"brighter_neighbours_{count}"] for count in range(9)]
    assert patterns == pytest.approx(counts / counts.sum(), abs=1e-4)


def test_every_feature_has_a_finite_gradient_even_on_a_flat_image() -> None:
    for image in (torch.full((1, 1, 10, 10), 0.5), torch.zeros(1, 1, 10, 10), torch.rand(1, 1, 10, 10)):
        gradient = torch.autograd.functional.jacobian(lambda one: Radiomics()(one)[0], image)
        assert torch.isfinite(gradient).all()


def test_standardised_features_have_mean_0_and_deviation_1_and_their_parts_add_up() -> None:
    network, (images, _) = build(outputs=2), stripes(20, 16)
    assert isinstance(network, Radiomic)
    network.standard.fit(images)
    features = network.standard(images)
    spread = features.std(dim=0, unbiased=False)
    assert features.mean(dim=0).abs().max() < 1e-3
    assert bool(((spread - 1).abs() < 1e-3).logical_or(spread < 1e-3).all())
    torch.testing.assert_close(network.parts(images).sum(dim=2) + network.linear.bias, network(images))


@pytest.fixture(scope="module")
def grown() -> tuple[RadiomicTree, DecisionTreeClassifier, torch.Tensor]:
    network = build_tree(outputs=3, depth=4)
    assert isinstance(network, RadiomicTree)
    images = torch.rand(120, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    images = images * torch.linspace(0.2, 1, 120)[:, None, None, None]
    truth = (torch.arange(120) // 17 * 5 % 3).numpy()
    network.standard.fit(images)
    features = network.standard(images).numpy()
    estimator = DecisionTreeClassifier(max_depth=4, min_samples_leaf=3, random_state=0).fit(features, truth)
    network.copy(estimator)
    return network, estimator, images


def test_the_tree_ends_in_scikit_learns_leaves(
        grown: tuple[RadiomicTree, DecisionTreeClassifier, torch.Tensor]) -> None:
    network, estimator, images = grown
    fresh = torch.rand(200, 1, 12, 12, generator=torch.Generator().manual_seed(1)) * torch.linspace(
        0.1, 1, 200)[:, None, None, None]
    for some in (images, fresh):
        features = network.standard(some).numpy()
        counts = estimator.tree_.value[estimator.apply(features), 0] * estimator.tree_.n_node_samples[
            estimator.apply(features)][:, None] + 0.5
        expected = counts / counts.sum(axis=1, keepdims=True)
        assert network(some).softmax(dim=1).detach().numpy() == pytest.approx(expected, abs=1e-6)
    assert len(set(estimator.apply(network.standard(images).numpy()))) > 4


def test_the_gradient_of_a_tree_is_zero_and_exists(
        grown: tuple[RadiomicTree, DecisionTreeClassifier, torch.Tensor]) -> None:
    image = grown[2][:1].clone().requires_grad_()
    assert torch.autograd.grad(grown[0](image)[0, 1], image)[0].abs().sum() == 0


def test_a_model_file_keeps_every_threshold(
        grown: tuple[RadiomicTree, DecisionTreeClassifier, torch.Tensor]) -> None:
    """Only single precision is stored by halves."""
    state = grown[0].state_dict()
    assert all(state[name].dtype == torch.float64 for name in ("threshold", "standard.mean", "standard.deviation"))


def test_a_tree_that_does_not_fit_is_refused(
        grown: tuple[RadiomicTree, DecisionTreeClassifier, torch.Tensor]) -> None:
    shallow = build_tree(outputs=3, depth=2)
    assert isinstance(shallow, RadiomicTree)
    with pytest.raises(ModelError, match="expected at most 2"):
        shallow.copy(grown[1])
    with pytest.raises(ModelError, match="1 to 12"):
        build_tree(depth=0)


def test_a_colour_image_is_refused() -> None:
    with pytest.raises(ModelError, match=r"radiomic: images \(1, 3, 8, 8\); expected \(B, 1, h, w\)"):
        build()(functional.pad(torch.zeros(1, 3, 4, 4), (2, 2, 2, 2)))
