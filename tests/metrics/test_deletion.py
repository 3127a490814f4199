from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.scenery import Counted, disc, scene
from xaimed.metrics.deletion import METRIC, Deletion
from xaimed.metrics.explained import Explained
from xaimed.metrics.insertion import Insertion
from xaimed.metrics.removal import Removal, Sweep, by_region
from xaimed.perturb import fill
from xaimed.scene import Scene
from xaimed.types import Floats

EDGE = 32


def viewed(of: Scene, values: Floats) -> Explained:
    return Explained(of, values, {}, values, None, of.tissue.numpy())


def additive(tissue: Tensor | None = None) -> tuple[Scene, Floats]:
    """f = sum of pixels, with the value of each pixel as its map; the median of the pixels is exactly 0."""
    noise = torch.randn(1, 1, EDGE, EDGE, generator=torch.Generator().manual_seed(4))
    inside = torch.ones(EDGE, EDGE, dtype=torch.bool) if tissue is None else tissue
    image = torch.where(inside, noise - noise[..., inside].median(), torch.tensor(0.0))
    image = torch.where(image > 0, image * 3, image) / 1000
    return scene(image, lambda x: x.sum((1, 2, 3)), inside), image[0, 0].numpy()


def by_hand(values: Floats, mask: np.ndarray, descending: bool, steps: int = 16) -> float:
    """The area for f = sum of pixels and a fill of 0, by a plain loop over sorted pixels."""
    ranked = np.sort(values[mask].astype(np.float64))[::-1]
    total, area = ranked.sum(), 0.0
    sizes = sorted({int(np.ceil(len(ranked) * (i / steps) ** 2 - 1e-9)) for i in range(steps + 1)})
    left = [(ranked[k:] if descending else ranked[:k]).sum() / total for k in sizes]
    for i in range(1, len(sizes)):
        area += (sizes[i] - sizes[i - 1]) / len(ranked) * (left[i] + left[i - 1]) / 2
    return area


@pytest.mark.parametrize("partial", [False, True])
def test_sum_of_pixels_has_its_closed_form(partial: bool) -> None:
    of, values = additive(torch.from_numpy(disc(EDGE, 16, 3, 15)) if partial else None)
    mask = of.tissue.numpy()
    deleted = Deletion(fills=("tissue_median",))(viewed(of, values))["[tissue_median]"]
    inserted = Insertion(fills=("tissue_median",))(viewed(of, values))["[tissue_median]"]
    assert deleted == pytest.approx(by_hand(values, mask, descending=True), abs=1e-3)
    assert inserted == pytest.approx(by_hand(values, mask, descending=False), abs=1e-3)
    assert deleted < 0.5 < inserted


def test_by_region_is_the_mean_of_each_square_and_nothing_in_air() -> None:
    tissue = torch.zeros(EDGE, EDGE, dtype=torch.bool)
    tissue[:, :16] = True
    values = np.random.default_rng(0).random((EDGE, EDGE)).astype(np.float32)
    found = by_region(values, tissue, 8)
    for row in range(0, EDGE, 8):
        for column in (0, 8):
            square = slice(row, row + 8), slice(column, column + 8)
            assert found[square] == pytest.approx(values[square].mean(), rel=1e-5)
    assert not found[:, 16:].any()


def test_grain_that_knows_nothing_is_no_ceiling_once_squares_are_removed() -> None:
    """A similarity that any scattered change of an even image destroys: noise deletes it by pixels, not by squares."""
    place = disc(EDGE, 8, 8, 4)
    image = torch.where(torch.from_numpy(place), 0.9, 0.3)[None, None]

    def left(x: Tensor) -> Tensor:
        seen = x[:, 0][:, torch.from_numpy(place)].mean(1)
        grain = (x[:, 0, :, 1:] - x[:, 0, :, :-1]).abs().mean((1, 2))
        return ((seen - 0.3) / 0.6).clamp(0, 1) * torch.exp(-40 * (grain - 0.025).clamp_min(0))

    of, noise = scene(image, left), np.random.default_rng(1).random((EDGE, EDGE)).astype(np.float32)
    fields = {"fills": ("noise",), "steps": 8}
    pixels, squares = ({name: Deletion(**fields, regions=regions)(viewed(of, values))["[noise]"]  # type: ignore[arg-type]
                        for name, values in (("cause", place.astype(np.float32)), ("noise", noise))}
                       for regions in (0, 16))
    assert squares["cause"] < 0.3
    assert squares["noise"] - squares["cause"] > 0.1
    assert squares["noise"] - squares["cause"] > pixels["noise"] - pixels["cause"]


def test_for_a_sum_deletion_and_insertion_mirror_each_other() -> None:
    of, values = additive()
    for kind in ("blur", "tissue_median", "noise"):
        gone = Removal(of).filled(Sweep(kind))[1] / Removal(of).untouched
        deleted = Deletion(fills=(kind,))(viewed(of, values))[f"[{kind}]"]
        inserted = Insertion(fills=(kind,))(viewed(of, values))[f"[{kind}]"]
        assert deleted + inserted == pytest.approx(1 + gone, abs=1e-4)


def test_a_model_that_dies_at_the_first_pixel_gives_the_minimum() -> None:
    image = torch.rand(1, 1, EDGE, EDGE, generator=torch.Generator().manual_seed(0))
    of = scene(image, lambda x: ((x == image).all(-1).all(-1).all(-1)).float())
    found = Deletion()(viewed(of, image[0, 0].numpy()))
    # One trapezoid, from 1 at nothing to 0 at the first step of 1/256 of the pixels.
    assert found == pytest.approx(dict.fromkeys(("[blur]", "[tissue_median]", "[noise]"), 1 / 512))


def test_a_model_that_looks_at_nothing_keeps_everything() -> None:
    image = torch.rand(1, 1, EDGE, EDGE)
    found = Deletion()(viewed(scene(image, lambda x: torch.full((len(x),), 0.4)), image[0, 0].numpy()))
    assert list(found.values()) == pytest.approx([1.0, 1.0, 1.0])


def blob() -> tuple[Scene, Floats]:
    """A similarity that needs the bright disc, on tissue that is not the whole window."""
    truth, tissue = disc(EDGE, 20, 14, 4), torch.from_numpy(disc(EDGE, 16, 12, 15))
    noise = torch.rand(1, 1, EDGE, EDGE, generator=torch.Generator().manual_seed(2)) * 0.1
    image = torch.where(torch.from_numpy(truth), 0.9, 0.3 + noise) * tissue
    place = torch.from_numpy(truth)

    def bright(x: Tensor) -> Tensor:
        return ((x[:, 0][:, place].mean(1) - 0.35) / 0.55).clamp(0, 1)

    return scene(image, bright, tissue), truth.astype(np.float32)


def test_the_true_cause_beats_chance_and_chance_beats_its_opposite() -> None:
    of, cause = blob()
    chance = np.random.default_rng(0).random((EDGE, EDGE)).astype(np.float32)
    for suffix in METRIC(viewed(of, cause)):
        deleted = [Deletion()(viewed(of, m))[suffix] for m in (cause, chance, -cause)]
        inserted = [Insertion()(viewed(of, m))[suffix] for m in (cause, chance, -cause)]
        assert deleted[0] < deleted[1] - 0.2 < deleted[2] - 0.4, suffix
        assert inserted[0] > inserted[1] + 0.2 > inserted[2] + 0.4, suffix


def test_a_constant_map_is_chance_wherever_the_cause_lies() -> None:
    areas = []
    for row in (4, 9, 14, 19, 24, 27):
        place = torch.from_numpy(disc(EDGE, row, 16, 3))
        image = torch.where(place, 1.0, 0.2)[None, None] + 0.01 * torch.rand(1, 1, EDGE, EDGE)

        def bright(x: Tensor, place: Tensor = place) -> Tensor:
            return ((x[:, 0][:, place].mean(1) - 0.2) / 0.8).clamp(0, 1)

        of = scene(image, bright)
        flat = np.ones((EDGE, EDGE), np.float32)
        areas.append(Removal(of).deletion(flat, Sweep("tissue_median")).area)
    # The mean of 29 uniform ranks has a standard deviation of 0.054.
    assert np.mean(areas) == pytest.approx(0.5, abs=0.06)
    assert max(abs(area - 0.5) for area in areas) < 0.16


def test_the_size_of_batches_does_not_change_a_value() -> None:
    of, cause = blob()
    found = [METRIC(viewed(Scene(**{**vars(of), "chunk": chunk}), cause)) for chunk in (1, 3, 64)]
    assert found[0] == pytest.approx(found[1], abs=1e-6)
    assert found[0] == pytest.approx(found[2], abs=1e-6)


def test_a_network_left_in_training_mode_is_judged_in_eval_and_left_as_it_was() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten(), nn.LazyLinear(1))
    image = torch.rand(1, 1, EDGE, EDGE)
    network(image)
    of = Scene("a", "x", image, torch.ones(EDGE, EDGE, dtype=torch.bool), network, lambda x: network(x)[:, 0].sigmoid(),
               network, {}, lambda v: v)
    values = image[0, 0].numpy()
    mean = network[1].running_mean.clone()
    first, second = METRIC(viewed(of, values)), METRIC(viewed(Scene(**{**vars(of), "chunk": 1}), values))
    assert first == pytest.approx(second, abs=1e-5)
    assert all(part.training for part in network)
    assert torch.equal(mean, network[1].running_mean)


class Viewing(nn.Module):
    """Views its feature map as rows, which a channels-last map does not allow."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)

    def forward(self, images: Tensor) -> Tensor:
        found = self.convolution(images)
        return torch.as_tensor(found.view(len(found), -1).mean(1).sigmoid())


def test_a_network_that_needs_the_default_layout_gets_it() -> None:
    torch.manual_seed(0)
    network = Viewing().eval()
    image = torch.rand(1, 3, EDGE, EDGE)
    of = Scene("a", "x", image, torch.ones(EDGE, EDGE, dtype=torch.bool), network, network, network, {}, lambda v: v)
    before = network.convolution.weight.stride()
    curve = Removal(of).deletion(image[0, 0].numpy(), Sweep("tissue_median", steps=4))
    plain = network(fill(image, of.tissue, "tissue_median")) / network(image)
    assert curve.left[-1] == pytest.approx(float(plain.detach()), abs=1e-5)
    assert network.convolution.weight.stride() == before


def test_nothing_to_remove_or_to_lose_is_not_applicable() -> None:
    of, cause = blob()
    nowhere = Scene(**{**vars(of), "tissue": torch.zeros_like(of.tissue)})
    lost = Scene(**{**vars(of), "similarity": lambda x: torch.full((len(x),), 1e-4)})
    broken = cause.copy()
    broken[3, 3] = np.nan
    for view in (viewed(nowhere, cause), viewed(lost, cause), viewed(of, broken)):
        assert np.isnan(list(METRIC(view).values())).all()


def test_fills_and_the_untouched_scene_run_once_for_all_maps() -> None:
    of, cause = blob()
    counted = Counted(of.similarity)
    of = Scene(**{**vars(of), "similarity": counted})
    shared = Removal(of)
    for values in (cause, -cause, cause * 2):
        view = Explained(of, values, {}, values, None, of.tissue.numpy(), shared)
        Deletion()(view)
        Insertion()(view)
    inner = 15 * 3 * 2 * 3
    assert counted.images == inner + 1 + 3
    assert max(counted.sizes) <= of.chunk


def test_filled_tissue_is_the_last_point_of_the_curve() -> None:
    of, cause = blob()
    curve = Removal(of).deletion(cause, Sweep("blur"))
    content = fill(of.image, of.tissue, "blur")
    assert curve.fraction[[0, -1]].tolist() == [0, 1]
    assert curve.left[0] == 1
    assert curve.left[-1] * float(of.similarity(of.image)) == pytest.approx(float(of.similarity(content)), abs=1e-6)
