"""BCCD and its tiles: a drawn set with known boxes, the real lists and files, and faults."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from xaimed.data import bccd, bccd_tiles
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


def test_real_set(data_root: Path) -> None:
    data = bccd.open(DataRequest("bccd", data_root))
    folder = data_root / "bccd"
    for split, count in (("train", 205), ("val", 87), ("test", 72)):
        listed = (folder / "ImageSets" / "Main" / f"{split}.txt").read_text().split()
        assert [row.case for row in data.rows if row.split == split] == [name.replace("_", "-") for name in listed]
        assert len(listed) == count
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
