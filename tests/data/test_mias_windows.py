"""Windows of mini-MIAS: a drawn film with a lesion at a known place, and the real ones."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xaimed.data import mias_crops, mias_normals, mias_patches
from xaimed.data.dataset import DataRequest
from xaimed.data.mini_mias import open as open_mias
from xaimed.errors import InputError, NotFound

ROWS = "mdb001 G CIRC B 512 512 30\nmdb002 G NORM\n"


def drawn(folder: Path) -> Path:
    """Two films: a breast of grey 100 in the left half, and in mdb001 a disc of 200 round (512, 512)."""
    down, across = np.mgrid[0:1024, 0:1024] + 0.5
    breast = np.where((across / 700) ** 2 + ((down - 512) / 480) ** 2 < 1, 100, 2).astype(np.uint8)
    disc = (across - 512) ** 2 + (down - 512) ** 2 <= 30**2
    (folder / "Info.txt").write_text("MIAS\n\n" + ROWS, encoding="latin-1")
    Image.fromarray(np.where(disc, 200, breast).astype(np.uint8)).save(folder / "mdb001.pgm")
    Image.fromarray(breast).save(folder / "mdb002.pgm")
    return folder


def test_a_lesion_lies_where_its_box_says(tmp_path: Path) -> None:
    data = mias_crops.open(DataRequest("mias-crops", drawn(tmp_path), options={"each": "2"}))
    assert [(row.case, row.label) for row in data.rows] == [
        ("mdb002-00", "normal"), ("mdb002-01", "normal"), ("mdb001-00", "lesion")]
    case = data[2]
    assert case.image.shape == (1, 128, 128)
    assert case.boxes[0].edges == (49, 49, 79, 79), "256 film pixels to 128, the radius 30 to 15"
    assert case.masks is not None
    assert (case.masks[0] != (case.image[0] > 150 / 255)).sum() <= 16, "but for pixels that the rim divides"
    assert case.spacing_mm == pytest.approx(0.4)
    x, y, _ = case.affine @ (*case.boxes[0].centre, 1.0)
    assert (x, y) == (512, 512)


def test_normal_windows_lie_in_the_breast_each_at_its_own_place(tmp_path: Path) -> None:
    data = mias_crops.open(DataRequest("mias-crops", drawn(tmp_path), options={"each": "6"}))
    cases = [data[i] for i in range(6)]
    assert all(case.image[0, 64, 64] > 0.35 for case in cases), "the centre is breast"
    assert len({tuple(case.affine[:2, 2]) for case in cases}) == 6
    assert len({case.digest for case in cases} | {mias_crops.open(DataRequest(
        "mias-crops", tmp_path, options={"each": "6"}))[i].digest for i in range(6)}) <= 6


def test_moved_patches_hold_the_mass_within_reach(tmp_path: Path) -> None:
    data = mias_patches.open(DataRequest("mias-patches", drawn(tmp_path), options={"reach": "8", "turns": "5"}))
    # Of one patient alone all is train.
    patches = [data[i] for i, row in enumerate(data.rows) if row.label == "mass"]
    assert len(patches) == 5
    for case in patches:
        down, across = np.nonzero(case.image[0] > 150 / 255)
        assert abs(across.mean() + 0.5 - 32) <= 4.5
        assert abs(down.mean() + 0.5 - 32) <= 4.5
    assert len({case.digest for case in patches}) == 5


@pytest.mark.parametrize("options", [{"window": "16", "size": "32"}, {"window": "2000"}, {"size": "4"}])
def test_cuts_that_do_not_fit(tmp_path: Path, options: dict[str, str]) -> None:
    with pytest.raises(InputError, match="expected 8 <= size <= window"):
        mias_normals.open(DataRequest("mias-normals", drawn(tmp_path), options=options))


def test_absent(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no Info\.txt"):
        mias_normals.open(DataRequest("mias-normals", tmp_path))


def test_real_splits_are_those_of_the_films(data_root: Path) -> None:
    splits = {row.case: row.split for row in open_mias(DataRequest("mini-mias", data_root)).rows}
    for module in (mias_normals, mias_patches, mias_crops):
        data = module.open(DataRequest("mini-mias", data_root))
        assert all(row.split == splits[row.case[:6]] for row in data.rows)
    normals = mias_normals.open(DataRequest("mias-normals", data_root))
    assert {row.label for row in normals.rows if row.split == "train"} == {"normal"}
    assert Counter(row.label for row in normals.rows if row.split == "test") == {"normal": 152, "anomaly": 12}
    kinds = {row.groups["abnormality"] for row in mias_patches.open(DataRequest("mias-patches", data_root)).rows}
    assert kinds == {"none", "circumscribed mass", "spiculated mass", "ill-defined mass"}


def test_black_film_does_not_tell_lesions_from_normal_tissue(data_root: Path) -> None:
    """Windows in tissue alone beside lesions at the film's edge would let a model read the label from black."""
    data = mias_crops.open(DataRequest("mias-crops", data_root))
    lesions = [i for i, row in enumerate(data.rows) if row.label == "lesion"][::5]
    normal = [i for i, row in enumerate(data.rows) if row.label == "normal"][::9]
    dark = [[float((data[i].image < 0.06).mean()) for i in part] for part in (lesions, normal)]
    wins = [(a > b) + 0.5 * (a == b) for a in dark[0] for b in dark[1]]
    assert 0.25 < np.mean(wins) < 0.75
