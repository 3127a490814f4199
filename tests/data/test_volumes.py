"""Volumes and folders with masks: written files of known content, a real DICOM series, and one line for each fault."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.imaging.dicom_files import write_dicom
from xaimed.data.dataset import DataRequest, open_dataset
from xaimed.data.folder import open as open_folder
from xaimed.data.volumes import read_volume
from xaimed.errors import InputError, NotFound

RNG = np.random.default_rng(2)


def nifti(path: Path, values: np.ndarray[tuple[int, ...], np.dtype[np.int16]], flip: bool = False) -> Path:
    """A NIfTI file of 2 x 2 x 5 mm voxels; flip: stored from the patient's right to the left."""
    nibabel = pytest.importorskip("nibabel")
    affine = np.diag([-2.0 if flip else 2.0, 2.0, 5.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    return path


def test_nifti_slices_face_the_reader(tmp_path: Path) -> None:
    values = RNG.integers(0, 1000, (4, 5, 3)).astype(np.int16)
    values[0, 0, 0], values[1, 1, 1] = 0, 1000
    one, other = nifti(tmp_path / "a.nii.gz", values), nifti(tmp_path / "b.nii", values[::-1].copy(), flip=True)
    found = read_volume(one)
    assert found.values.shape == (3, 5, 4)
    assert found.spacing_mm == 2.0
    # x runs to the patient's left (canonical: from right to left hand is -x), y to the front, z to the head.
    assert found.values[2, 0, 0] == pytest.approx(values[3, 4, 2] / 1000)
    assert found.values[0, 4, 3] == values[0, 0, 0]
    np.testing.assert_array_equal(read_volume(other).values, found.values)
    windowed = read_volume(one, 200, 600).values
    np.testing.assert_allclose(windowed, np.clip((found.values * 1000 - 200) / 400, 0, 1), atol=1e-5)


def test_a_folder_of_volumes_gives_slices_or_whole(tmp_path: Path) -> None:
    for i in range(3):
        nifti(tmp_path / f"v{i}.nii", RNG.integers(0, 9, (4, 5, 2 + i)).astype(np.int16))
    data = open_dataset(str(tmp_path))
    assert [len({row.case for row in data.rows}), len({row.patient for row in data.rows})] == [9, 3]
    assert data[0].image.shape == (1, 5, 4)
    whole = open_folder(DataRequest("folder", tmp_path, options={"form": "volume"}))
    assert sorted(whole[i].image.shape for i in range(3)) == [(1, 2 + i, 5, 4) for i in range(3)]
    with pytest.raises(NotFound, match="did you mean 'volume'"):
        open_folder(DataRequest("folder", tmp_path, options={"form": "volumes"}))


def test_a_tiff_of_several_pages(tmp_path: Path) -> None:
    pages = RNG.integers(0, 4096, (4, 6, 7)).astype(np.uint16)
    first, *rest = [Image.fromarray(page) for page in pages]
    first.save(tmp_path / "stack.tif", save_all=True, append_images=rest)
    data = open_dataset(str(tmp_path / "stack.tif"))
    assert len(data) == 4
    span = int(pages.max()) - int(pages.min())
    np.testing.assert_allclose(data[2].image[0], (pages[2].astype(float) - pages.min()) / span, atol=1e-6)


def test_real_series_in_order(data_root: Path) -> None:
    found = read_volume(data_root / "mr-t1-dicom")
    assert found.values.shape == (25, 384, 274) or found.values.shape == (25, 274, 384)
    between = [np.abs(a - b).mean() for a, b in zip(found.values, found.values[1:], strict=False)]
    far = [np.abs(a - b).mean() for a, b in zip(found.values, found.values[12:], strict=False)]
    assert np.mean(between) < 0.6 * np.mean(far), "neighbours look alike"
    data = open_folder(DataRequest("folder", data_root / "mr-t1-dicom", options={"form": "volume"}))
    assert data[0].image.shape == (1, *found.values.shape)


@pytest.mark.parametrize(("name", "content"), [("a.nii", b"nothing"), ("a.nii.gz", b"\x1f\x8b broken"), ("a.png", b"")])
def test_faults(tmp_path: Path, name: str, content: bytes) -> None:
    if name.endswith((".gz", ".nii")):
        pytest.importorskip("nibabel")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="expected") as raised:
        read_volume(tmp_path / name)
    assert "\n" not in str(raised.value)


def test_other_faults(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 3, 3, 2), np.int16), np.eye(4)), tmp_path / "four.nii")
    with pytest.raises(InputError, match=r"4 axes .*expected one volume of 3"):
        read_volume(tmp_path / "four.nii")
    with pytest.raises(InputError, match="0 DICOM files"):
        read_volume(tmp_path)
    nifti(tmp_path / "a.nii", np.ones((3, 3, 3), np.int16))
    with pytest.raises(InputError, match="low below high"):
        read_volume(tmp_path / "a.nii", 5, 1)


# Images with masks

def test_pairs_by_value(tmp_path: Path) -> None:
    mask = np.zeros((5, 6), np.uint8)
    mask[1:3], mask[4] = 1, 2
    for i in range(3):
        for folder, values in (("images", RNG.integers(0, 256, (5, 6), np.uint8)), ("labels", mask)):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(values).save(tmp_path / folder / f"Doe{i}.png")
    data = open_folder(DataRequest("folder", tmp_path))
    assert (data.task, data.classes) == ("segmentation", ("1", "2"))
    assert {name: int(part.sum()) for name, part in data[1].segments.items()} == {"1": 12, "2": 6}
    assert "Doe" not in repr(data.rows)
    Image.fromarray(mask[:, :4]).save(tmp_path / "labels" / "Doe1.png")
    with pytest.raises(InputError, match=r"Doe1\.png: \(5, 4\) pixels; expected \(5, 6\)"):
        open_folder(DataRequest("folder", tmp_path))[1]
    (tmp_path / "labels" / "Doe2.png").unlink()
    with pytest.raises(InputError, match="0 masks named Doe2"):
        open_folder(DataRequest("folder", tmp_path))


def test_binary_masks_are_one_class(tmp_path: Path) -> None:
    for folder, value in (("images", 77), ("masks", 255)):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.full((4, 4), value, np.uint8)).save(tmp_path / folder / "a.png")
    case = open_folder(DataRequest("folder", tmp_path))[0]
    assert set(case.segments) == {"foreground"}
    assert case.segments["foreground"].all()


# The survey's modalities of which no real file is at hand: files of the right kind, SYNTHETIC in content

def test_a_pet_slice(tmp_path: Path) -> None:
    counts = RNG.integers(0, 3000, (8, 8)).astype(np.uint16)
    write_dicom(tmp_path / "pet.dcm", counts, Modality="PT", RescaleSlope="2.5", RescaleIntercept="0")
    case = open_folder(DataRequest("folder", tmp_path))[0]
    span = float(counts.max()) - float(counts.min())
    np.testing.assert_allclose(case.image[0], (counts - float(counts.min())) / span, atol=1e-3)


@pytest.mark.parametrize("kind", ["retinal", "dermoscopy", "histology"])
def test_colour_photographs(tmp_path: Path, kind: str) -> None:
    values = np.kron(RNG.integers(0, 256, (4, 4, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / f"{kind}.jpg", quality=97, subsampling=0)
    case = open_folder(DataRequest("folder", tmp_path))[0]
    assert case.image.shape == (3, 64, 64)
    assert np.abs(np.moveaxis(case.image, 0, -1) - values / 255).mean() < 0.02
