"""BCCD and its tiles: a drawn set with known boxes, the real lists and files, and faults."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from xaimed.data import bccd, bccd_tiles
from xaimed.data.copies import likeness
from xaimed.data.dataset import DataRequest
from xaimed.errors import InputError, NotFound

BOX = "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"


def drawn(folder: Path, boxes: tuple[tuple[object, ...], ...]) -> Path:
    """One smear of 640 x 480, grey, with a red square in each box, in the list train; val and test are empty."""
    pixels = np.full((480, 640, 3), 128, np.uint8)
    for _, x0, y0, x1, y1 in boxes:
        pixels[int(str(y0)) - 1:int(str(y1)), int(str(x0)) - 1:int(str(x1))] = (250, 5, 5)
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    Image.fromarray(pixels).save(folder / "JPEGImages" / "B_1.jpg", quality=98)
    (folder / "Annotations" / "B_1.xml").write_text(
        "<annotation><filename>B_1.jpg</filename><size><width>640</width><height>480</height></size>"
        + "".join(BOX.format(*box) for box in boxes) + "</annotation>")
    for split, text in (("train", "B_1\n"), ("val", ""), ("test", "")):
        (folder / "ImageSets" / "Main" / f"{split}.txt").write_text(text)
    return folder


def test_boxes_and_those_without_area(tmp_path: Path) -> None:
    data = bccd.open(DataRequest("bccd", drawn(tmp_path, (("WBC", 101, 201, 140, 260), ("RBC", 9, 9, 9, 9)))))
    assert [(box.label, *box.edges) for box in data[0].boxes] == [("WBC", 100, 200, 140, 260)]
    assert data.warnings[-1] == "1 boxes without area are left out"
    assert [row.label for row in data.rows] == ["WBC"]


@pytest.mark.parametrize(("labels", "rarest"), [(("RBC", "Platelets", "WBC"), "Platelets"), (("WBC", "RBC"), "WBC"),
                                                (("RBC",), "RBC"), ((), None)])
def test_an_image_is_labelled_by_its_rarest_cell(tmp_path: Path, labels: tuple[str, ...], rarest: str | None) -> None:
    boxes = tuple((label, 101, 201, 140, 260) for label in labels)
    assert bccd.open(DataRequest("bccd", drawn(tmp_path, boxes))).rows[0].label == rarest


def test_a_tile_is_centred_on_its_cell(tmp_path: Path) -> None:
    boxes = (("Platelets", 301, 201, 320, 220), ("WBC", 1, 1, 30, 30), ("RBC", 61, 301, 120, 360))
    data = bccd_tiles.open(DataRequest("bccd-tiles", drawn(tmp_path, boxes)))
    assert [row.label for row in data.rows] == ["RBC", "Platelets"], "the white cell is too near to the corner"
    case = data[1]
    assert case.image.shape == (3, 80, 80)
    assert case.boxes[0].edges == (35, 35, 45, 45)
    assert case.image[0, 36:44, 36:44].min() > 0.9 > 0.6 > case.image[0, :30].max()
    x, y, _ = case.affine @ (40, 40, 1)
    assert (x, y) == (310, 210)
    held = data[0]
    assert held.boxes[0].centre == ((90 - 10) / 2, 40), "held at the edge: the window begins at x = 10"


def test_faults(tmp_path: Path) -> None:
    folder = drawn(tmp_path, (("Cell", 101, 201, 140, 260),))
    with pytest.raises(InputError, match="a box is labelled 'Cell'"):
        bccd.open(DataRequest("bccd", folder))
    with pytest.raises(InputError, match="expected 16 <= size <= window"):
        bccd_tiles.open(DataRequest("bccd-tiles", folder, options={"size": "8"}))
    (folder / "ImageSets" / "Main" / "val.txt").write_text("B_2\n")
    with pytest.raises(InputError, match=r"val\.txt names B_2"):
        bccd.open(DataRequest("bccd", folder))
    with pytest.raises(NotFound, match="Shenggan"):
        bccd.open(DataRequest("bccd", tmp_path / "none"))


def test_a_repeated_field_is_left_out_of_the_later_split(tmp_path: Path) -> None:
    folder = drawn(tmp_path, (("WBC", 101, 201, 140, 260),))
    late, early = "BloodImage_00391", "BloodImage_00386"
    for name in (late, early):
        shutil.copy(folder / "JPEGImages" / "B_1.jpg", folder / "JPEGImages" / f"{name}.jpg")
        shutil.copy(folder / "Annotations" / "B_1.xml", folder / "Annotations" / f"{name}.xml")
    lists = folder / "ImageSets" / "Main"
    for val, test, kept, left in ((early, late, {"B-1", "BloodImage-00386"}, True),
                                  (late, early, {"B-1", "BloodImage-00386", "BloodImage-00391"}, False),
                                  ("", late, {"B-1", "BloodImage-00391"}, False)):
        (lists / "val.txt").write_text(val)
        (lists / "test.txt").write_text(test)
        data = bccd.open(DataRequest("bccd", folder))
        assert {row.case for row in data.rows} == kept
        assert any("1 images of val and test are left out" in text for text in data.warnings) == left


def greys(smears: Iterable[bccd.Smear]) -> list[NDArray[np.uint8]]:
    return [np.asarray(Image.open(smear.path).convert("L")) for smear in smears]


def test_what_is_left_out_shows_the_same_cells(data_root: Path) -> None:
    smears = {smear.path.stem: smear for smear in bccd.read_smears(DataRequest("bccd", data_root)).items}
    late, early = ([smears[name] for name in names] for names in (bccd.COPIES, bccd.COPIES.values()))
    assert all(bccd.SPLITS.index(a.split) > bccd.SPLITS.index(b.split) for a, b in zip(late, early, strict=True))
    found = likeness(greys(late), greys(early), bccd.SHARE)
    assert np.diagonal(found).min() > 0.75
    assert np.median(found) < 0.5 < bccd.ALIKE


@pytest.mark.slow
def test_nothing_else_is_found(data_root: Path) -> None:
    smears = bccd.read_smears(DataRequest("bccd", data_root)).items
    images, found = greys(smears), set()
    place = np.array([bccd.SPLITS.index(smear.split) for smear in smears])
    for split in (1, 2):
        own, before = np.flatnonzero(place == split), np.flatnonzero(place < split)
        alike = likeness([images[i] for i in own], [images[i] for i in before], bccd.SHARE).max(axis=1)
        found |= {smears[i].path.stem for i, value in zip(own, alike, strict=True) if value > bccd.ALIKE}
        assert not ((alike > 0.61) & (alike < 0.76)).any(), "no doubtful one"
    assert found == set(bccd.COPIES)


def test_real_set(data_root: Path) -> None:
    data = bccd.open(DataRequest("bccd", data_root))
    folder = data_root / "bccd"
    for split, count in (("train", 205), ("val", 79), ("test", 61)):
        listed = (folder / "ImageSets" / "Main" / f"{split}.txt").read_text().split()
        assert [row.case for row in data.rows if row.split == split] == [
            name.replace("_", "-") for name in listed if name not in bccd.COPIES]
        assert len([row for row in data.rows if row.split == split]) == count
    case = data[7]
    root = ET.parse(folder / "Annotations" / f"{case.id.replace('-', '_')}.xml").getroot()
    seen = [(item.findtext("name"), int(item.findtext("bndbox/xmin") or 0) - 1, int(item.findtext("bndbox/ymax") or 0))
            for item in root.iter("object")]
    assert [(box.label, box.x0, box.y1) for box in case.boxes] == seen
    assert "2 boxes without area are left out" in data.warnings


def test_real_tiles(data_root: Path) -> None:
    data = bccd_tiles.open(DataRequest("bccd-tiles", data_root))
    counts = Counter(row.label for row in data.rows)
    assert counts["WBC"] > 300
    assert max(Counter(row.patient for row in data.rows if row.label == "RBC").values()) == 2
    purple = {label: np.mean([data[i].image[2, 30:50, 30:50].mean() - data[i].image[1, 30:50, 30:50].mean()
                              for i in [i for i, row in enumerate(data.rows) if row.label == label][:25]])
              for label in ("RBC", "WBC")}
    assert purple["WBC"] > purple["RBC"] + 0.1, "stained nuclei are purple"
