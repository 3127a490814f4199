"""What a case's page shows of an answer in pixels: the made image beside the wanted one, and a displacement."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from xaimed.mapfile import MapEntry
from xaimed.report.answers import answer_gallery, answer_words, explained_words, plane_blocks, whole_panels
from xaimed.report.blocks import Gallery, Panel, Text
from xaimed.report.panels import View
from xaimed.types import Floats
from xaimed.viz.warp import gridded, moved

SIDE = 30


def view(image: Floats, planes: dict[str, Floats], channels: tuple[str, ...] = ()) -> View:
    run = SimpleNamespace(planes=lambda case: planes, meta={"data": {"channels": list(channels)}})
    return View(cast(Any, run), "c0", image, (0, 0, SIDE, SIDE))


def pixels(panel: Panel) -> NDArray[np.uint8]:
    drawn = Image.open(io.BytesIO(panel.picture.data)).convert("RGB")
    return np.asarray(drawn.resize((SIDE, SIDE), Image.Resampling.BOX))


def shifted() -> tuple[Floats, dict[str, Floats]]:
    """A square that lies three pixels further right and one higher in the moving image."""
    image = np.zeros((2, SIDE, SIDE), np.float32)
    image[1, 10:20, 10:20] = 1
    image[0, 9:19, 13:23] = 1
    full = np.ones((SIDE, SIDE), np.float32)
    return image, {"found:dx": 3 * full, "found:dy": -full}


def test_a_moved_image_comes_to_lie_on_the_fixed_one() -> None:
    image, planes = shifted()
    gallery = answer_gallery(view(image, planes), "registration")
    assert gallery is not None
    grid, fixed, after, before, left = gallery.panels
    assert [panel.title for panel in (grid, fixed, after)] == ["Moving, with the grid", "Fixed", "Moved"]
    assert np.array_equal(pixels(after), pixels(fixed))
    assert pixels(before).max() > 200
    assert pixels(left).max() == 0
    assert left.title == "|Moved - fixed|, mean 0.000"


def test_of_a_slab_the_middle_slices_are_shown() -> None:
    pair, planes = shifted()
    slab = np.zeros((8, SIDE, SIDE), np.float32)
    slab[2], slab[6] = pair
    gallery = answer_gallery(view(slab, planes), "registration")
    assert gallery is not None
    assert np.array_equal(pixels(gallery.panels[2]), pixels(gallery.panels[1]))
    assert pixels(gallery.panels[1]).max() > 200


def test_the_grid_is_where_the_displacement_sends_it() -> None:
    flat = np.zeros((SIDE, SIDE), np.float32)
    still = gridded(flat, flat, flat).any(axis=2)
    right = gridded(flat, flat + 2, flat).any(axis=2)
    # Lying lines stay, standing ones go two pixels to the right.
    assert np.array_equal(right[:, 8:20], still[:, 6:18])
    assert still.mean() < 0.9
    large = gridded(flat, flat, flat, 4)
    assert large.shape == (4 * SIDE, 4 * SIDE, 3)
    assert np.array_equal(moved(flat + 0.5, flat, flat), flat + 0.5)


def test_a_made_image_beside_the_wanted_one() -> None:
    draw = np.random.default_rng(0)
    image, wanted = draw.random((2, 1, SIDE, SIDE)).astype(np.float32)
    planes = {"found:image": wanted[0] + 0.1, "reference:image": wanted[0]}
    gallery = answer_gallery(view(image, planes), "generation")
    assert gallery is not None
    assert [panel.title for panel in gallery.panels] == ["Input", "Made", "Wanted", "Made less wanted, mean size 0.100"]
    alone = answer_gallery(view(image, {"found:image": wanted[0]}), "generation")
    assert alone is not None
    assert len(alone.panels) == 2


def test_other_tasks_and_runs_without_planes_have_none() -> None:
    image, planes = shifted()
    assert answer_gallery(view(image, planes), "segmentation") is None
    assert answer_gallery(view(image, {}), "registration") is None


@pytest.mark.parametrize(("task", "values", "words"), [
    ("generation", {"MAE": 0.02, "PSNR": 28.1, "SSIM": 0.9}, "by 0.020 on average (grey values from 0 to 1); PSNR 28"),
    ("generation", {}, "there is no wanted one"),
    ("registration", {"target registration error": 0.6, "error before registration": 2.2, "folding": 0.015},
     "by 0.60 mm after registration, and by 2.20 mm before. 1.5 % of the pixels"),
    ("registration", {"folding": 0.0}, "its error is not measured. 0.0 %")])
def test_in_words(task: str, values: dict[str, float], words: str) -> None:
    scores = {("", "", name): value for name, value in values.items()} | {("m", "grad_cam", "SSIM"): 0.1}
    assert words in answer_words(scores, task, spaced=True)


def test_the_moving_and_the_fixed_image_have_their_own_maps_and_the_point() -> None:
    image, planes = shifted()
    spot = image[1] / image[1].sum()
    planes |= {"found:moving": 3 * spot, "found:fixed": spot}
    text, gallery = plane_blocks(view(0 * image, planes), "shift:9,12", "registration")
    assert isinstance(text, Text)
    assert isinstance(gallery, Gallery)
    assert "lie on the fixed one" in text.text
    assert [panel.title for panel in gallery.panels] == ["On the moving image: 0.750", "On the fixed image: 0.250"]
    places = []
    for panel in gallery.panels:
        drawn = np.asarray(Image.open(io.BytesIO(panel.picture.data)).convert("RGB"))
        rows, columns = np.nonzero(drawn.min(axis=2) > 200)
        places.append((columns.mean() * SIDE / drawn.shape[1], rows.mean() * SIDE / drawn.shape[0]))
    # The partner of the point lies three pixels further right and one higher in the moving image.
    assert places[1] == pytest.approx((9, 12), abs=0.2)
    assert np.subtract(*places) == pytest.approx((3, -1), abs=0.2)


def test_maps_of_two_modalities_are_said_to_be_sums_and_both_are_shown() -> None:
    image, _ = shifted()
    pair = view(image, {}, ("faint", "enhanced"))
    (text,) = plane_blocks(pair, "mass", "classification")
    assert isinstance(text, Text)
    assert text.text == "Each map is a sum over faint and enhanced; it lies on faint."
    first, second = whole_panels(pair, "classification")
    assert (first.title, second.title) == ("Faint", "Enhanced")
    assert not np.array_equal(pixels(first), pixels(second))
    assert plane_blocks(view(image, {}), "mass", "classification") == []
    assert whole_panels(view(image, {}), "classification") == []


def test_what_an_autoencoder_gives_back_stands_beside_the_image() -> None:
    image = np.zeros((1, SIDE, SIDE), np.float32)
    shown, rebuilt = whole_panels(view(image, {"found:rebuilt": image[0] + 1, "found:error": image[0]}), "anomaly")
    assert (shown.title, rebuilt.title) == ("Image", "Rebuilt")
    assert pixels(shown).max() == 0
    assert pixels(rebuilt).min() == 255
    assert whole_panels(view(image, {"found:error": image[0]}), "anomaly") == []


def test_what_was_explained_in_words() -> None:
    assert explained_words(MapEntry("shift:69,81", "rise", label="shift")) == "Target: displacement at x 69, y 81"
    assert explained_words(MapEntry("d0", "rise", label="malignant", score=0.912)) == (
        "Target d0: Malignant, score 0.912")
