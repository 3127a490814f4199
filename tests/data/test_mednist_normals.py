"""MedNIST with one class as normal: train holds it alone, the splits are MedNIST's, other classes are its anomalies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xaimed.data import mednist, mednist_normals
from xaimed.data.dataset import DataRequest
from xaimed.errors import NotFound


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Sixty drawn images of three classes in the form of the file."""
    draw, count = np.random.default_rng(0), 60
    (tmp_path / "mednist").mkdir()
    number = np.arange(count)
    np.savez(tmp_path / "mednist" / "mednist_drawn.npz", images=draw.integers(0, 256, (count, 8, 8)).astype(np.uint8),
             labels=(number % 3).astype(np.uint8), classes=np.array(["CXR", "Hand", "HeadCT"]),
             names=np.array([f"a/{i:03d}.jpeg" for i in number]), test=(number % 5 == 0).astype(np.uint8))
    return tmp_path


@pytest.mark.parametrize("normal", ["CXR", "Hand"])
def test_train_holds_what_is_normal_alone(root: Path, normal: str) -> None:
    whole = mednist.open(DataRequest("mednist", root=root))
    found = mednist_normals.open(DataRequest("mednist-normals", root=root, options={"normal": normal}))
    labels = {row.case: row.label for row in whole.rows}
    splits = {row.case: row.split for row in whole.rows}
    for index, row in enumerate(found.rows):
        assert row.split == splits[row.case]
        assert row.label == ("normal" if labels[row.case] == normal else "anomaly")
        assert row.groups["kind"] == labels[row.case]
        assert row.split != "train" or row.label == "normal"
        original = whole[[r.case for r in whole.rows].index(row.case)]
        np.testing.assert_array_equal(found[index].image, original.image)
    missing = set(labels) - {row.case for row in found.rows}
    assert missing == {case for case in labels if splits[case] == "train" and labels[case] != normal}


def test_an_unknown_class_is_one_line(root: Path) -> None:
    with pytest.raises(NotFound, match="did you mean 'Hand'"):
        mednist_normals.open(DataRequest("mednist-normals", root=root, options={"normal": "Hnad"}))


def test_the_real_file(data_root: Path) -> None:
    if not (data_root / "mednist").is_dir():
        pytest.skip("no mednist")
    found = mednist_normals.open(DataRequest("mednist-normals", root=data_root))
    counts = {(split, label): sum((row.split, row.label) == (split, label) for row in found.rows)
              for split in ("train", "val", "test") for label in ("normal", "anomaly")}
    assert counts == {("train", "normal"): 350, ("train", "anomaly"): 0, ("val", "normal"): 50,
                      ("val", "anomaly"): 250, ("test", "normal"): 100, ("test", "anomaly"): 500}
