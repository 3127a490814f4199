"""Explaining files from the shell: pictures and maps under pseudonyms, on real DICOM where it is at hand."""

from __future__ import annotations

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
    assert {name.split("/")[0] for name in maps.files} == {"grad_cam", "saliency"}
    assert all(maps[name].shape == (height, width) and np.ptp(maps[name]) > 0 for name in maps.files)
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
])
def test_bad_input_is_one_line(arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                               capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    _film(tmp_path / "film.png")
    (tmp_path / "text.png").write_text("no picture")
    code = main(["explain", MODEL, *arguments, "--out", "out"])
    message = [line for line in capsys.readouterr().err.splitlines() if line.startswith("xaimed")]
    assert code == 2
    assert len(message) == 1
    assert words in message[0]
    assert not list(tmp_path.glob("out/*"))
