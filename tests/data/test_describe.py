"""Counts of a described dataset against rows counted by hand."""

from __future__ import annotations

from pathlib import Path

from tests.data.folders import images, table
from xaimed.data.dataset import DataRequest, open_dataset
from xaimed.data.describe import describe
from xaimed.data.folder import open as open_folder
from xaimed.data.split import manifest_digest


def test_counts_by_hand(tmp_path: Path) -> None:
    images(tmp_path)
    table(tmp_path, "image,label,patient,site,split\na.png,x,1,north,train\nb.png,y,1,south,train\nc.png,x,2,,test\n")
    dataset = open_folder(DataRequest("folder", tmp_path))
    found = describe(dataset)
    assert found.splits == ("train", "test")
    assert found.patients == {"train": 1, "test": 1}
    assert found.classes == {"x": {"train": 1, "test": 1}, "y": {"train": 1}}
    assert found.groups == {"site": {"north": {"train": 1}, "south": {"train": 1}, "not given": {"test": 1}}}
    assert found.manifest == manifest_digest(dataset.rows)
    text = str(found)
    assert "x           1       1       2" in text
    assert "images         2       1       3" in text
    assert "classification, real, 3 images of 2 patients" in text


def test_mini_mias_tells_its_warnings(data_root: Path) -> None:
    text = str(describe(open_dataset("mini-mias", root=data_root)))
    for said in ("research purposes only", "bottom-left", "mdb059, mdb216, mdb233, mdb245", "mdb212, mdb214", "mdb274",
                 "272 images of 136 patients", "dense-glandular", "MIAS"):
        assert said in text
    assert "SYNTHETIC" not in text


def test_groups_of_copies_are_not_called_patients(data_root: Path) -> None:
    text = str(describe(open_dataset("busi", root=data_root)))
    assert "757 images of 573 groups (patients are not known)" in text
    assert ["groups", "473", "51", "49", "573"] in [line.split() for line in text.splitlines()]
    assert "\npatients" not in text


def test_many_values_are_gathered(tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(20)]
    images(tmp_path, names)
    table(tmp_path, "image,label,device\n" + "".join(f"{n},x,d{i}\n" for i, n in enumerate(names)))
    assert "8 other values" in str(describe(open_folder(DataRequest("folder", tmp_path))))


def test_phantoms_are_called_synthetic() -> None:
    assert "SYNTHETIC" in str(describe(open_dataset("phantom", limit=8)))
