"""MedNIST and MedMNIST: drawn files with known content, the real ones read a second time, and faults."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xaimed.data import medmnist, mednist, pneumoniamnist
from xaimed.data.dataset import DataRequest, open_dataset
from xaimed.data.npz import planes, read_arrays
from xaimed.errors import InputError, UnsafeFile

RNG = np.random.default_rng(5)


def test_planes() -> None:
    assert planes(np.array([[0, 255]], np.uint8)).tolist() == [[[0.0, 1.0]]]
    assert planes(np.array([[0, 65535]], np.uint16)).tolist() == [[[0.0, 1.0]]]
    colour = RNG.integers(0, 256, (2, 4, 3), np.uint8)
    np.testing.assert_allclose(planes(colour)[2], colour[:, :, 2] / 255, atol=1e-7)
    with pytest.raises(InputError, match="expected unsigned"):
        planes(np.zeros((2, 2)))


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    good, bad, other, pickled = (tmp_path / f"{name}.npz" for name in ("good", "bad", "other", "pickled"))
    np.savez(good, a=np.zeros(2))
    bad.write_bytes(good.read_bytes()[:100])
    other.write_bytes(b"hello")
    np.savez(pickled, a=np.array([{}], object))
    for path in (bad, other):
        with pytest.raises(InputError, match=r"expected"):
            read_arrays(path, ["a"])
    with pytest.raises(UnsafeFile, match="run code"):
        read_arrays(pickled, ["a"])
    with pytest.raises(InputError, match=r"no array b \(found: a\)"):
        read_arrays(good, ["a", "b"])


# MedNIST

def drawn_mednist(folder: Path, count: int = 80) -> dict[str, Any]:
    names = [f"{'Hand' if i % 2 else 'CXR'}/{i:06d}.jpeg" for i in range(count)]
    held = {"images": RNG.integers(0, 256, (count, 8, 8), np.uint8), "labels": np.arange(count) % 2,
            "classes": np.array(["CXR", "Hand"]), "names": np.array(names), "test": np.arange(count) < 16}
    np.savez(folder / "mednist_80.npz", **held)
    return held


def test_mednist_keeps_the_files_test_images(tmp_path: Path) -> None:
    held = drawn_mednist(tmp_path)
    found = mednist.open(DataRequest("mednist", tmp_path))
    assert [row.split == "test" for row in found.rows] == held["test"].tolist()
    assert Counter((row.split, row.label) for row in found.rows if row.split == "val") == {
        ("val", "CXR"): 4, ("val", "Hand"): 4}, "an eighth of 64, alike in both classes"
    assert (found.rows[17].case, found.rows[17].label) == ("Hand-000017", "Hand")
    np.testing.assert_allclose(found[17].image[0], held["images"][17] / 255, atol=1e-7)
    again = mednist.open(DataRequest("mednist", tmp_path, seed=1))
    assert [row.split for row in again.rows] != [row.split for row in found.rows]


def test_real_mednist(data_root: Path) -> None:
    with np.load(data_root / "mednist" / "mednist_3000.npz") as held:
        test, labels, classes, image = held["test"], held["labels"], held["classes"], held["images"][1234]
    found = open_dataset("mednist", root=data_root)
    assert found.classes == tuple(classes)
    assert [row.label for row in found.rows] == [classes[label] for label in labels]
    assert {i for i, row in enumerate(found.rows) if row.split == "test"} == set(np.flatnonzero(test))
    np.testing.assert_allclose(found[1234].image[0], image / 255, atol=1e-7)


# MedMNIST

def drawn_medmnist(path: Path, images: tuple[int, ...] = (6, 6), labels: tuple[int, ...] = (1,)) -> dict[str, Any]:
    path.parent.mkdir(parents=True, exist_ok=True)
    held = {}
    for split, count in (("train", 5), ("val", 2), ("test", 3)):
        held[f"{split}_images"] = RNG.integers(0, 256, (count, *images), np.uint8)
        held[f"{split}_labels"] = np.arange(count * int(np.prod(labels))).reshape(count, *labels).astype(np.uint8) % 3
    np.savez(path, **held)
    return held


@pytest.mark.parametrize(("shape", "expected"), [
    ((6, 6), (1, 6, 6)), ((6, 6, 3), (3, 6, 6)), ((5, 6, 7), (1, 5, 6, 7))])
def test_medmnist_of_grey_colour_and_volumes(tmp_path: Path, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    held = drawn_medmnist(tmp_path / "tissuemnist.npz", shape)
    found = medmnist.open(DataRequest("medmnist", tmp_path))
    assert Counter(row.split for row in found.rows) == {"train": 5, "val": 2, "test": 3}
    assert (found.classes, found.rows[8].label, found.rows[8].case) == (("0", "1", "2"), "1", "test-00001")
    assert found[8].image.shape == expected
    stored = held["test_images"][1] / 255
    np.testing.assert_allclose(found[8].image.sum(), stored.sum(), rtol=1e-5)
    if shape == (6, 6, 3):
        np.testing.assert_allclose(found[8].image[1], stored[:, :, 1], atol=1e-7)


def test_medmnist_faults(tmp_path: Path) -> None:
    drawn_medmnist(tmp_path / "a" / "chestmnist.npz", labels=(14,))
    with pytest.raises(InputError, match="several labels an image"):
        medmnist.open(DataRequest("medmnist", tmp_path))
    drawn_medmnist(tmp_path / "b" / "pneumoniamnist.npz")
    with pytest.raises(InputError, match="2 files"):
        medmnist.open(DataRequest("medmnist", tmp_path))
    with pytest.raises(InputError, match="label 2; expected 0 to 1 of pneumoniamnist"):
        medmnist.open(DataRequest("medmnist", tmp_path, options={"file": "pneumonia*.npz"}))


def test_real_pneumoniamnist(data_root: Path) -> None:
    found = pneumoniamnist.open(DataRequest("pneumoniamnist", data_root))
    counts = Counter((row.split, row.label) for row in found.rows)
    assert counts == {(split, label): n for split, n in (("train", 1214), ("val", 135), ("test", 234))
                      for label in ("normal", "pneumonia")}
    assert any("same number" in text for text in found.warnings)
    other = medmnist.open(DataRequest("medmnist", data_root / "pneumoniamnist"))
    assert [row.label for row in other.rows] == [row.label for row in found.rows]
