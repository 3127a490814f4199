"""`xaimed data`: what it prints, what it writes, and how it refuses."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.folders import images, table
from tests.imaging.dicom_files import write_dicom
from xaimed.cli import data
from xaimed.cli.app import main


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(["data", *argv]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


def test_describe_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images(tmp_path)
    path = table(tmp_path)
    assert main(["data", "describe", str(tmp_path), "--annotations", str(path)]) == 0
    text = capsys.readouterr().out
    assert "3 images of 2 patients" in text
    assert "malignant" in text
    assert "split digest" in text


def test_describe_mini_mias(data_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "describe", "mini-mias", "--data", str(data_root)]) == 0
    assert "272 images of 136 patients" in capsys.readouterr().out


def test_convert(tmp_path: Path) -> None:
    values = np.arange(0, 4096, 64, dtype=np.uint16).reshape(8, 8)
    source = write_dicom(tmp_path / "a.dcm", values, bits=12)
    colour = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    Image.fromarray(colour).save(tmp_path / "b.tif")
    out = tmp_path / "out"
    assert main(["data", "convert", str(source), str(tmp_path / "b.tif"), "--out", str(out), "--grey"]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.png"]
    with Image.open(out / "a.png") as image:
        np.testing.assert_allclose(np.asarray(image), values / 4095 * 65535, atol=0.51)
    with Image.open(out / "b.png") as image:
        np.testing.assert_allclose(np.asarray(image) / 65535, colour @ [0.299, 0.587, 0.114] / 255, atol=1e-4)
    assert main(["data", "convert", str(source), "--out", str(tmp_path / "eight"), "--bits", "8"]) == 0
    with Image.open(tmp_path / "eight" / "a.png") as image:
        assert image.mode == "L"


def test_convert_writes_all_or_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images(tmp_path)
    (tmp_path / "c.png").write_bytes(b"no image")
    text = refused(capsys, "convert", *(str(tmp_path / f"{n}.png") for n in "abc"), "--out", str(tmp_path / "out"))
    assert "c.png" in text
    assert not (tmp_path / "out").exists()


def test_convert_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images(tmp_path)
    before = (tmp_path / "a.png").read_bytes()
    assert "is there already" in refused(capsys, "convert", str(tmp_path / "a.png"), "--out", str(tmp_path))
    assert (tmp_path / "a.png").read_bytes() == before
    images(tmp_path / "sub", ("a.tif",))
    assert "both become" in refused(capsys, "convert", str(tmp_path / "a.png"), str(tmp_path / "sub/a.tif"), "--out",
                                    str(tmp_path / "out"))


def test_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images(tmp_path)
    (tmp_path / "a.png").rename(tmp_path / "a.dcm")
    out = ("--out", str(tmp_path / "o"))
    assert "PNG file by its content" in refused(capsys, "convert", str(tmp_path / "a.dcm"), *out)
    assert "no such file" in refused(capsys, "convert", str(tmp_path / "x.dcm"), *out)
    assert "did you mean 'mini-mias'" in refused(capsys, "describe", "mini-mia")
    assert "did you mean 'mini-mias'" in refused(capsys, "fetch", "minimias")


def test_fetch_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "fetch", "mini-mias"]) == 0
    text = capsys.readouterr().out
    assert "Info.txt" in text
    assert text.count("\n") == 1


def test_help_has_examples() -> None:
    parser = argparse.ArgumentParser()
    data.add(parser.add_subparsers())
    assert "xaimed data convert *.dcm" in data.EPILOG
