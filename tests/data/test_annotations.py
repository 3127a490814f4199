"""COCO, Pascal VOC and CSV with files written by hand, and what is wrong with them one by one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.data.folders import HEADER, ROWS, table
from xaimed.data.annotations import read_annotations
from xaimed.errors import InputError

VOC = """<annotation><filename>a.png</filename><size><width>40</width><height>30</height></size>
<object><name>malignant</name><bndbox><xmin>1</xmin><ymin>3</ymin><xmax>10</xmax><ymax>30</ymax></bndbox></object>
</annotation>"""


def coco() -> dict[str, list[dict[str, object]]]:
    return {"images": [{"id": 7, "file_name": "a.png", "width": 40, "height": 30}, {"id": 9, "file_name": "b.png"}],
            "categories": [{"id": 2, "name": "malignant"}, {"id": 1, "name": "benign"}],
            "annotations": [{"id": 1, "image_id": 7, "category_id": 2, "bbox": [1.5, 2, 10, 20]}]}


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path) -> str:
    with pytest.raises(InputError) as raised:
        read_annotations(path)
    text = str(raised.value)
    assert path.name in text
    assert "\n" not in text
    return text


def test_csv(tmp_path: Path) -> None:
    found = read_annotations(table(tmp_path))
    one, two, three = found.records
    assert [box.label for box in one.boxes] == ["benign", "malignant"]
    assert [box.edges for box in one.boxes] == [(1, 2, 11, 12), (20.5, 3, 30, 20)]
    assert (two.label, two.boxes, two.patient, two.groups) == ("normal", (), "Doe Jane", {"site": "north"})
    assert three.boxes[0].edges == (0, 0, 40, 30)
    assert found.classes == ("benign", "malignant")
    assert found.boxed


def test_csv_of_labels_alone(tmp_path: Path) -> None:
    found = read_annotations(written(tmp_path / "a.csv", "\ufeffimage,label,split\na.png,dog,train\nb.png,cat,test\n"))
    assert [record.split for record in found.records] == ["train", "test"]
    assert found.classes == ("cat", "dog")
    assert not found.boxed


@pytest.mark.parametrize(("text", "said"), [
    ("image,x0,y0,x1,y1\n", "column label"), ("image,label,x0,y0\n", "column x1, y1"), ("", "column image, label"),
    (HEADER, "no row"), (HEADER + "a.png,benign,1,2,3,,p,s\n", "3 of 4 box edges"),
    (HEADER + "a.png,benign,1,2,x,4,p,s\n", "'x' is no number"), (HEADER + "a.png,benign,1,2,nan,4,p,s\n", "no number"),
    (HEADER + "a.png,benign,5,2,3,4,p,s\n", "no area"), (HEADER + "a.png,,1,2,3,4,p,s\n", "without a label"),
    (HEADER + ",benign,1,2,3,4,p,s\n", "no image"),
    (HEADER + ROWS[0] + "a.png,benign,1,2,3,4,other,north\n", "patient"),
    (HEADER + ROWS[2] * 2, "second row"), ("image,label,patient_name\na,b,c\n", "personal identifier"),
    ("image,label,split\na,b,dev\n", "split 'dev'")])
def test_bad_csv(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(table(tmp_path, text))


def test_csv_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("image,label\nö.png,benign\n".encode("latin-1"))
    assert "not UTF-8" in refused(path)


def test_coco(tmp_path: Path) -> None:
    found = read_annotations(written(tmp_path / "a.json", json.dumps(coco())))
    one, two = found.records
    assert [(box.label, box.edges) for box in one.boxes] == [("malignant", (1.5, 2, 11.5, 22))]
    assert one.size == (40, 30)
    assert (two.image, two.label, two.boxes, two.size) == ("b.png", "normal", (), None)
    assert found.classes == ("benign", "malignant"), "in the order of their numbers"


@pytest.mark.parametrize(("key", "value", "said"), [
    ("bbox", [1, 2, 3], "expected x, y, width, height"), ("bbox", [1, 2, 0, 5], "no area"),
    ("bbox", [1, 2, "w", 5], "'w' is no number"), ("iscrowd", 1, "crowd"), ("image_id", 99, "no 99"),
    ("category_id", 99, "no 99")])
def test_bad_coco(tmp_path: Path, key: str, value: object, said: str) -> None:
    table_ = coco()
    table_["annotations"][0][key] = value
    assert said in refused(written(tmp_path / "a.json", json.dumps(table_)))


EMPTY = '{"images": [], "categories": [], "annotations": []}'


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"images": 3}', EMPTY])
def test_other_json(tmp_path: Path, text: str) -> None:
    assert "COCO" in refused(written(tmp_path / "a.json", text))


def test_voc_counts_from_one(tmp_path: Path) -> None:
    found = read_annotations(written(tmp_path / "a.xml", VOC))
    assert [(box.label, box.edges) for box in found.records[0].boxes] == [("malignant", (0, 2, 10, 30))]
    assert found.records[0].size == (40, 30)


def test_voc_folder(tmp_path: Path) -> None:
    written(tmp_path / "1.xml", VOC)
    written(tmp_path / "2.xml", "<annotation><filename>b.png</filename></annotation>")
    found = read_annotations(tmp_path)
    assert [(record.image, record.label) for record in found.records] == [("a.png", None), ("b.png", "normal")]


BOMB = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;">]><annotation><filename>&c;</filename></annotation>'


@pytest.mark.parametrize(("text", "said"), [
    ("<annotation>", "not XML"), ("<a/>", "begins with <a>"), ("<annotation/>", "no <filename>"),
    (BOMB, "document type"),
    (VOC.replace("<xmin>1</xmin>", ""), "xmin"), (VOC.replace("<xmax>10", "<xmax>0"), "no area"),
    (VOC.replace("<name>malignant</name>", ""), "no <name>")])
def test_bad_voc(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(written(tmp_path / "a.xml", text))


def test_entity_bomb_in_utf16(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(('<?xml version="1.0" encoding="utf-16"?>' + BOMB).encode("utf-16"))
    assert "document type" in refused(path)


def test_no_annotations(tmp_path: Path) -> None:
    assert "no such annotation file" in refused(tmp_path / "none.csv")
    assert "no .xml file" in refused(tmp_path)
    assert "'.txt'" in refused(written(tmp_path / "a.txt", ""))
