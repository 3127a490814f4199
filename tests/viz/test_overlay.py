"""Overlays: what a pixel must be, for known maps and for any map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from xaimed.errors import InputError
from xaimed.types import Floats
from xaimed.viz import overlay
from xaimed.viz.overlay import GREEN, MAGENTA, Mark

SIZE = (24, 30)
MAPS = arrays.arrays(np.float32, SIZE, elements=st.floats(-1e3, 1e3, width=32) | st.just(float("nan")))


def photo(seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random((1, *SIZE)).astype(np.float32)


def bump(sign: float = 1.0) -> Floats:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.asarray(sign * np.exp(-((y - 12) ** 2 + (x - 15) ** 2) / 20.0), np.float32)


@settings(max_examples=40, deadline=None)
@given(MAPS, st.floats(0, 1), st.sampled_from(overlay.COLORMAPS))
def test_opacity_zero_gives_the_image_back(values: Floats, threshold: float, colormap: str) -> None:
    image = photo()
    expected = np.repeat(np.round(image[0] * 255).astype(np.uint8)[..., None], 3, axis=2)
    made = overlay.overlay(image, values, 0.0, threshold, colormap)
    np.testing.assert_array_equal(made, expected)


@settings(max_examples=40, deadline=None)
@given(MAPS, st.floats(0.05, 1))
def test_alpha_is_zero_exactly_below_the_threshold(values: Floats, threshold: float) -> None:
    if overlay.problem(values):
        return
    finite = np.abs(values[np.isfinite(values)])
    scale = np.percentile(finite[finite > 0], 99.5)
    share = np.minimum(np.abs(values).astype(np.float64) / scale, 1)
    alpha = overlay.heat(values, threshold, "signed")[..., 3]
    clear = np.isfinite(values) & (share < threshold - 1e-4)
    assert (alpha[clear] == 0).all()
    assert (alpha[np.isfinite(values) & (share > threshold + 1e-4)] > 0).all()
    assert (alpha[~np.isfinite(values)] == 255).all()


def test_full_opacity_at_the_peak_is_the_end_of_the_colour_table() -> None:
    made = overlay.overlay(photo(), bump(), 1.0, colormap="signed")
    assert tuple(made[12, 15]) == (255, 205, 105)
    made = overlay.overlay(photo(), bump(-1), 1.0)
    assert tuple(made[12, 15]) == (150, 215, 255)


def test_signed_colours_are_blue_below_and_orange_above_zero() -> None:
    values = np.concatenate([bump()[:, :15], -bump()[:, 15:]], axis=1)
    assert overlay.colormap_of(values) == "signed"
    colours = overlay.heat(values).astype(int)
    assert (colours[12, 13, 0] > colours[12, 13, 2])
    assert (colours[12, 16, 2] > colours[12, 16, 0])


def test_lightness_of_signed_and_cividis_grows_with_the_magnitude() -> None:
    weights = np.array([0.2126, 0.7152, 0.0722])
    signed = overlay.table("signed") @ weights
    assert (np.diff(signed[128:]) > -1e-9).all()
    assert (np.diff(signed[:128]) < 1e-9).all()
    for kind in ("inferno", "cividis"):
        assert (np.diff(overlay.table(kind) @ weights) > -1.5).all(), kind


def test_positive_colour_map_hides_what_is_below_zero() -> None:
    assert overlay.heat(bump(-1), colormap="cividis")[..., 3].max() == 0


@pytest.mark.parametrize(("values", "word"), [
    (np.full(SIZE, 0.3, np.float32), "CONSTANT MAP"), (np.zeros(SIZE, np.float32), "CONSTANT MAP"),
    (np.full(SIZE, np.nan, np.float32), "NO FINITE VALUE")])
def test_a_map_without_information_is_hatched_and_named(values: Floats, word: str) -> None:
    assert overlay.problem(values) == word
    large = np.kron(values, np.ones((10, 10), np.float32))
    made = overlay.overlay(np.zeros((1, *large.shape), np.float32), large, 1.0)
    assert {(96, 96, 96), (168, 168, 168)} <= {tuple(int(v) for v in p) for p in made.reshape(-1, 3)}
    assert (made > 230).all(axis=2).sum() > 50, "the word is written in white"
    assert word.capitalize() in overlay.caption(values)


def test_nan_pixels_are_hatched_and_counted() -> None:
    values = bump()
    values[:4] = np.nan
    rows = overlay.heat(values)[:4, :, :3]
    assert set(np.unique(rows)) == {96, 168}
    assert "Hatched: 120 pixels" in overlay.caption(values)


def test_scale_is_the_percentile_of_the_magnitudes_that_are_not_zero() -> None:
    values = np.zeros((100, 100), np.float32)
    values[0] = np.arange(1, 101) * np.where(np.arange(100) % 2, 1, -1)
    assert overlay.robust_scale(values) == pytest.approx(np.percentile(np.arange(1, 101), 99.5))
    assert "99.5" in overlay.caption(values)
    assert "blue lowers" in overlay.caption(values)


def test_detection_is_solid_green_and_reference_is_dashed_magenta() -> None:
    canvas = np.zeros((60, 80, 3), np.uint8)
    green = overlay.draw_boxes(canvas, [Mark((10, 20, 40, 50), "")])
    assert (green[20, 10:41] == GREEN).all()
    assert (green[20:51, 10] == GREEN).all()
    assert canvas.max() == 0, "the given picture stays as it is"
    truth = overlay.draw_boxes(canvas, [Mark((10, 20, 40, 50), "", "truth")])
    on = (truth[20, 10:41] == MAGENTA).all(axis=1)
    assert 0.3 < on.mean() < 0.95
    assert set(np.unique(truth.reshape(-1, 3), axis=0)[:, 0]) == {0, MAGENTA[0]}


def test_box_of_a_reduced_picture_stands_at_reduced_coordinates() -> None:
    rgb, factor = overlay.fitted(np.zeros((400, 200, 3), np.uint8), 100)
    assert rgb.shape == (100, 50, 3)
    assert factor == 0.25
    drawn = overlay.draw_boxes(rgb, [Mark((40, 80, 120, 160), "")], factor)
    assert (drawn[20, 10:31] == GREEN).all()
    assert (drawn[19, :] == 0).all()


def test_label_is_written_inside_the_picture_even_at_its_edge() -> None:
    canvas = np.zeros((200, 300, 3), np.uint8)
    drawn = overlay.draw_boxes(canvas, [Mark((250, 0, 299, 40), "malignant 0.93")])
    letters = (drawn[:, :249, 1] > 100).sum()
    assert letters > 30


def test_reduction_averages_areas_and_keeps_small_images() -> None:
    image = np.random.default_rng(1).random((1, 40, 20)).astype(np.float32)
    small = overlay.shrunk(image, 20)
    np.testing.assert_allclose(small, image.reshape(1, 20, 2, 10, 2).mean((2, 4)), atol=1e-6)
    assert overlay.shrunk(image, 100) is image


def test_colour_image_keeps_its_channels() -> None:
    image = np.random.default_rng(2).random((3, 5, 6)).astype(np.float32)
    np.testing.assert_array_equal(overlay.grey(image), np.round(np.moveaxis(image, 0, 2) * 255).astype(np.uint8))


def test_png_reads_back_as_the_same_picture() -> None:
    import cv2

    rgb = overlay.overlay(photo(), bump())
    back = cv2.imdecode(np.frombuffer(overlay.png(rgb), np.uint8), cv2.IMREAD_COLOR)
    assert back is not None
    np.testing.assert_array_equal(back[..., ::-1], rgb)


@pytest.mark.parametrize("call", [
    lambda: overlay.overlay(photo(), bump(), 1.2), lambda: overlay.overlay(photo(), bump(), threshold=-0.1),
    lambda: overlay.overlay(photo(), bump(), colormap="jet"), lambda: overlay.overlay(photo(), bump()[:5]),
    lambda: overlay.grey(np.zeros((2, 1, 4, 4), np.float32))])
def test_wrong_input_is_refused(call: object) -> None:
    with pytest.raises(InputError):
        call()  # type: ignore[operator]


def test_the_smallest_numbers_have_a_scale() -> None:
    values = np.full(SIZE, 5e-41, np.float32)
    values[0, 0] = 0
    assert overlay.robust_scale(values) > 0
    assert overlay.heat(values)[..., 3].max() > 0


def test_caption_says_what_the_chosen_colours_hide() -> None:
    values = np.concatenate([bump(), -bump()])
    assert "what lowers it is not shown" in overlay.caption(values, colormap="cividis")
    assert "below 25%" in overlay.caption(values, threshold=0.25)
    assert "not shown" not in overlay.caption(bump(), colormap="cividis")


def test_found_false_and_missed_boxes_are_told_apart_without_colour() -> None:
    canvas = np.zeros((200, 200, 3), np.uint8)
    drawn = {kind: overlay.draw_boxes(canvas, [Mark((20, 20, 180, 180), "", kind)]).max(axis=2) > 128
             for kind in ("detection", "false", "truth", "missed")}
    # Along a line through the middle a double line is met four times, a single one twice.
    assert {kind: int(np.diff(drawn[kind][100].astype(int)).clip(0).sum()) for kind in ("detection", "false")} == {
        "detection": 2, "false": 4}
    # Along the upper side dots are more, and heavier, than dashes.
    runs = {kind: int(np.diff(drawn[kind][20].astype(int)).clip(0).sum()) for kind in ("truth", "missed")}
    assert runs["missed"] > 1.3 * runs["truth"] > 0
    assert drawn["missed"][:30].sum() > 2 * drawn["truth"][:30].sum()
    assert overlay.COLOURS["missed"] == overlay.COLOURS["truth"]
