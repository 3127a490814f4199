"""Explaining files from the shell: pictures and maps under pseudonyms, on real DICOM where it is at hand."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xaimed.cli.app import main
from xaimed.content import folder

MODEL = str(folder("models") / "mammogram-detector" / "model.pt")


def _film(path: Path) -> Path:
    from xaimed import open_dataset

    case = next(c for c in open_dataset("phantom", split="test") if c.boxes)
    Image.fromarray((case.image[0] * 65535).astype(np.uint16)).save(path)
    return path


def test_a_picture_and_the_maps_of_the_best_boxes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = _film(tmp_path / "Doe_Jane.png")
    code = main(["explain", MODEL, str(film), "--methods", "grad_cam,saliency", "--out", str(tmp_path / "out")])
    told = capsys.readouterr().out
    assert code == 0
    written = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert len(written) == 2
    assert not any("Doe" in name for name in written)
    maps = np.load(next((tmp_path / "out").glob("*.npz")))
    height, width = np.asarray(Image.open(film)).shape
    names = [name for name in maps.files if name != "about"]
    assert {name.split("/")[0] for name in names} == {"grad_cam", "saliency"}
    assert all(maps[name].shape == (height, width) and np.ptp(maps[name]) > 0 for name in names)
    assert json.loads(str(maps["about"]))["saliency/d0"]["caption"].startswith("Saliency(")
    picture = np.asarray(Image.open(next((tmp_path / "out").glob("*.png"))))
    assert picture.shape[1] >= 3 * 400
    assert "d0" in told
    green = (picture[..., 1] > 180) & (picture[..., 0] < 120) & (picture[..., 2] < 120)
    assert green.sum() > 100


def test_real_dicom_of_another_origin(data_root: Path, tmp_path: Path) -> None:
    films = sorted((data_root / "cbis-ddsm-dicom").glob("*.dcm"))
    if not films:
        pytest.skip("no CBIS-DDSM films in the data folder")
    film = films[0]
    assert main(["explain", MODEL, str(film), "--methods", "grad_cam", "--out", str(tmp_path)]) == 0
    assert len(list(tmp_path.glob("*.png"))) == 1


@pytest.mark.parametrize(("arguments", "words"), [
    (["none.dcm"], "no file none.dcm"),
    (["film.png", "--methods", "grad_cm"], "did you mean 'grad_cam'"),
    (["text.png"], "text.png"),
    (["film.png", "--methods", ","], "no method; expected the name of one or more"),
    (["film.png", "--methods", "grad_cam,grad-cam"], "method grad_cam is given twice"),
    (["film.png", "--targets", "0"], "'0'; expected a whole number from 1 on"),
    (["film.png", "--targets", "-2"], "'-2'; expected a whole number from 1 on"),
    (["film.png", "--out", "film.png"], "film.png is a file; expected a folder"),
    (["film.png", "--out", "film.png/deeper"], "film.png is a file; expected a folder"),
])
def test_bad_input_is_one_line(arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                               capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    _film(tmp_path / "film.png")
    (tmp_path / "text.png").write_text("no picture")
    code = main(["explain", MODEL, "--out", "out", *arguments])
    message = [line for line in capsys.readouterr().err.splitlines() if line.startswith("xaimed")]
    assert code == 2
    assert len(message) == 1
    assert words in message[0]
    assert not list(tmp_path.glob("out/*"))


def test_a_method_without_its_package_is_told_before_anything_is_explained(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if find_spec("zennit") is not None:
        pytest.skip("zennit is installed")
    film = _film(tmp_path / "film.png")
    assert main(["explain", "no-such-model.pt", str(film), "--methods", "grad_cam,lrp"]) == 2
    assert "pip install 'xaimed[lrp]'" in capsys.readouterr().err


def test_one_bad_image_leaves_the_others_and_their_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The key from paths to pseudonyms comes line by line, for every image that was explained."""
    draw = np.random.default_rng(0)
    (tmp_path / "b.png").write_text("no picture")
    for name in ("a.png", "c.png"):
        Image.fromarray(draw.integers(0, 255, (64, 64), np.uint8)).save(tmp_path / name)
    model, out = str(folder("models") / "pneumoniamnist-lenet" / "model.pt"), tmp_path / "out"
    code = main(["explain", model, str(tmp_path), "--methods", "saliency", "--out", str(out)])
    told = capsys.readouterr()
    assert code == 2
    key = [line.partition("  (")[0].split(" -> ") for line in told.out.splitlines()]
    assert [Path(source).name for source, _ in key] == ["a.png", "c.png"]
    assert sorted(Path(written) for _, written in key) == sorted(out.glob("*.png"))
    said = [line for line in told.err.splitlines() if line.startswith("xaimed: ")]
    assert len(said) == 1
    assert "b.png" in said[0]


@pytest.mark.parametrize("name", ["mednist-rbm", "mednist-elman"])
def test_a_default_method_that_cannot_explain_the_model_is_left_out(
        name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(folder("models") / name / "model.pt")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32), np.uint8)).save(tmp_path / "a.png")
    common = ["explain", model, str(tmp_path / "a.png"), "--targets", "1", "--out", str(tmp_path / "out")]
    assert main(common) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
    assert len(said) == 1
    assert said[0].startswith("grad_cam is left out: case c")
    assert "no layer gives a feature map" in said[0]
    held = np.load(next((tmp_path / "out").glob("*.npz")))
    assert {key.partition("/")[0] for key in held.files} == {"about", "integrated_gradients", "gradient_shap",
                                                             "kernel_shap"}
    assert main([*common, "--methods", "grad_cam,kernel_shap"]) == 2
    assert "no layer gives a feature map" in capsys.readouterr().err


def test_a_slice_of_a_volume_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(folder("models") / "mednist-lenet" / "model.pt")
    pixels = np.random.default_rng(0).integers(0, 255, (5, 64, 64)).astype(np.uint8)
    pages = [Image.fromarray(page) for page in pixels]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    ask = ["--methods", "saliency", "--out", str(tmp_path / "out")]
    assert main(["explain", model, str(tmp_path / "scan.tif"), *ask]) == 0
    assert main(["explain", model, str(tmp_path / "scan.tif"), "--slice", "4", *ask]) == 0
    names = sorted(path.stem for path in (tmp_path / "out").glob("*.png"))
    assert [name[-3:] for name in names] == ["002", "004"]
    capsys.readouterr()
    assert main(["explain", model, str(tmp_path / "scan.tif"), "--slice", "5", *ask]) == 2
    assert "slice 5 of a volume of 5; expected 0 to 4" in capsys.readouterr().err
    pages[0].save(tmp_path / "one.png")
    assert main(["explain", model, str(tmp_path / "one.png"), "--slice", "0", *ask]) == 2
    assert "one image, and --slice 0 was given" in capsys.readouterr().err


def test_nifti_is_explained_alone_and_in_a_folder(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    values = np.random.default_rng(0).integers(0, 255, (64, 64, 6)).astype(np.int16)
    (tmp_path / "in").mkdir()
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "in" / "scan.nii.gz")
    model = str(folder("models") / "mednist-lenet" / "model.pt")
    for number, place in enumerate((tmp_path / "in" / "scan.nii.gz", tmp_path / "in")):
        out = tmp_path / f"out{number}"
        assert main(["explain", model, str(place), "--methods", "saliency", "--out", str(out)]) == 0
        maps = np.load(next(out.glob("*-003.npz")))
        assert maps[next(name for name in maps.files if name != "about")].shape == (64, 64)
