"""Whole patients: what the four images promise about each other."""

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from xaimed.data.synthesis import DENSITIES, SITES, VIEWS, PhantomImage, PhantomOptions, make_patient
from xaimed.errors import InputError

Patients = list[tuple[PhantomImage, ...]]
SMALL = PhantomOptions(long_side=128)
MANY = 240


@pytest.fixture(scope="module")
def crowd() -> Patients:
    return [make_patient(5, number, SMALL) for number in range(MANY)]


@pytest.fixture(scope="module")
def ill() -> Patients:
    options = PhantomOptions(long_side=256, lesion_rate=1.0)
    return [make_patient(9, number, options) for number in range(16)]


def _malignant(images: tuple[PhantomImage, ...]) -> bool:
    return any(lesion.label == "malignant" for image in images for lesion in image.lesions)


def _content(images: tuple[PhantomImage, ...]) -> bytes:
    parts = [image.image.tobytes() + image.tissue.tobytes() + image.marker.tobytes() for image in images]
    return b"".join(parts + [lesion.mask.tobytes() for image in images for lesion in image.lesions])


def _within(found: int, share: float, total: int = MANY) -> bool:
    """Whether a count is within four standard deviations of a binomial."""
    return abs(found - share * total) <= 4 * math.sqrt(total * share * (1 - share))


def test_same_seed_and_number_give_the_same_bytes_and_others_do_not() -> None:
    first = _content(make_patient(1, 2, SMALL))
    make_patient(8, 8, SMALL)
    assert _content(make_patient(1, 2, SMALL)) == first
    assert _content(make_patient(1, 3, SMALL)) != first
    assert _content(make_patient(2, 1, SMALL)) != first


def test_the_bytes_do_not_depend_on_the_threads_of_opencv() -> None:
    before, found = cv2.getNumThreads(), set()
    try:
        for threads in (1, 2, 3):
            cv2.setNumThreads(threads)
            found.add(b"".join(_content(make_patient(1, number)) for number in (0, 1)))
    finally:
        cv2.setNumThreads(before)
    assert len(found) == 1


def test_four_views_of_the_default_size_in_twelve_bits() -> None:
    images = make_patient(0, 0)
    assert tuple((image.side, image.view) for image in images) == VIEWS
    for image in images:
        assert image.image.shape == (512, 400)
        assert image.image.dtype == np.uint16
        assert image.image.max() <= 4095
        air = ~image.tissue & ~image.marker
        assert np.percentile(image.image[air], 95) < 60 < np.median(image.image[image.tissue])
        assert image.image[air].std() > 0
        assert 200 <= image.spacing_mm * 512 <= 240


def test_the_chest_wall_is_left_for_left_breasts_and_right_for_right_ones(crowd: Patients) -> None:
    for images in crowd:
        for image in images:
            wall, far = (0, -1) if image.side == "L" else (-1, 0)
            assert image.tissue[:, wall].mean() > 0.3
            assert not image.tissue[:, far].any()


def test_only_oblique_views_show_the_muscle_in_the_upper_chest_wall_corner(crowd: Patients) -> None:
    for images in crowd:
        for image in images:
            assert image.pectoral.any() == (image.view == "MLO")
            assert not (image.pectoral & ~image.tissue).any()
            if image.view == "MLO":
                assert image.pectoral[0, 0 if image.side == "L" else -1]
                assert not image.pectoral[-1].any()


def test_the_nipple_is_the_outermost_part_of_a_craniocaudal_breast(ill: Patients) -> None:
    for image in (image for images in ill for image in images if image.view == "CC"):
        columns = np.flatnonzero(image.tissue.any(axis=0))
        outermost = columns[-1] if image.side == "L" else columns[0]
        assert abs(outermost - image.nipple[0]) * image.spacing_mm < 9


def test_masses_lie_inside_the_breast_and_outside_the_muscle(ill: Patients) -> None:
    for image in (image for images in ill for image in images):
        for lesion in image.lesions:
            assert not (lesion.mask & ~image.tissue).any()
            assert not (lesion.mask & image.pectoral).any()


def test_a_box_is_the_bounds_of_its_mask(ill: Patients) -> None:
    for lesion in (lesion for images in ill for image in images for lesion in image.lesions):
        pixels = np.argwhere(lesion.mask)
        (top, left), (bottom, right) = pixels.min(axis=0), pixels.max(axis=0) + 1
        assert lesion.box == (left, top, right, bottom)


def test_both_views_show_the_same_masses_equally_far_from_the_nipple(ill: Patients) -> None:
    for images in ill:
        assert any(image.lesions for image in images)
        for side in "LR":
            above, oblique = (image for image in images if image.side == side)
            names = [[(m.number, m.label) for m in image.lesions] for image in (above, oblique)]
            assert names[0] == names[1]
            for one, other in zip(above.lesions, oblique.lesions, strict=True):
                assert abs(_from_nipple(above, one.mask) - _from_nipple(oblique, other.mask)) < 5


def _from_nipple(image: PhantomImage, mask: NDArray[np.bool_]) -> float:
    y, x = np.argwhere(mask).mean(axis=0) + 0.5
    return float(np.hypot(x - image.nipple[0], y - image.nipple[1]) * image.spacing_mm)


def test_numbers_are_unique_within_a_patient(ill: Patients) -> None:
    for images in ill:
        numbers = [lesion.number for image in images if image.view == "CC" for lesion in image.lesions]
        assert len(numbers) == len(set(numbers)) in (1, 2)


@pytest.mark.parametrize("number", range(4))
def test_without_masses_a_patient_is_the_same_outside_their_masks(number: int) -> None:
    ill = make_patient(9, number, PhantomOptions(lesion_rate=1.0))
    well = make_patient(9, number, PhantomOptions(lesion_rate=0.0))
    for with_mass, without in zip(ill, well, strict=True):
        assert not without.lesions
        changed = with_mass.image != without.image
        allowed = np.zeros(changed.shape, bool)
        for lesion in with_mass.lesions:
            allowed |= lesion.mask
            assert (changed & lesion.mask).sum() > 0.8 * lesion.mask.sum()
        assert not (changed & ~allowed).any()
        assert (with_mass.marker == without.marker).all()


def test_without_calcifications_a_patient_is_the_same_outside_their_mask() -> None:
    options = PhantomOptions(long_side=256, lesion_rate=0.0, calcification_rate=1.0)
    some = make_patient(4, 1, options)
    none = make_patient(4, 1, PhantomOptions(long_side=256, lesion_rate=0.0, calcification_rate=0.0))
    for with_specks, without in zip(some, none, strict=True):
        changed = with_specks.image != without.image
        assert with_specks.calcifications.any()
        assert not without.calcifications.any()
        assert not (changed & ~with_specks.calcifications).any()
        rise = with_specks.image.astype(int) - without.image
        assert (rise[with_specks.calcifications] >= 0).all()


def test_sites_densities_and_masses_come_in_their_shares(crowd: Patients) -> None:
    for site in SITES:
        assert _within(sum(images[0].site == site.name for images in crowd), site.share)
    for density, share in DENSITIES.items():
        assert _within(sum(images[0].density == density for images in crowd), share)
    ill = [images for images in crowd if any(image.lesions for image in images)]
    assert _within(len(ill), 0.5)
    labels = [m.label for images in ill for image in images if image.view == "CC" for m in image.lesions]
    assert _within(labels.count("malignant"), 0.5, len(labels))
    assert _within(len(labels) - len(ill), 0.3, len(ill))


def test_markers_come_in_their_share_clear_of_the_breast(crowd: Patients) -> None:
    marked = [image for images in crowd for image in images if image.marker_style != "none"]
    assert _within(len(marked), SMALL.marker_rate, 4 * MANY)
    for image in (image for images in crowd for image in images):
        assert image.marker.any() == (image.marker_style != "none")
        assert not (image.marker & image.tissue).any()


def test_a_correlated_marker_is_a_perfect_label() -> None:
    options = PhantomOptions(long_side=128, marker_correlation=1.0)
    for number in range(60):
        images = make_patient(5, number, options)
        assert all((image.marker_style == "special") == _malignant(images) for image in images)


def test_an_uncorrelated_marker_does_not_depend_on_masses(crowd: Patients) -> None:
    for number in range(30):
        well = make_patient(5, number, PhantomOptions(long_side=128, lesion_rate=0.0))
        assert [image.marker_style for image in well] == [image.marker_style for image in crowd[number]]
    special = np.array([any(i.marker_style == "special" for i in images) for images in crowd], float)
    malignant = np.array([_malignant(images) for images in crowd], float)
    assert abs(np.corrcoef(special, malignant)[0, 1]) < 4 / np.sqrt(MANY)


def test_density_makes_breasts_brighter(crowd: Patients) -> None:
    means: dict[str, list[float]] = {density: [] for density in "abcd"}
    for image in (image for images in crowd for image in images if image.view == "CC" and image.site == "A"):
        means[image.density].append(float(image.image[image.tissue].mean()))
    averages = [np.mean(means[density]) for density in "abcd"]
    assert averages == sorted(averages)


@pytest.mark.parametrize(("seed", "number"), [(-1, 0), (0, -1)])
def test_negative_seeds_and_numbers_are_refused(seed: int, number: int) -> None:
    with pytest.raises(InputError, match="must not be negative"):
        make_patient(seed, number)


@pytest.mark.parametrize(
    "wrong", [{"long_side": 64}, {"marker_rate": 1.2}, {"lesion_rate": -0.1}, {"lesion_contrast": 0.0}]
)
def test_options_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        PhantomOptions(**wrong)  # type: ignore[arg-type]
