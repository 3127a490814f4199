"""Windows of phantoms in two modalities: cut where they say, masses plainer in the second, repeatable."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from xaimed.data import phantom_modes, phantom_pairs
from xaimed.data.dataset import DataRequest
from xaimed.data.listed import Listed
from xaimed.errors import InputError, NotFound


@pytest.fixture(scope="module")
def modes() -> Listed:
    return phantom_modes.open(DataRequest("phantom-modes", options={"patients": "3"}))


def test_a_window_is_cut_from_both_images_where_its_affine_says(modes: Listed) -> None:
    pairs = phantom_pairs.open(DataRequest("phantom-pairs", options={"patients": "3"}))
    for index in (0, 1, 5):
        case, pair = modes[index], pairs[index]
        assert case.id == pair.id
        x, y = (int(v) for v in case.affine[:2, 2])
        assert pair.wanted is not None
        for plane, whole in zip(case.image, (pair.image[0], pair.wanted[0]), strict=True):
            cut = cv2.resize(whole[y:y + 56, x:x + 56], (28, 28), interpolation=cv2.INTER_AREA)
            np.testing.assert_allclose(plane, np.clip(cut, 0, 1), atol=1e-6)


def test_a_mass_is_in_the_middle_and_plainer_in_the_second_modality(modes: Listed) -> None:
    shown = [modes[i] for i, row in enumerate(modes.rows) if row.label == "mass"]
    assert 0 < len(shown) < len(modes.rows)
    for case in shown:
        [box] = case.boxes
        assert case.masks is not None
        assert case.masks[0, 10:18, 10:18].any()
        x0, y0, x1, y1 = (int(v) for v in box.edges)
        assert case.masks[0].sum() == case.masks[0, y0:y1, x0:x1].sum()
        contrast = [plane[case.masks[0]].mean() - plane[~case.masks[0]].mean() for plane in case.image]
        assert contrast[1] > contrast[0]


def test_without_a_mass_both_modalities_are_the_same_and_there_is_no_box(modes: Listed) -> None:
    for index, row in enumerate(modes.rows):
        if row.label == "normal":
            case = modes[index]
            assert case.boxes == ()
            np.testing.assert_allclose(case.image[0], case.image[1], atol=2e-3)


@pytest.mark.parametrize(("options", "kind", "said"), [
    ({"size": "60"}, InputError, "size 60, window 56"), ({"window": "200"}, InputError, "window 200"),
    ({"widow": "56"}, NotFound, "did you mean 'window'")])
def test_wrong_options_are_one_line(options: dict[str, str], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        phantom_modes.open(DataRequest("phantom-modes", options=options))
