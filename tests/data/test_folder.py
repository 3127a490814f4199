"""A folder of images as a dataset: pseudonyms, truth, splits, and one clear line for whatever is wrong."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.folders import HEADER, ROWS, images, table
from tests.imaging.dicom_files import NUMBER, write_dicom
from xaimed.data.dataset import DataRequest, open_dataset
from xaimed.data.folder import FolderDataset, open_files
from xaimed.data.folder import open as open_folder
from xaimed.errors import InputError, NotFound


def opened(folder: Path, annotations: Path | None = None) -> FolderDataset:
    return open_folder(DataRequest("folder", folder, annotations))


def refused(folder: Path, annotations: Path | None = None) -> str:
    with pytest.raises(InputError) as raised:
        opened(folder, annotations)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_csv_folder(tmp_path: Path) -> None:
    images(tmp_path)
    table(tmp_path)
    found = opened(tmp_path)
    assert (len(found), found.task, found.classes, found.synthetic) == (3, "detection", ("benign", "malignant"), False)
    assert [row.label for row in found.rows] == ["malignant", "normal", "benign"]
    assert [row.groups["site"] for row in found.rows] == ["north", "north", "south"]
    case = found[0]
    pixels = np.asarray(Image.open(tmp_path / "a.png"))
    np.testing.assert_allclose(case.image[0], pixels / 255, atol=1e-6)
    assert case.digest == hashlib.sha256(pixels.tobytes()).hexdigest()
    assert [box.label for box in case.boxes] == ["benign", "malignant"]
    assert (case.id, case.label, case.patient) == (f"c{case.digest[:12]}", "malignant", found.rows[0].patient)


def test_pseudonyms_tell_neither_name_nor_file(tmp_path: Path) -> None:
    images(tmp_path / "one")
    table(tmp_path / "one")
    renamed = images(tmp_path / "two", ("x.png", "sub/y.png", "z.png"))
    table(renamed, HEADER + "".join(ROWS).replace("a.png", "x.png").replace("b.png", "y.png").replace("c.png", "z.png")
          .replace("Doe Jane", "P9"))
    one, two = opened(tmp_path / "one"), opened(renamed)
    assert {row.case for row in one.rows} == {row.case for row in two.rows}
    assert {row.patient for row in one.rows} == {row.patient for row in two.rows}
    assert one.rows[0].patient == one.rows[1].patient != one.rows[2].patient
    assert "Doe" not in repr(one.rows)
    assert "4711" not in repr(one.rows)


def test_dicom_patients_stay_together(tmp_path: Path) -> None:
    for i in range(30):
        values = np.random.default_rng(i).integers(0, 4096, (8, 8), np.uint16)
        write_dicom(tmp_path / f"{i:02d}.dcm", values, bits=12, PatientID=f"{NUMBER}-{i // 3}")
    found = opened(tmp_path)
    patients = [row.patient for row in found.rows]
    assert [patients.count(p) for p in patients] == [3] * 30
    assert all(len({row.split for row in found.rows if row.patient == p}) == 1 for p in patients)
    assert sorted({row.split for row in found.rows}) == ["test", "train", "val"]
    assert NUMBER not in repr(found.rows)


def test_cbis_patients(data_root: Path) -> None:
    found = open_dataset(str(data_root / "cbis-ddsm-dicom"))
    assert len({row.patient for row in found.rows}) == 2
    assert {row.label for row in found.rows} == {None}
    assert any("no annotations" in text for text in found.warnings)


def test_copies_are_one_patient_and_are_told(tmp_path: Path) -> None:
    images(tmp_path)
    (tmp_path / "d.png").write_bytes((tmp_path / "a.png").read_bytes())
    found = opened(tmp_path)
    assert len({row.case for row in found.rows}) == 4
    assert found.rows[0].patient == found.rows[3].patient
    assert any("1 images are copies" in text for text in found.warnings)


def test_given_splits_are_kept_and_checked(tmp_path: Path) -> None:
    images(tmp_path)
    text = "image,label,patient,split\na.png,x,1,test\nb.png,y,2,train\nc.png,x,3,val\n"
    table(tmp_path, text)
    found = opened(tmp_path)
    assert [row.split for row in found.rows] == ["test", "train", "val"]
    assert found.task == "classification"
    table(tmp_path, text.replace("2,train", "1,train"))
    assert "one patient's images" in refused(tmp_path)
    table(tmp_path, text.replace("2,train", "2,"))
    assert "1 images have no split" in refused(tmp_path)


def test_images_without_a_record_are_told(tmp_path: Path) -> None:
    images(tmp_path)
    table(tmp_path, HEADER + ROWS[3])
    found = opened(tmp_path)
    assert len(found) == 1
    assert any("2 images have no record" in text for text in found.warnings)


def test_equal_names_in_two_folders(tmp_path: Path) -> None:
    images(tmp_path, ("l/a.png", "r/a.png"))
    table(tmp_path, "image,label\nl/a.png,x\nr/a.png,y\n")
    assert [row.label for row in opened(tmp_path).rows] == ["x", "y"]
    table(tmp_path, "image,label\na.png,x\n")
    assert "2 files of that name" in refused(tmp_path)


def test_files_in_the_order_given(tmp_path: Path) -> None:
    images(tmp_path)
    files = [tmp_path / "c.png", tmp_path / "a.png"]
    assert open_files(files).files == tuple(files)


# What is wrong, one by one

def test_no_folder_and_no_images(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no folder"):
        opened(tmp_path / "none")
    (tmp_path / "notes.txt").write_text("nothing", encoding="utf-8")
    (tmp_path / ".hidden").mkdir()
    images(tmp_path / ".hidden")
    assert f"{tmp_path}: no image" in refused(tmp_path)


def test_box_outside_its_image(tmp_path: Path) -> None:
    images(tmp_path)
    table(tmp_path, HEADER + "".join(ROWS[:3]) + "c.png,benign,30,5,41,20,4711,south\n")
    text = refused(tmp_path)
    assert "c.png: box (30.0, 5.0, 41.0, 20.0) lies outside the image of 40 x 30" in text


def test_unreadable_file(tmp_path: Path) -> None:
    images(tmp_path)
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes()[:200])
    assert "b.png" in refused(tmp_path)
    (tmp_path / "b.png").write_bytes(b"")
    assert "b.png: not an image" in refused(tmp_path)


def test_png_renamed_dcm(tmp_path: Path) -> None:
    images(tmp_path)
    (tmp_path / "b.png").rename(tmp_path / "b.dcm")
    assert "b.dcm: a PNG file" in refused(tmp_path)


def test_annotated_image_is_absent_or_of_another_size(tmp_path: Path) -> None:
    images(tmp_path)
    (tmp_path / "b.png").unlink()
    table(tmp_path)
    assert "name b.png, and no file" in refused(tmp_path)
    size = {"images": [{"id": 1, "file_name": "a.png", "width": 30, "height": 40}], "categories": [], "annotations": []}
    other = tmp_path / "coco.json"
    other.write_text(json.dumps(size), encoding="utf-8")
    assert "40 x 30 pixels, but its annotation says 30 x 40" in refused(tmp_path, other)


def test_two_annotations(tmp_path: Path) -> None:
    images(tmp_path)
    table(tmp_path)
    (tmp_path / "annotations.json").write_text("{}", encoding="utf-8")
    assert "choose it with --annotations" in refused(tmp_path)
    assert len(opened(tmp_path, tmp_path / "annotations.csv")) == 3
