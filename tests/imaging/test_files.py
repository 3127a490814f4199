"""Image files of every format against the values that were written, and bad files one by one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.imaging.dicom_files import write_dicom
from xaimed.errors import InputError
from xaimed.imaging import decoded as limits
from xaimed.imaging.files import file_format, read_image

GREY8 = np.random.default_rng(1).integers(0, 256, (7, 5), np.uint8)
GREY16 = np.random.default_rng(2).integers(0, 65536, (7, 5), np.uint16)
RGB8 = np.random.default_rng(3).integers(0, 256, (7, 5, 3), np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm", ".bmp.png"])
def test_grey_8(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(GREY8).save(path)
    decoded = read_image(path)
    np.testing.assert_allclose(decoded.image, GREY8[None] / 255, atol=1e-7)
    assert decoded.bits == 8
    assert decoded.digest == hashlib.sha256(GREY8.tobytes()).hexdigest()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_grey_16(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    assert cv2.imwrite(str(path), GREY16)
    decoded = read_image(path)
    np.testing.assert_allclose(decoded.image, GREY16[None] / 65535, atol=1e-7)
    assert decoded.bits == 16
    assert decoded.digest == hashlib.sha256(GREY16.tobytes()).hexdigest()


def test_the_pixels_not_the_file_make_the_digest(tmp_path: Path) -> None:
    digests = set()
    for name in ("a.png", "b.tif", "c.pgm"):
        Image.fromarray(GREY8).save(tmp_path / name)
        digests.add(read_image(tmp_path / name).digest)
    assert len(digests) == 1


def test_colour_and_dropped_alpha(tmp_path: Path) -> None:
    expected = np.moveaxis(RGB8, -1, 0) / 255
    alpha = np.full((7, 5, 1), 3, np.uint8)
    opaque = np.concatenate([RGB8, alpha], 2)
    for name, values in (("a.png", RGB8), ("b.png", opaque), ("c.tif", RGB8), ("d.ppm", RGB8)):
        Image.fromarray(values).save(tmp_path / name)
        np.testing.assert_allclose(read_image(tmp_path / name).image, expected, atol=1e-7)
    Image.fromarray(np.dstack([GREY8, alpha]), "LA").save(tmp_path / "e.png")
    np.testing.assert_allclose(read_image(tmp_path / "e.png").image, GREY8[None] / 255, atol=1e-7)
    Image.fromarray(RGB8).quantize(256).save(tmp_path / "f.png")
    np.testing.assert_allclose(read_image(tmp_path / "f.png").image, expected, atol=1e-7)


def test_colour_16_keeps_its_depth(tmp_path: Path) -> None:
    values = np.random.default_rng(4).integers(0, 65536, (7, 5, 3), np.uint16)
    assert cv2.imwrite(str(tmp_path / "a.png"), values[..., ::-1])
    decoded = read_image(tmp_path / "a.png")
    np.testing.assert_allclose(decoded.image, np.moveaxis(values, -1, 0) / 65535, atol=1e-7)
    assert decoded.bits == 16


def test_jpeg_and_bilevel(tmp_path: Path) -> None:
    smooth = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    np.testing.assert_allclose(read_image(tmp_path / "a.jpg").image[0], smooth / 255, atol=0.02)
    Image.fromarray(smooth > 99).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_image(tmp_path / "b.png").image[0], smooth > 99)


def test_floating_point(tmp_path: Path) -> None:
    values = (GREY8 / 255).astype(np.float32)
    Image.fromarray(values).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").image[0], values)
    values[2, 2] = np.nan
    Image.fromarray(values).save(tmp_path / "b.tif")
    assert "1 pixels are NaN" in refused(tmp_path / "b.tif")
    Image.fromarray((GREY8 * 4).astype(np.float32)).save(tmp_path / "c.tif")
    assert "expected [0, 1]" in refused(tmp_path / "c.tif")


def test_content_not_name_decides(tmp_path: Path) -> None:
    write_dicom(tmp_path / "scan", GREY8)
    assert file_format(tmp_path / "scan") == "DICOM"
    np.testing.assert_allclose(read_image(tmp_path / "scan").image[0], GREY8 / 255, atol=1e-6)
    Image.fromarray(GREY8).save(tmp_path / "a.jpg", format="PNG")
    assert read_image(tmp_path / "a.jpg").bits == 8


def test_real_film_is_divided_by_255(data_root: Path) -> None:
    path = data_root / "mini-mias" / "images" / "mdb001.png"
    np.testing.assert_allclose(read_image(path).image[0], np.asarray(Image.open(path)) / 255, atol=1e-7)


# Bad files

def refused(path: Path) -> str:
    with pytest.raises(InputError) as raised:
        read_image(path)
    text = str(raised.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    return text


def test_png_renamed_dcm(tmp_path: Path) -> None:
    Image.fromarray(GREY8).save(tmp_path / "a.dcm", format="PNG")
    assert "PNG file by its content, not DICOM" in refused(tmp_path / "a.dcm")


def test_no_image(tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("P5 or not", encoding="utf-8")
    (tmp_path / "word.png").write_text("P5x", encoding="utf-8")
    for name in ("empty.png", "word.png"):
        assert "not an image" in refused(tmp_path / name)
    assert "damaged" in refused(tmp_path / "text.png")
    assert "no such file" in refused(tmp_path / "none.png")
    assert "a folder" in refused(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".pgm"])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_truncated(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:int(share * len(data))])
    assert "damaged or truncated" in refused(path)


def test_pages_and_kinds(tmp_path: Path) -> None:
    pages = [Image.fromarray(GREY8), Image.fromarray(GREY8)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    assert "2 pages" in refused(tmp_path / "a.tif")
    Image.fromarray(RGB8).convert("CMYK").save(tmp_path / "b.jpg")
    assert "CMYK" in refused(tmp_path / "b.jpg")


def test_too_many_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(GREY8).save(tmp_path / "a.png")
    monkeypatch.setattr(limits, "MAX_VALUES", 10)
    assert "35 pixel values" in refused(tmp_path / "a.png")
    monkeypatch.undo()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert "more pixels" in refused(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    assert "more pixels" in refused(tmp_path / "a.png")
