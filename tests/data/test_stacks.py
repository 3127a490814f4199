"""Segmentation sets from files: the EM stack and the tissue maps, drawn with known pixels, and the real ones."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xaimed.data import cdd_cesm, ddsm_tissue, isbi2012_em, nyu_birads
from xaimed.data.dataset import DataRequest
from xaimed.data.masks import components
from xaimed.errors import InputError


def save(path: Path, values: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def drawn_stack(folder: Path) -> Path:
    """Thirty slices of 8 x 8: slice z has the grey z; membrane is the left half of an even one, the right of an odd."""
    for z in range(30):
        label = np.full((8, 8), 255, np.uint8)
        label[:, (slice(0, 4), slice(4, 8))[z % 2]] = 0
        save(folder / "images" / f"{z:02d}.png", np.full((8, 8), z, np.uint8))
        save(folder / "labels" / f"{z:02d}.png", label)
    return folder


@pytest.mark.parametrize(("slice_number", "around"), [(10, [8, 9, 10, 11, 12]), (0, [0, 0, 0, 1, 2]),
                                                      (19, [17, 18, 19, 19, 19]), (24, [24, 24, 24, 25, 26])])
def test_neighbours_come_from_the_own_block(tmp_path: Path, slice_number: int, around: list[int]) -> None:
    data = isbi2012_em.open(DataRequest("isbi2012-em", drawn_stack(tmp_path), options={"radius": "2"}))
    case = data[slice_number]
    assert np.round(case.image[:, 0, 0] * 255).tolist() == around
    assert case.segments["membrane"][0, 0] == (slice_number % 2 == 0)
    assert case.segments["membrane"].sum() == 32


def test_blocks_and_quadrants(tmp_path: Path) -> None:
    whole = isbi2012_em.open(DataRequest("isbi2012-em", drawn_stack(tmp_path)))
    assert [row.split for row in whole.rows] == ["train"] * 20 + ["val"] * 4 + ["test"] * 6
    assert Counter(Counter(row.patient for row in whole.rows).values()) == {2: 15}
    parts = isbi2012_em.open(DataRequest("isbi2012-em", tmp_path, options={"quadrants": "yes", "radius": "0"}))
    assert len(parts) == 120
    right = parts[1]
    assert (right.id, right.image.shape) == ("em-00-1", (1, 4, 4))
    assert not right.segments["membrane"].any()
    assert (right.affine @ (0, 0, 1)).tolist() == [4, 0, 1]


def test_stack_faults(tmp_path: Path) -> None:
    drawn_stack(tmp_path)
    with pytest.raises(InputError, match="option radius"):
        isbi2012_em.open(DataRequest("isbi2012-em", tmp_path, options={"radius": "-1"}))
    (tmp_path / "labels" / "07.png").unlink()
    with pytest.raises(InputError, match=r"07\.png: no such file"):
        isbi2012_em.open(DataRequest("isbi2012-em", tmp_path))


def test_real_stack(data_root: Path) -> None:
    case = isbi2012_em.open(DataRequest("isbi2012-em", data_root))[26]
    folder = data_root / "isbi2012-em"
    np.testing.assert_allclose(case.image[3], np.asarray(Image.open(folder / "images" / "26.png")) / 255, atol=1e-6)
    np.testing.assert_array_equal(case.segments["membrane"], np.asarray(Image.open(folder / "labels" / "26.png")) == 0)
    inside = case.image[3][~case.segments["membrane"]]
    assert case.image[3][case.segments["membrane"]].mean() < inside.mean() - 0.1, "membranes are dark"


def test_real_tissue(data_root: Path) -> None:
    data = ddsm_tissue.open(DataRequest("ddsm-tissue", data_root))
    assert Counter(row.split for row in data.rows) == {"train": 54, "val": 6, "test": 6}
    held = {path.stem for path in (data_root / "ddsm-tissue-seg" / "test" / "images").iterdir()}
    assert {row.case for row in data.rows if row.split == "test"} == {name.replace("_", "-").replace(".", "-")
                                                                     for name in held}
    assert {row.groups["series"] for row in data.rows if row.split == "val"} == {"A", "B", "D"}
    case = data[2]
    labels = data_root / "ddsm-tissue-seg" / "train_valid" / "labels"
    label = np.asarray(Image.open(labels / "A_0010_1.RIGHT_MLO_LI.png"))
    for name, value in (("adipose", 128), ("fibroglandular", 192), ("pectoral", 255)):
        np.testing.assert_array_equal(case.segments[name], label == value)
    assert sum(mask.astype(int) for mask in case.segments.values()).max() == 1


def test_tissue_faults(tmp_path: Path) -> None:
    save(tmp_path / "train_valid" / "images" / "A_0001_1.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match=r"A_0001_1_LI\.png: no such file"):
        ddsm_tissue.open(DataRequest("ddsm-tissue", tmp_path))
    save(tmp_path / "train_valid" / "labels" / "A_0001_1_LI.png", np.full((4, 4), 7, np.uint8))
    with pytest.raises(InputError, match=r"values \[7\]; expected .* 64 and 128, 192, 255"):
        ddsm_tissue.open(DataRequest("ddsm-tissue", tmp_path))[0]


def test_components_by_hand() -> None:
    mask = np.zeros((6, 8), bool)
    mask[1:3, 1:4] = mask[3, 4] = mask[5, 7] = True
    boxes, parts = components(mask, smallest=2)
    assert boxes == ((1, 1, 5, 4),), "touching at a corner joins"
    assert parts.sum() == 7
    assert len(components(mask)[0]) == 2
    assert components(np.zeros((2, 2), bool))[1].shape == (0, 2, 2)


def test_real_cesm(data_root: Path) -> None:
    data = cdd_cesm.open(DataRequest("cdd-cesm", data_root))
    assert len(data) == 20
    twice = [row for row in data.rows if row.patient == "cesm-P212"]
    assert len(twice) == 2
    assert twice[0].split == twice[1].split
    assert Counter(row.groups["mode"] for row in data.rows) == {"low energy": 9, "subtracted": 11}
    case = data[0]
    stored = np.asarray(Image.open(data_root / "cdd-cesm-mini" / "masks" / "flipped_P150_L_DM_CC.png")) > 0
    np.testing.assert_array_equal(case.segments["finding"], stored)
    assert case.masks is not None
    for box, mask in zip(case.boxes, case.masks, strict=True):
        rows, columns = np.nonzero(mask)
        assert box.edges == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_real_exam(data_root: Path, tmp_path: Path) -> None:
    data = nyu_birads.open(DataRequest("nyu-birads", data_root))
    assert [row.case for row in data.rows] == ["nyu-L-CC", "nyu-R-CC", "nyu-L-MLO", "nyu-R-MLO"]
    assert {(row.label, row.split, row.patient) for row in data.rows} == {(None, "test", "nyu-1")}
    save(tmp_path / "L-CC.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match="no R-CC"):
        nyu_birads.open(DataRequest("nyu-birads", tmp_path))
