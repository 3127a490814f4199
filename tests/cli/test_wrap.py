"""Foreign weights: wrapped, loaded again with the same answer, or refused in one line with nothing written."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from xaimed import load_model
from xaimed.architectures.zoo import build
from xaimed.cli.app import main
from xaimed.errors import UnsafeFile
from xaimed.types import Case

NAME = "torchvision/squeezenet1_1"
FACTORY = """
from torch import nn
def build(width=2):
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 2))
def text():
    return "no network"
"""


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    found: dict[str, Tensor] = build(NAME, 2).state_dict()
    return found


def wrapped(folder: Path, content: object, *more: str, architecture: str = NAME) -> int:
    torch.save(content, folder / "weights.pth")
    return main(["wrap", str(folder / "weights.pth"), "--architecture", architecture, "--out",
                 str(folder / "model.pt"), *more])


def test_the_wrapped_network_gives_the_same_answer_and_is_explained(
        tmp_path: Path, state: dict[str, Tensor], capsys: pytest.CaptureFixture[str]) -> None:
    holder = {"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}}
    steps = ["--preprocessing", "long_side=64", "multiple=64", "mean=0.5,0.4,0.3", "std=0.25"]
    assert wrapped(tmp_path, holder, "--classes", "benign,malignant", "--precision", "single", *steps) == 0
    told = capsys.readouterr().out
    assert "xaimed explain" in told
    assert "xaimed audit" in told
    model = load_model(tmp_path / "model.pt", "cpu")
    assert (model.task, model.classes, model.file.architecture) == ("classifier", ("benign", "malignant"), NAME)
    pixels = np.random.default_rng(0).random((3, 64, 64), dtype=np.float32)
    network = build(NAME, 2).eval()
    network.load_state_dict(state)
    with torch.no_grad():
        shown = (torch.from_numpy(pixels) - torch.tensor([0.5, 0.4, 0.3])[:, None, None]) / 0.25
        expected = network(shown[None]).softmax(1)[0].tolist()
    assert list(model.predict([Case(id="a", image=pixels)])[0].scores.values()) == pytest.approx(expected, abs=1e-5)
    film = tmp_path / "film.png"
    Image.fromarray((pixels.transpose(1, 2, 0) * 255).astype(np.uint8)).save(film)
    asked = ["explain", str(tmp_path / "model.pt"), str(film), "--methods", "grad_cam", "--out", str(tmp_path / "out"),
             "--target"]
    assert main([*asked, "malignant-benign", "--target", "probability:benign"]) == 0
    maps = np.load(next((tmp_path / "out").glob("*.npz")))
    assert sorted(maps.files) == ["about", "grad_cam/malignant-benign", "grad_cam/probability:benign"]
    assert maps["grad_cam/malignant-benign"].shape == (64, 64)
    assert "malignant 0." in capsys.readouterr().out
    assert main([*asked, "malign"]) == 2
    assert "did you mean 'malignant'" in capsys.readouterr().err


def refused(folder: Path, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    message = capsys.readouterr().err
    assert words in message
    assert message.count("\n") == 1
    assert not [path for path in folder.iterdir() if "model.pt" in path.name]


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("old", [False, True], ids=["archive", "old file"])
def test_weights_with_code_are_refused_and_not_run(tmp_path: Path, old: bool,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"state_dict": Trap(tmp_path / "harm")}, tmp_path / "w.pth", _use_new_zipfile_serialization=not old)
    assert main(["wrap", str(tmp_path / "w.pth"), "--architecture", NAME, "--classes", "a,b", "--out",
                 str(tmp_path / "model.pt")]) == 2
    refused(tmp_path, "holds objects that run code", capsys)
    assert not (tmp_path / "harm").exists()


def test_weights_that_do_not_fit_are_named(tmp_path: Path, state: dict[str, Tensor],
                                           capsys: pytest.CaptureFixture[str]) -> None:
    assert wrapped(tmp_path, state, "--classes", "a,b,c") == 2
    refused(tmp_path, "2 of another size: classifier.1.weight (2, 512, 1, 1) where (3, 512, 1, 1) is expected", capsys)
    renamed = {key.replace("classifier", "head"): value for key, value in state.items()}
    assert wrapped(tmp_path, renamed, "--classes", "a,b") == 2
    refused(tmp_path, "2 missing: classifier.1.weight, classifier.1.bias; 2 unexpected: head.1.weight, head.1.bias",
            capsys)
    assert wrapped(tmp_path, {}, "--classes", "a,b") == 2
    refused(tmp_path, "expected a state_dict of tensors", capsys)


@pytest.mark.parametrize(("more", "words"), [
    (["--architecture", "torchvision/squeezenet1_2"], "or 'torchvision/squeezenet1_1'"),
    (["--architecture", "torchvsion/resnet18"], "did you mean 'torchvision'"),
    (["--classes", ""], "task 'classification' without classes"),
    (["--classes", "a,a"], "expected each name once"),
    (["--task", "detecton"], "did you mean 'detection'"),
    (["--task", "detection"], "expected a two-stage detector"),
    (["--preprocessing", "longside=3"], "did you mean 'long_side'"),
    (["--preprocessing", "crop"], "expected KEY=VALUE"),
    (["--arguments", "depth=3"], "unexpected keyword argument 'depth'"),
])
def test_bad_input_is_one_line(tmp_path: Path, state: dict[str, Tensor], more: list[str], words: str,
                               capsys: pytest.CaptureFixture[str]) -> None:
    assert wrapped(tmp_path, state, "--classes", "a,b", *more) == 2
    refused(tmp_path, words, capsys)


def test_a_factory_runs_where_it_is_named_and_needs_consent_later(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrap_factory_nets.py").write_text(FACTORY)
    name = "wrap_factory_nets:build"
    import_state = {"0.weight": torch.ones(4, 1, 3, 3), "0.bias": torch.zeros(4), "3.weight": torch.ones(2, 4),
                    "3.bias": torch.zeros(2)}
    torch.save({"model": import_state}, "w.pth")
    asked = ["wrap", "w.pth", "--classes", "a,b", "--factory"]
    assert main([*asked, "wrap_factory_nets:text"]) == 2
    assert "gives str; expected a torch.nn.Module" in capsys.readouterr().err
    assert main([*asked, "wrap_factory_nets:biuld"]) == 2
    assert "has no function 'biuld'" in capsys.readouterr().err
    assert main([*asked, name, "--arguments", "width=4"]) == 0
    assert f"running code that is not part of xaimed: {name}" in capsys.readouterr().err
    with pytest.raises(UnsafeFile, match="set XAIMED_FACTORY=wrap_factory_nets:build"):
        load_model("model.pt", "cpu")
    monkeypatch.setenv("XAIMED_FACTORY", name)
    assert load_model("model.pt", "cpu").classes == ("a", "b")
    assert name in capsys.readouterr().err
