"""ROAD and its imputation: the sparse system solved independently, bounded fillings, and the traps of other codes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import spsolve
from torch import Tensor

from tests.scenery import disc, scene
from xaimed.metrics.explained import Explained
from xaimed.metrics.imputation import Imputation
from xaimed.metrics.road import Road, blur_matched
from xaimed.scene import Scene
from xaimed.types import Floats, Mask

EDGE = 24
WEIGHTS = {(i, j): (1 / 6 if 0 in (i, j) else 1 / 12) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)}


def by_hand(image: Floats, tissue: Mask, gone: Mask) -> Floats:
    """Rong's system, pixel by pixel, with scipy: a removed pixel is the weighted mean of its neighbours."""
    places = {tuple(p): n for n, p in enumerate(np.argwhere(gone & tissue))}
    system, right = lil_matrix((len(places), len(places))), np.zeros(len(places))
    for (i, j), n in places.items():
        for (di, dj), weight in WEIGHTS.items():
            near = (i + di, j + dj)
            if not (0 <= near[0] < image.shape[0] and 0 <= near[1] < image.shape[1] and tissue[near]):
                continue
            system[n, n] += weight
            if near in places:
                system[n, places[near]] -= weight
            else:
                right[n] += weight * image[near]
    out = image.copy()
    out[tuple(np.array(list(places)).T)] = spsolve(system.tocsr(), right)
    return out


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("round_", [True, False])
def test_the_filling_solves_the_system(share: float, round_: bool) -> None:
    rng = np.random.default_rng(0)
    image = gaussian_filter(rng.random((EDGE, EDGE)), 1).astype(np.float32)
    tissue = disc(EDGE, 12, 11, 11) if round_ else np.ones((EDGE, EDGE), bool)
    smooth = gaussian_filter(rng.random((EDGE, EDGE)), 3)
    gone = smooth > np.quantile(smooth, 1 - share)
    found = Imputation(noise=0, iterations=300, error=1e-7).of(
        torch.from_numpy(image)[None, None], torch.from_numpy(tissue), torch.from_numpy(gone)[None])[0, 0].numpy()
    wanted = by_hand(image, tissue, gone)
    assert np.abs(found - wanted).max() < 2e-3
    assert np.array_equal(found[~gone | ~tissue], image[~gone | ~tissue])


def test_masks_together_are_masks_alone_and_never_leave_the_range() -> None:
    image = torch.rand(1, 2, EDGE, EDGE, generator=torch.Generator().manual_seed(0))
    tissue = torch.from_numpy(disc(EDGE, 12, 12, 10))
    masks = torch.rand(5, EDGE, EDGE, generator=torch.Generator().manual_seed(1)) > 0.3
    masks[4] = True
    imputed = Imputation(noise=0).of(image, tissue, masks)
    alone = torch.cat([Imputation(noise=0).of(image, tissue, mask[None]) for mask in masks])
    assert torch.allclose(imputed, alone, atol=1e-4)
    low, high = image[..., tissue].amin(), image[..., tissue].amax()
    assert imputed[..., tissue].min() >= low - 1e-6
    assert imputed[..., tissue].max() <= high + 1e-6
    # Nothing is left of the last: the mean of the tissue.
    assert torch.allclose(imputed[4, 0][tissue], image[0, 0][tissue].mean(), atol=1e-3)


def test_the_seed_is_its_own_and_the_global_one_is_left_alone() -> None:
    image, masks = torch.rand(1, 1, EDGE, EDGE), torch.ones(1, EDGE, EDGE, dtype=torch.bool)
    tissue = masks[0]
    torch.manual_seed(3)
    before, state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = Imputation(seed=5).of(image, tissue, masks)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    torch.manual_seed(4)
    assert torch.equal(first, Imputation(seed=5).of(image, tissue, masks))
    assert not torch.equal(first, Imputation(seed=6).of(image, tissue, masks))


def bright() -> tuple[Scene, Floats]:
    place = torch.from_numpy(disc(EDGE, 8, 14, 4))
    image = torch.where(place, 0.9, 0.2)[None, None] + 0.02 * torch.rand(1, 1, EDGE, EDGE,
                                                                         generator=torch.Generator().manual_seed(0))

    def left(x: Tensor) -> Tensor:
        return ((x[:, 0][:, place].mean(1) - 0.2) / 0.7).clamp(0, 1)

    return scene(image, left), gaussian_filter(place.numpy().astype(np.float32), 1)


def road(of: Scene, values: Floats, **fields: object) -> dict[str, float]:
    return Road(**fields)(Explained(of, values, {}, values, None, of.tissue.numpy()))  # type: ignore[arg-type]


def test_the_cause_is_positive_its_negative_negative_and_the_control_near_nothing() -> None:
    of, values = bright()
    good, bad = road(of, values), road(of, -values)
    assert good[""] > 0.2
    assert bad[""] == pytest.approx(-good[""], abs=0.02)
    random = [road(of, blur_matched(values, seed), control=False)[""] for seed in range(12)]
    assert abs(np.mean(random)) < 0.1
    assert good["[blur_matched]"] > 0.1
    assert road(of, blur_matched(values, 77))["[blur_matched]"] < good["[blur_matched]"]


def test_a_map_of_zeros_or_a_constant_one_is_nothing_and_not_finite_is_not_applicable() -> None:
    # grad-cam's ROAD removes every pixel for a map of zeros and gives a number below 0.
    of, values = bright()
    for flat in (np.zeros_like(values), np.full_like(values, 3)):
        assert road(of, flat) == {"": 0.0, "[blur_matched]": 0.0}
    values[0, 0] = np.nan
    assert np.isnan(list(road(of, values).values())).all()


def test_scale_does_not_matter_and_every_percentile_counts() -> None:
    of, values = bright()
    assert road(of, values) == pytest.approx(road(of, values * 1000), abs=1e-6)
    parts = [road(of, values, percentiles=(p,), control=False)[""] for p in (10, 50, 90)]
    assert road(of, values, percentiles=(10, 50, 90), control=False)[""] == pytest.approx(np.mean(parts), abs=1e-5)


def test_the_control_is_as_smooth_as_the_map() -> None:
    values = gaussian_filter(np.random.default_rng(0).random((EDGE, EDGE)), 2).astype(np.float32)
    control = blur_matched(values, 1)
    first, second = (np.abs(np.fft.fft2(v - v.mean())) for v in (values, control))
    assert second == pytest.approx(first, abs=1e-3)
    assert abs(np.corrcoef(values.ravel(), control.ravel())[0, 1]) < 0.9
