from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.ndimage import gaussian_filter

from tests.scenery import disc
from xaimed.errors import InputError, NotFound
from xaimed.perturb import FILLS, fill, grid_regions, local_mean, masked, prefixes, ranking, steps


def breast() -> tuple[torch.Tensor, torch.Tensor]:
    tissue = torch.from_numpy(disc(48, 24, 5, 30))
    texture = torch.rand(1, 2, 48, 48, generator=torch.Generator().manual_seed(1)) * 0.2 + 0.5
    return torch.where(tissue, texture, torch.tensor(0.01)), tissue


@pytest.mark.parametrize("kind", FILLS)
def test_air_is_never_touched_and_never_bleeds_in(kind: str) -> None:
    image, tissue = breast()
    found = fill(image, tissue, kind, seed=3)
    assert torch.equal(found[..., ~tissue], image[..., ~tissue])
    inside = found[..., tissue]
    assert inside.min() >= image[..., tissue].min() - 1e-6
    assert inside.max() <= image[..., tissue].max() + 1e-6


@pytest.mark.parametrize("kind", FILLS)
def test_what_lies_in_the_air_does_not_matter(kind: str) -> None:
    image, tissue = breast()
    other = torch.where(tissue, image, torch.tensor(0.9))
    assert torch.allclose(fill(image, tissue, kind)[..., tissue], fill(other, tissue, kind)[..., tissue], atol=1e-6)


def test_blur_is_the_weighted_mean_of_tissue_alone() -> None:
    image, tissue = breast()
    sigma, mask = 2.0, tissue.numpy()
    found = local_mean(image, tissue, sigma)[0, 1].numpy()
    rows, columns = np.nonzero(mask)
    values = image[0, 1].numpy()[mask]
    for row, column in ((24, 5), (1, 20), (30, 33)):
        near = (np.abs(rows - row) <= 6) & (np.abs(columns - column) <= 6)
        weights = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * sigma**2)) * near
        assert found[row, column] == pytest.approx((weights * values).sum() / weights.sum(), abs=1e-5)


def test_a_wide_blur_on_the_coarse_grid_agrees_with_the_direct_one() -> None:
    tissue = disc(100, 40, 10, 55)
    image = np.where(tissue, np.random.default_rng(0).random((100, 100)), 0).astype(np.float32)
    found = local_mean(torch.from_numpy(image)[None, None], torch.from_numpy(tissue), 20.0)[0, 0].numpy()
    above, below = (gaussian_filter(v.astype(float), 20.0, mode="constant", truncate=3.0) for v in (image, tissue))
    assert np.abs(found - above / below)[tissue].max() < 0.003


def test_median_is_the_tissue_s_median() -> None:
    image, tissue = breast()
    found = fill(image, tissue, "tissue_median")
    for channel in range(2):
        inside = np.sort(image[0, channel].numpy()[tissue.numpy()])
        assert float(found[0, channel][tissue].unique()) == pytest.approx(float(inside[(len(inside) - 1) // 2]))


def test_noise_follows_the_seed_and_the_local_spread() -> None:
    tissue = torch.ones(64, 64, dtype=torch.bool)
    image = torch.full((1, 1, 64, 64), 0.5)
    wild = torch.randn(1, 1, 64, 24, generator=torch.Generator().manual_seed(0)) * 0.1 + 0.5
    image[..., 40:] = wild
    first, again, other = (fill(image, tissue, "noise", seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first[..., :28].std() < 1e-3
    assert first[..., 46:].std() == pytest.approx(float(wild.std()), rel=0.15)


def test_fill_leaves_the_image_alone_and_carries_no_gradient() -> None:
    image, tissue = breast()
    before = image.clone()
    image.requires_grad_()
    assert not any(fill(image, tissue, kind).requires_grad for kind in FILLS)
    assert torch.equal(image.detach(), before)


def test_bad_input_is_said_in_one_line() -> None:
    image, tissue = breast()
    with pytest.raises(InputError, match="no tissue"):
        fill(image, torch.zeros_like(tissue), "blur")
    with pytest.raises(InputError, match="expected"):
        fill(image[0], tissue, "blur")
    with pytest.raises(NotFound, match="blur"):
        fill(image, tissue, "blurr")
    with pytest.raises(InputError, match="one value for each pixel"):
        ranking(np.zeros((3, 3), np.float32), tissue)


@settings(max_examples=40, deadline=None)
@given(arrays.arrays(np.float32, (7, 9), elements=st.floats(-5, 5, width=32)),
       arrays.arrays(np.bool_, (7, 9)))
def test_ranking_is_a_permutation_of_the_tissue_by_falling_value(values: np.ndarray, mask: np.ndarray) -> None:
    order = ranking(values, torch.from_numpy(mask)).numpy()
    assert sorted(order) == list(np.flatnonzero(mask))
    assert (np.diff(values.ravel()[order]) <= 0).all()


def test_a_constant_map_has_no_raster_bias() -> None:
    order = ranking(np.ones((64, 64), np.float32), torch.ones(64, 64, dtype=torch.bool)).numpy()
    early_rows, early_columns = np.divmod(order[: len(order) // 4], 64)
    # Uniform means over 1024 of 4096 draws without replacement: standard error 0.5 pixel.
    assert abs(early_rows.mean() - 31.5) < 2
    assert abs(early_columns.mean() - 31.5) < 2
    assert abs(np.corrcoef(np.arange(order.size), order)[0, 1]) < 0.06


def test_ties_within_a_region_are_not_in_raster_order_and_always_the_same() -> None:
    values = np.zeros((32, 32), np.float32)
    values[8:24, 8:24] = 1
    tissue = torch.ones(32, 32, dtype=torch.bool)
    first = ranking(values, tissue)[:256].numpy()
    assert (values.ravel()[first] == 1).all()
    assert (np.diff(first) < 0).mean() == pytest.approx(0.5, abs=0.1)
    assert np.array_equal(first, ranking(torch.from_numpy(values), tissue)[:256].numpy())


def test_nan_ranks_last() -> None:
    values = np.array([[1, np.nan, -3]], np.float32)
    assert ranking(values, torch.ones(1, 3, dtype=torch.bool)).tolist() == [0, 2, 1]


@given(st.integers(1, 5000), st.integers(1, 60))
def test_steps_grow_from_nothing_to_everything(pixels: int, count: int) -> None:
    found = steps(pixels, count)
    assert found[0] == 0
    assert found[-1] == pixels
    assert all(a < b for a, b in pairwise(found))
    assert len(found) <= count + 1


def test_steps_are_denser_at_the_start() -> None:
    assert steps(256, 16) == tuple(i * i for i in range(17))


def test_prefixes_and_masked_agree_with_numpy() -> None:
    image, tissue = breast()
    order = ranking(image[0, 0], tissue)
    sizes = steps(order.numel(), 5)
    content = torch.full_like(image, -1.0)
    for chunk in (1, 4, 100):
        batches = list(masked(image, content, prefixes(order, sizes, (48, 48)), chunk))
        assert max(len(batch) for batch in batches) == min(chunk, len(sizes))
        for size, found in zip(sizes, torch.cat(batches).numpy(), strict=True):
            wanted = image[0].numpy().copy().reshape(2, -1)
            wanted[:, order.numpy()[:size]] = -1
            assert np.array_equal(found.reshape(2, -1), wanted)


@settings(max_examples=30, deadline=None)
@given(st.integers(20, 70), st.integers(20, 70), st.integers(1, 80), st.integers(0, 10))
def test_regions_partition_the_tissue(height: int, width: int, count: int, seed: int) -> None:
    centre = np.random.default_rng(seed).uniform(0.2, 0.8, 2) * (height, width)
    y, x = np.mgrid[:height, :width]
    mask = ((y - centre[0]) / height) ** 2 + ((x - centre[1]) / width) ** 2 < 0.2
    labels = grid_regions(height, width, torch.from_numpy(mask), count).numpy()
    assert ((labels == -1) == ~mask).all()
    sizes = np.bincount(labels[mask])
    assert (sizes > 0).all()
    assert sizes.min() >= min(0.25 * mask.sum() / count, mask.sum() / len(sizes)) - 1
    assert 0.4 * count - 1 <= len(sizes) <= 1.6 * count + 2


def test_a_sliver_joins_its_nearest_region() -> None:
    mask = np.zeros((40, 44), bool)
    mask[:, :40] = True
    mask[0, 40:] = True
    labels = grid_regions(40, 44, torch.from_numpy(mask), 4).numpy()
    assert (labels[0, 40:] == labels[0, 39]).all()


def test_regions_need_tissue() -> None:
    with pytest.raises(InputError, match="regions"):
        grid_regions(4, 4, torch.zeros(4, 4, dtype=torch.bool), 3)
